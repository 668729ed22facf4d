"""Consumes a blocking iterator in a thread, so that the caller can enforce timeouts and cancellation.

Promises: items in order; the iterator's end and its errors reach the consumer; a consumer that cancels waits
for nothing. The thread then ends with the next item, or with the iterator's own timeout.
"""

import contextvars
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Item(Generic[T]):
    value: T


class ThreadedIterator(Generic[T]):
    """One iterator, read in a thread that starts at once."""

    def __init__(self, start: Callable[[], Iterable[T]], close: Callable[[Iterable[T]], None]) -> None:
        """``start`` opens the iterator, in the thread; ``close`` is called with it there when reading ends."""
        self._results: SimpleQueue[_Item[T] | BaseException] = SimpleQueue()
        self._start, self._close = start, close
        self.opened: Iterable[T] | None = None
        self._cancelled = threading.Event()
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._read,), name="model-stream", daemon=True).start()

    def next(self, timeout_seconds: float) -> T:
        """Returns the next item; raises TimeoutError, StopIteration at the end, or the iterator's error."""
        try:
            result = self._results.get(timeout=timeout_seconds)
        except Empty:
            raise TimeoutError from None
        if isinstance(result, _Item):
            return result.value
        raise result

    def cancel(self) -> None:
        """Tells the thread that no more items are needed."""
        self._cancelled.set()

    def _read(self) -> None:
        try:
            self.opened = self._start()
            if self._cancelled.is_set():
                return
            for item in self.opened:
                if self._cancelled.is_set():
                    break
                self._results.put(_Item(item))
            self._results.put(StopIteration())
        except BaseException as error:  # noqa: BLE001  passed to the consumer
            self._results.put(error)
        finally:
            if self.opened is not None:
                self._close(self.opened)
