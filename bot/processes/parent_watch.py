"""Stops this process when its parent dies: the parent holds the other end of a pipe open.

Works wherever there are pipes, and after SIGKILL too, because the kernel closes a dead process's pipes.
"""

import os
import signal
import threading


def exit_when_parent_dies(descriptor: int) -> None:
    """Sends this process SIGTERM when ``descriptor``, the reading end of a pipe, ends."""
    threading.Thread(target=_wait, args=(descriptor,), name="parent-watch", daemon=True).start()


def _wait(descriptor: int) -> None:
    try:
        while os.read(descriptor, 1024):
            pass
    except OSError:  # closed in this process: there is no parent to watch any more
        return
    os.kill(os.getpid(), signal.SIGTERM)
