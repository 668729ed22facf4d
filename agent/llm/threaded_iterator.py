"""Reads a blocking iterator in a thread of its own, so that who consumes it can watch a clock meanwhile.

Promises: items in order; the iterator's end and its errors reach the consumer; a consumer that leaves early waits
for nothing. The thread then ends with the next item, or with the iterator's own time limit.
"""

import contextvars
import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class ThreadedIterator(Generic[T]):
    """``start`` opens the iterator, in the thread; ``close`` is called with it there when reading ends."""

    def __init__(self, start: Callable[[], Iterable[T]], close: Callable[[Iterable[T]], None]) -> None:
        self._arrived: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
        self._start, self._close = start, close
        self.opened: Iterable[T] | None = None
        self._left = threading.Event()
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._read,), name="feed", daemon=True).start()

    def next(self, timeout_seconds: float) -> T:
        """The next item; raises TimeoutError, StopIteration at the end, or the iterator's error."""
        try:
            is_item, value = self._arrived.get(timeout=timeout_seconds)
        except Empty:
            raise TimeoutError from None
        if is_item:
            item: T = value
            return item
        raise value

    def cancel(self) -> None:
        """Nobody waits for more."""
        self._left.set()

    def _read(self) -> None:
        try:
            self.opened = self._start()
            if self._left.is_set():
                return
            for item in self.opened:
                if self._left.is_set():
                    break
                self._arrived.put((True, item))
            self._arrived.put((False, StopIteration()))
        except BaseException as error:  # noqa: BLE001  handed to the consumer
            self._arrived.put((False, error))
        finally:
            if self.opened is not None:
                self._close(self.opened)
