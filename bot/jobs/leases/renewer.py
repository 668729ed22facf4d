"""Renews the leases of a worker process, from where nothing that the worker computes can hold it up.

The threads of a worker share one interpreter. While a call holds it, or forty turns compute, a thread that renews
leases does not run, and after nine seconds every turn would be answered twice. So a worker's renewer is a process
of its own, forked before the worker has threads, with a connection of its own. A pipe joins the two: the worker
says which turns it holds, the renewer how long they are valid and which should stop.

Promises to renew nothing for a worker that is dead (the pipe ends, and so does the renewer) or was silent for
``MAX_SILENCE_SECONDS``, and no turn beyond the time at which it is given up. Where there is one turn at a time, as
in a terminal, a thread does it.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.settings import AgentSettings
from agent.store import sessions
from agent.store.database import Database

RENEWALS_PER_LEASE = 4
MAX_RENEWAL_PAUSE_SECONDS = 1.0  # each renewal asks for cancellations too
MAX_SILENCE_SECONDS = 30.0  # a worker says once a second that it lives; one that is busy may be late by several


@dataclass(frozen=True)
class TurnHeld:
    """The worker holds a turn. It is given up at ``given_up_at``, ``time.monotonic()`` seconds on this machine."""

    token: UUID
    given_up_at: float


@dataclass(frozen=True)
class TurnDropped:
    """The worker holds it no more."""

    token: UUID


@dataclass(frozen=True)
class SignOfLife:
    """The worker runs."""


@dataclass(frozen=True)
class WorkerEnds:
    """The worker ends: nothing is to be renewed any more."""


@dataclass(frozen=True)
class Renewal:
    """What the worker is told of the first ``n_holds`` turns that it named.

    They are valid until then, ``time.monotonic()`` seconds, but for those that are ``lost``, or ``busy`` because a
    step is being written to them.
    """

    n_holds: int
    valid_until: float
    busy: frozenset[UUID]
    cancelled: frozenset[UUID]
    lost: frozenset[UUID]


@dataclass(frozen=True)
class ForkedRenewer:
    """A renewer as a child of the worker, and the worker's end of the pipe."""

    pid: int
    pipe: Connection

    def wait(self, seconds: float) -> None:
        """Waits until it has ended: who adopts it may leave it in the list of processes for ever."""
        until = time.monotonic() + seconds
        with suppress(ChildProcessError):
            while not os.waitpid(self.pid, os.WNOHANG)[0] and time.monotonic() < until:
                time.sleep(0.01)


def fork(settings: AgentSettings) -> ForkedRenewer:
    """Starts a renewer as a process.

    Call it before the process has open connections or threads, but for the one that waits for its supervisor's
    end, and before it lowers its priority. Signals do not end the renewer: the worker may work for some seconds
    after its own.
    """
    assert settings.database_url
    ours, theirs = multiprocessing.Pipe()
    if pid := os.fork():
        theirs.close()
        return ForkedRenewer(pid, ours)
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        ours.close()
        observability.set_up(settings, process="worker")
        url = settings.database_url.get_secret_value()
        Renewer(theirs, Database(url, pool_size=1), lease_seconds=settings.lease_seconds).run()
    except BaseException as error:  # noqa: BLE001  a forked process must never return into the worker's code
        observability.report(error, event="lease_renewer_failed")
        observability.flush()
        os._exit(1)
    os._exit(0)


def start_thread(database_url: str, *, lease_seconds: float) -> Connection:
    """Starts a renewer as a thread of this process; returns the other end of its pipe."""
    ours, theirs = multiprocessing.Pipe()
    renewer = Renewer(theirs, Database(database_url, pool_size=1), lease_seconds=lease_seconds)
    threading.Thread(target=renewer.run, name="lease-renewer", daemon=True).start()
    return ours


class Renewer:
    """Renews every turn that is held with one statement, a few times per lease, until the pipe ends."""

    def __init__(self, pipe: Connection, database: Database, *, lease_seconds: float) -> None:
        self._pipe, self._database, self._lease_seconds = pipe, database, lease_seconds
        self._pause_seconds = min(lease_seconds / RENEWALS_PER_LEASE, MAX_RENEWAL_PAUSE_SECONDS)
        self._given_up_at: dict[UUID, float] = {}  # by the token of each turn that is held
        self._n_holds = 0
        self._heard_at = time.monotonic()

    def run(self) -> None:
        """Works until the worker ends."""
        try:
            while self._listen(time.monotonic() + self._pause_seconds):
                try:
                    renewal = self._renew()
                except Exception as error:  # noqa: BLE001  without a renewer, every turn of the worker is lost
                    observability.report(error, event="lease_renewal_failed")
                    continue
                if renewal:
                    self._pipe.send(renewal)
        except OSError:  # the worker is gone
            pass
        finally:
            self._database.close()
            self._pipe.close()

    def _listen(self, until: float) -> bool:
        """Takes what the worker says until then; returns False when it has ended."""
        while self._pipe.poll(max(0.0, until - time.monotonic())):
            try:
                message = self._pipe.recv()
            except EOFError:
                return False
            self._heard_at = time.monotonic()
            match message:
                case TurnHeld(token, given_up_at):
                    self._given_up_at[token] = given_up_at
                    self._n_holds += 1
                case TurnDropped(token):
                    self._given_up_at.pop(token, None)
                case WorkerEnds():
                    return False
        return True

    def _renew(self) -> Renewal | None:
        """Renews what is held; returns None where nothing is, or Postgres is away."""
        started_at = time.monotonic()
        if not self._given_up_at or started_at - self._heard_at > MAX_SILENCE_SECONDS:
            return None
        tokens = [token for token, given_up_at in self._given_up_at.items() if given_up_at > started_at]
        try:
            with self._database.transaction() as transaction:
                held = sessions.renew(transaction, tokens, lease_seconds=self._lease_seconds)
        except SQLAlchemyError as error:
            observability.log.warning("lease_renewal_failed", error_type=type(error).__name__)
            return None
        lost = frozenset(self._given_up_at.keys() - held)
        self._forget(lost)
        return Renewal(
            self._n_holds,
            started_at + self._lease_seconds,
            busy=frozenset(token for token, lease in held.items() if not lease.is_renewed),
            cancelled=frozenset(token for token, lease in held.items() if lease.is_cancelled),
            lost=lost,
        )

    def _forget(self, tokens: Iterable[UUID]) -> None:
        for token in tokens:
            del self._given_up_at[token]
