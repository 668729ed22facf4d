"""Ties this process's life to another's: when a pipe that the other holds open ends, this process is told to stop.

Works wherever there are pipes; a process that dies of SIGKILL closes its pipes too.
"""

import os
import signal
import threading


def exit_when_parent_dies(descriptor: int) -> None:
    """Sends this process SIGTERM when ``descriptor``, the reading end of a pipe, ends."""
    threading.Thread(target=_wait, args=(descriptor,), name="tied", daemon=True).start()


def _wait(descriptor: int) -> None:
    try:
        while os.read(descriptor, 1024):
            pass
    except OSError:  # closed in this process: nothing to wait for any more
        return
    os.kill(os.getpid(), signal.SIGTERM)
