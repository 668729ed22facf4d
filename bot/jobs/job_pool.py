"""The threads that run a process's jobs, and as many slots."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class JobPool:
    """A bounded pool. It outlives a connection to Redis, and so bounds all jobs of the process.

    A caller takes a slot of ``slots`` before it takes a job, and its job releases the slot.
    """

    def __init__(self, concurrency: int, *, name: str = "turn") -> None:
        self.slots = threading.Semaphore(concurrency)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix=name)
        self._running: set[Future[None]] = set()

    @property
    def is_busy(self) -> bool:
        """Returns whether a job is running."""
        return any(not job.done() for job in tuple(self._running))

    def submit(self, perform: Callable[[], None]) -> None:
        """Runs the job in a thread; the caller has taken its slot."""
        job = self._threads.submit(perform)
        self._running.add(job)
        job.add_done_callback(self._running.discard)
