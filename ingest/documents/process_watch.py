"""Kills a child process that takes too long or uses too much memory, and explains why a child ended."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import psutil

from ingest.documents.exchange import Failure

_CHECK_SECONDS = 0.05  # between two checks of the child's memory
_NEAR_LIMIT = 0.8  # of the memory: a child that aborted above this ran out of it, as PDFium does


class ProcessWatch:
    """Watches one child from a thread, so that the parent may block on the child's answer.

    One thread for the child's whole life, not one for each document: in a sync of small documents, starting and
    ending threads took two fifths of the running time (py-spy).
    """

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        self._memory_limit = 0
        self._deadline: float | None = None  # of the document being read
        self._peak_bytes = 0  # of address space
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.failure: Failure | None = None
        self._thread.start()

    def begin(self, *, seconds: float, memory_bytes: int) -> None:
        """Starts to enforce these limits, for one document."""
        with self._lock:
            self._memory_limit, self._peak_bytes = memory_bytes, 0
            self._deadline = time.monotonic() + seconds

    def end(self) -> None:
        """Stops enforcing limits: the document is read."""
        with self._lock:
            self._deadline = None

    def close(self) -> None:
        """Ends the thread; the child is no longer needed."""
        self._is_over.set()
        self._thread.join()

    def explain_exit(self, code: int | None) -> Failure:
        """Returns why a child ended that was not killed here."""
        if code == -signal.SIGXCPU:
            return Failure.CPU
        is_abort = code in {-signal.SIGABRT, -signal.SIGTRAP, -signal.SIGILL, -signal.SIGSEGV}
        is_out_of_memory = is_abort and self._peak_bytes >= _NEAR_LIMIT * self._memory_limit
        return Failure.MEMORY if is_out_of_memory else Failure.CRASH

    def _run(self) -> None:
        while self.failure is None and not self._is_over.wait(_CHECK_SECONDS):
            deadline = self._deadline
            if deadline is None:
                continue
            if time.monotonic() > deadline:
                self._kill(Failure.TIME, deadline)
            elif self._measure_memory() > self._memory_limit:
                self._kill(Failure.MEMORY, deadline)

    def _measure_memory(self) -> int:
        """Returns the bytes that the child has in use; 0 when it is gone."""
        with suppress(psutil.Error):
            memory = psutil.Process(self._child.pid).memory_info()
            if sys.platform == "linux":  # elsewhere address space says nothing
                self._peak_bytes = max(self._peak_bytes, memory.vms)
            return int(memory.rss)
        return 0

    def _kill(self, failure: Failure, deadline: float) -> None:
        """Kills the child, unless it has begun another document meanwhile."""
        with self._lock:
            if self._deadline == deadline:
                self.failure = failure
                self._child.kill()
