"""Receives signals whichever thread the system delivers them to.

Python runs a handler in the main thread, between two of its steps, and relies on the signal to wake that thread.
It does not if another thread received the signal, such as one that is just being started (LanceDB and
``subprocess`` start many): a worker that waited for Redis then learned of its stop half a minute later. Every
thread writes to the wakeup descriptor, so the main thread waits for that.
"""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager

STOPS = frozenset({signal.SIGTERM, signal.SIGINT})


class Signals:
    """Receives the given signals in place of their handlers; one per process, made in its main thread."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self._numbers = numbers
        self._reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, lambda *_: None)

    def wait(self, timeout_seconds: float | None = None) -> signal.Signals | None:
        """Returns the next signal, or None if none arrives in time."""
        if not select.select([self._reading], [], [], timeout_seconds)[0]:
            return None
        return signal.Signals(os.read(self._reading, 1)[0])

    @contextmanager
    def forking(self) -> Iterator[None]:
        """Encloses a fork: the child gets the signals' defaults and does not write to its parent's descriptor."""
        parent = os.getpid()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)
        try:
            yield
        finally:
            if os.getpid() != parent:
                signal.set_wakeup_fd(-1)
                for number in self._numbers:
                    signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
