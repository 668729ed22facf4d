"""Signals, heard whichever thread the system hands them to.

Python runs a handler in the main thread, between two of its steps, and trusts that the signal has woken that
thread. It has not when another thread took the signal off first, as one does that is just being started (LanceDB
and ``subprocess`` start many): a worker that waited for Redis then heard of its stop half a minute later. What
every thread does is to write to the wakeup descriptor, so the main thread waits for that.
"""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager

STOPS = frozenset({signal.SIGTERM, signal.SIGINT})


class Signals:
    """Receives these signals in place of what they did before; one in a process, made in its main thread."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self._numbers = numbers
        self._reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, lambda *_: None)

    def wait(self, timeout_seconds: float | None = None) -> signal.Signals | None:
        """The next signal, or None when none came in time."""
        if not select.select([self._reading], [], [], timeout_seconds)[0]:
            return None
        return signal.Signals(os.read(self._reading, 1)[0])

    @contextmanager
    def forking(self) -> Iterator[None]:
        """Around a fork: a child writes nothing into its parent's descriptor, and has the signals' defaults."""
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
