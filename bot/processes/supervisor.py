"""Keeps a fixed number of worker processes running, one per core.

The parent imports the heavy libraries and uses none of them (lancedb is not fork-safe once used), then forks, so
that the children share those pages. It replaces a child that dies.
"""

import gc
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from agent import observability
from bot.processes import parent_watch
from bot.processes.signals import STOPS, Signals

RESTART_SECONDS = 1


def supervise(n_processes: int, child: Callable[[], None], *, preload: Callable[[], None]) -> None:
    """Forks ``n_processes`` workers after ``preload`` and replaces those that die, until SIGTERM or SIGINT."""
    preload()
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, every shared page
    life = os.pipe()  # ends with this process, and its children then stop
    signals = Signals(*STOPS, signal.SIGCHLD)
    children = {_fork(child, life, signals) for _ in range(n_processes)}
    while signals.wait() not in STOPS:
        dead = _reap() & children
        for pid in dead:
            observability.log.error("worker_died", pid=pid)
        time.sleep(RESTART_SECONDS if dead else 0)
        children = (children - dead) | {_fork(child, life, signals) for _ in dead}
    for pid in children:
        os.kill(pid, signal.SIGTERM)
    for pid in children:
        os.waitpid(pid, 0)


def _reap() -> set[int]:
    """Returns the children that have ended, also those of dead workers that the kernel passed on to it."""
    dead = set()
    with suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            dead.add(pid)
    return dead


def _fork(child: Callable[[], None], life: tuple[int, int], signals: Signals) -> int:
    with signals.forking():
        pid = os.fork()
    if pid:
        return pid
    try:
        os.close(life[1])
        parent_watch.exit_when_parent_dies(life[0])
        child()
    except BaseException as error:  # noqa: BLE001  a forked child must never return into its parent's code
        observability.report(error, event="worker_failed")
        observability.flush()
        os._exit(1)
    os._exit(0)
