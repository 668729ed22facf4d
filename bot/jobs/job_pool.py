"""The threads that run a process's jobs, and when one may begin: a job that waits costs nothing.

A turn computes until it asks a model, and mostly waits from then on. Where all questions of a burst began at once,
forty threads would share one interpreter, and each turn, and the renewal of its lease, would take as long as all
together. So few begin at a time; the others stay in Redis, for whichever process has room first.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

COMPUTING_SECONDS = 1.0  # a job counts as computing for so long at most: it may wait where nobody says so
LOOK_SECONDS = 0.25
REST_SECONDS = 3.0

_of_thread = threading.local()


class Slot:
    """The right to run one job; it is given back once."""

    def __init__(self, pool: "JobPool") -> None:
        self._pool = pool
        self.taken_at = time.monotonic()
        self.is_computing = True

    def note_waiting(self) -> None:
        """Lets another job begin: this one waits from now on."""
        if self.is_computing:
            self.is_computing = False
            self._pool.look_again()

    def rest_pool(self) -> None:
        """Has the pool give no further slot for a while."""
        self._pool.rest()

    def release(self) -> None:
        """Gives the slot back."""
        self._pool.give_back(self)


class JobPool:
    """A bounded pool. It outlives a connection to Redis, and so bounds all jobs of the process.

    At most ``concurrency`` jobs run, of which ``n_computing`` compute. A caller takes a slot before a job.
    """

    def __init__(self, concurrency: int, *, n_computing: int | None = None, name: str = "turn") -> None:
        self._concurrency, self._n_computing = concurrency, n_computing or concurrency
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix=name)
        self._running: set[Future[None]] = set()
        self._slots: set[Slot] = set()
        self._changed = threading.Condition()
        self._rests_until = 0.0

    @property
    def is_busy(self) -> bool:
        """Returns whether a job is running."""
        return any(not job.done() for job in tuple(self._running))

    def take(self, timeout_seconds: float) -> Slot | None:
        """Waits for a slot; returns None where there is none in time."""
        until = time.monotonic() + timeout_seconds
        with self._changed:
            while not self._has_room():
                left = until - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(min(left, LOOK_SECONDS))
            slot = Slot(self)
            self._slots.add(slot)
            return slot

    def submit(self, slot: Slot, perform: Callable[[], None]) -> None:
        """Runs the job in a thread, and gives its slot back when it ends."""

        def run() -> None:
            _of_thread.slot = slot
            try:
                perform()
            finally:
                _of_thread.slot = None
                slot.release()

        job = self._threads.submit(run)
        self._running.add(job)
        job.add_done_callback(self._running.discard)

    def rest(self) -> None:
        """Gives no slots for :data:`REST_SECONDS`: a job that began now would fail here as the last one did."""
        self._rests_until = time.monotonic() + REST_SECONDS

    def look_again(self) -> None:
        """Wakes those who wait for a slot."""
        with self._changed:
            self._changed.notify_all()

    def give_back(self, slot: Slot) -> None:
        """Takes a slot back."""
        with self._changed:
            self._slots.discard(slot)
            self._changed.notify_all()

    def _has_room(self) -> bool:
        if time.monotonic() < self._rests_until:
            return False
        since = time.monotonic() - COMPUTING_SECONDS
        n_computing = sum(slot.is_computing and slot.taken_at > since for slot in self._slots)
        return len(self._slots) < self._concurrency and n_computing < self._n_computing


def note_waiting() -> None:
    """Tells the pool that the job of this thread waits from now on; does nothing in a thread of no pool."""
    slot: Slot | None = getattr(_of_thread, "slot", None)
    if slot:
        slot.note_waiting()


def rest() -> None:
    """Has the pool of this thread begin no job for a while; does nothing in a thread of no pool."""
    slot: Slot | None = getattr(_of_thread, "slot", None)
    if slot:
        slot.rest_pool()
