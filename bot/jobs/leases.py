"""The leases that a worker process holds: one thread renews them all, and learns of cancellations."""

import threading
import time
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import Cancelled, DocentError, LeaseLost
from agent.store import sessions
from agent.store.database import Database

RENEWALS_PER_LEASE = 4
MAX_RENEWAL_PAUSE_SECONDS = 1.0  # each renewal asks for cancellations too


class Abandoned(DocentError):
    """The process is ending: give the turn back."""


@dataclass
class Lease:
    """The right to work on one turn. The thread that works on it calls :meth:`check` often."""

    token: UUID
    valid_until: float  # time.monotonic() seconds; a worker that cannot renew stops by itself
    given_up_at: float  # time.monotonic() seconds; not renewed after it
    is_cancelled: bool = False
    is_lost: bool = False
    has_next: bool = True  # whether the session may have another open question
    stopping: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises LeaseLost, Cancelled or Abandoned if the turn must not go on."""
        if self.is_lost or time.monotonic() > self.valid_until:
            raise LeaseLost("the lease ran out")
        if self.is_cancelled:
            raise Cancelled("a person asked to stop")
        if self.stopping.is_set():
            raise Abandoned("the worker is stopping")


class Leases:
    """Renews every held lease with one statement, a few times per lease.

    A turn that is held for longer than ``longest_seconds`` hangs where no deadline reaches: its lease is not
    renewed any more, so that another worker takes it, and after its last attempt it ends visibly.
    """

    def __init__(self, database: Database, *, lease_seconds: float, longest_seconds: float) -> None:
        # A connection of its own: renewals must not queue behind turns for the process's pool.
        self._database = Database(database.url, pool_size=1)
        self._lease_seconds = lease_seconds
        self._longest_seconds = longest_seconds
        self._held: dict[UUID, Lease] = {}
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._thread.start()

    def add(self, token: UUID, *, claimed_at: float) -> Lease:
        """Begins to renew a lease; ``claimed_at`` is the ``time.monotonic()`` before the claim."""
        given_up_at = claimed_at + self._longest_seconds
        lease = Lease(token, claimed_at + self._lease_seconds, given_up_at, stopping=self.stopping)
        with self._lock:
            self._held[token] = lease
        return lease

    def drop(self, lease: Lease) -> None:
        """Stops renewing the lease of a turn that has ended."""
        with self._lock:
            self._held.pop(lease.token, None)

    def note_next(self, token: UUID, *, has_next: bool) -> None:
        """Notes whether the session of a turn that ends has another open question."""
        with self._lock:
            if token in self._held:
                self._held[token].has_next = has_next

    @property
    def n_held(self) -> int:
        """Returns how many turns this process works on."""
        return len(self._held)

    def put_back(self) -> list[UUID]:
        """Gives back every held turn when the process ends; returns the sessions to wake."""
        with self._lock:
            tokens = list(self._held)
        with self._database.transaction() as transaction:
            return sessions.put_all_back(transaction, tokens)

    def close(self) -> None:
        """Ends the thread."""
        self._closed.set()
        self._thread.join(self._lease_seconds)
        self._database.close()

    def _run(self) -> None:
        while not self._closed.wait(min(self._lease_seconds / RENEWALS_PER_LEASE, MAX_RENEWAL_PAUSE_SECONDS)):
            now = time.monotonic()
            with self._lock:
                leases = {token: lease for token, lease in self._held.items() if lease.given_up_at > now}
            try:
                if leases:
                    self._renew(leases)
            except Exception as error:  # noqa: BLE001  without this thread, every turn of the process is lost
                observability.report(error, event="lease_renewal_failed")

    def _renew(self, leases: dict[UUID, Lease]) -> None:
        started_at = time.monotonic()
        try:
            with self._database.transaction() as transaction:
                is_cancelled = sessions.renew(transaction, leases, lease_seconds=self._lease_seconds)
        except SQLAlchemyError as error:
            observability.log.warning("lease_renewal_failed", error_type=type(error).__name__)
            return
        for token, lease in leases.items():
            if token in is_cancelled:
                lease.valid_until = started_at + self._lease_seconds
                lease.is_cancelled = is_cancelled[token]
            else:
                lease.is_lost = True
