"""The lock around all stored state, and waiting for it to change.

Owns the lock, the revision and the watchers. Promises that what changed while the lock was held is flushed before
anybody else can see it.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class FlushingLock:
    """A reentrant lock that calls `flush` before its outermost holder releases it. `inner` is for conditions."""

    def __init__(self, flush: Callable[[], None]) -> None:
        self.inner = threading.RLock()
        self._flush = flush
        self._depth = 0

    def __enter__(self) -> None:
        self.inner.acquire()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        try:
            if self._depth == 1:
                self._flush()
        finally:
            self._depth -= 1
            self.inner.release()


class Changes:
    """Counts changes of the workspace and wakes those that wait for one."""

    def __init__(self, flush: Callable[[], None]) -> None:
        self.lock = FlushingLock(flush)
        self._condition = threading.Condition(self.lock.inner)
        self.revision = 0
        self.watchers: set[Callable[[], None]] = set()  # called after each change, from any thread

    def notify(self) -> None:
        """Counts one change and wakes all that wait; the caller holds the lock."""
        self.revision += 1
        self._condition.notify_all()
        for wake in tuple(self.watchers):
            wake()

    def wait_for(self, predicate: Callable[[], T], timeout: float, summarize: Callable[[], str]) -> T:
        """Returns the first truthy value of `predicate`, tried after each change; raises `TimeoutError`."""
        with self._condition:
            deadline = time.monotonic() + timeout
            while not (value := predicate()):
                left = deadline - time.monotonic()
                if left <= 0 or not self._condition.wait(left):
                    if value := predicate():
                        return value
                    raise TimeoutError(f"not within {timeout} s; {summarize()}")
            return value
