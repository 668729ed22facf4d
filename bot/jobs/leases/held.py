"""The leases that a worker process holds, and whether each is still valid.

They are renewed by a :mod:`.renewer`, which is not held up by what the process computes. A thread here only takes
what it says; where that thread was held up too, the thread that works on a turn does.
"""

import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from uuid import UUID

from agent.errors import Cancelled, DocentError, LeaseLost
from agent.store import sessions
from agent.store.database import Database
from bot.jobs.leases import renewer
from bot.jobs.leases.renewer import Renewal, SignOfLife, TurnDropped, TurnHeld, WorkerEnds

SIGN_OF_LIFE_SECONDS = 1.0
CLOSE_SECONDS = 2.0
FULL_PIPE_SECONDS = 3.0  # a renewal that Postgres answers takes no longer, and then the renewer listens


class Abandoned(DocentError):
    """The process is ending: give the turn back."""


def _take_nothing() -> None:
    """Takes no news: nobody renews."""


@dataclass
class Lease:
    """The right to work on one turn. The thread that works on it calls :meth:`check` often."""

    token: UUID
    valid_until: float  # time.monotonic() seconds; a worker whose lease is not renewed stops by itself
    n: int = 0  # it is the n-th of its process
    is_cancelled: bool = False
    is_lost: bool = False
    has_next: bool = True  # whether the session may have another open question
    stopping: threading.Event = field(default_factory=threading.Event)
    take_news: Callable[[], None] = _take_nothing

    def check(self) -> None:
        """Raises LeaseLost, Cancelled or Abandoned if the turn must not go on."""
        if time.monotonic() > self.valid_until:  # or the thread that takes the news was held up
            self.take_news()
        if self.is_lost or time.monotonic() > self.valid_until:
            raise LeaseLost("the lease ran out")
        if self.is_cancelled:
            raise Cancelled("a person asked to stop")
        if self.stopping.is_set():
            raise Abandoned("the worker is stopping")


class Leases:
    """Names the turns that this process holds to the renewer at the other end of ``pipe``.

    A turn that is held for longer than ``longest_seconds`` hangs where no deadline reaches: its lease is not
    renewed any more, so that another worker takes it, and after its last attempt it ends visibly. Without a
    ``pipe``, a thread of this process renews.
    """

    def __init__(
        self,
        database: Database,
        *,
        lease_seconds: float,
        longest_seconds: float,
        pipe: Connection | None = None,
    ) -> None:
        self._database = Database(
            database.url, pool_size=1
        )  # turns that hang may have all connections of the other
        self._lease_seconds = lease_seconds
        self._longest_seconds = longest_seconds
        self._pipe = pipe or renewer.start_thread(database.url, lease_seconds=lease_seconds)
        self._held: dict[UUID, Lease] = {}
        self._n_added = 0
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self.has_renewer = True
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._thread.start()

    def add(self, token: UUID, *, claimed_at: float) -> Lease:
        """Begins to renew a lease; ``claimed_at`` is the ``time.monotonic()`` before the claim."""
        valid_until = claimed_at + self._lease_seconds
        with self._lock:
            self._n_added += 1
            lease = Lease(token, valid_until, self._n_added, stopping=self.stopping, take_news=self._take_news)
            self._held[token] = lease
            self._say(TurnHeld(token, claimed_at + self._longest_seconds))
        return lease

    def hold_again(self, lease: Lease) -> None:
        """Counts the turn of a lease as one that is held from now on: it begins again, and what was said of it
        before, that it was to stop, is over."""
        with self._lock:
            self._n_added += 1
            lease.n, lease.is_cancelled = self._n_added, False
            self._say(TurnHeld(lease.token, time.monotonic() + self._longest_seconds))

    def drop(self, lease: Lease) -> None:
        """Stops renewing the lease of a turn that has ended."""
        with self._lock:
            self._held.pop(lease.token, None)
            self._say(TurnDropped(lease.token))

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
        """Ends the renewer, and the thread."""
        with self._lock:
            self._say(WorkerEnds())
        self._thread.join(CLOSE_SECONDS)
        self._database.close()

    def _run(self) -> None:
        """Takes what the renewer says, and says that this process runs, until the pipe ends."""
        said_at = 0.0
        while self.has_renewer:
            self._pipe.poll(SIGN_OF_LIFE_SECONDS)
            self._take_news()
            if time.monotonic() - said_at >= SIGN_OF_LIFE_SECONDS and self._held:
                said_at = time.monotonic()
                with self._lock:
                    self._say(SignOfLife())
        self._pipe.close()

    def _say(self, message: TurnHeld | TurnDropped | SignOfLife | WorkerEnds) -> None:
        """Sends a message; gives the renewer up where the pipe stays full, for then it renews nothing either.

        It never waits for long, because it holds the lock, which turns take to check their leases.
        """
        is_sign = isinstance(message, SignOfLife)
        try:
            if self.has_renewer and _has_room(self._pipe, 0 if is_sign else FULL_PIPE_SECONDS):
                self._pipe.send(message)
            elif not is_sign:
                self.has_renewer = False
        except OSError:  # _take_news finds its end, too
            self.has_renewer = False

    def _take_news(self) -> None:
        """Takes what the renewer has said so far."""
        with self._lock:
            try:
                while self.has_renewer and self._pipe.poll():
                    self._note(self._pipe.recv())
            except (EOFError, OSError):
                self.has_renewer = False

    def _note(self, renewal: Renewal) -> None:
        for token, lease in self._held.items():
            if token in renewal.lost:
                lease.is_lost = True
            elif lease.n <= renewal.n_holds:
                lease.is_cancelled = token in renewal.cancelled
                if token not in renewal.busy:
                    lease.valid_until = renewal.valid_until


def _has_room(pipe: Connection, timeout_seconds: float) -> bool:
    """Returns whether a message can be sent without waiting, as soon as it can or after ``timeout_seconds``."""
    poll = select.poll()  # unlike select(), it takes descriptors above 1023
    poll.register(pipe, select.POLLOUT)
    return bool(poll.poll(timeout_seconds * 1000))
