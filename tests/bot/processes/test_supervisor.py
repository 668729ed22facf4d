"""Workers that die are replaced, and all end with their supervisor."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

PROGRAM = """
import os, signal, sys
from pathlib import Path
from bot.processes import supervisor
from bot.processes.signals import STOPS, Signals

folder = Path(sys.argv[1])

def child():
    signals = Signals(*STOPS)
    (folder / str(os.getpid())).touch()
    signals.wait()

supervisor.supervise(2, child, preload=lambda: (folder / "preloaded").touch())
"""


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until, "did not happen within 30 s"
        time.sleep(0.05)


def workers(folder: Path) -> set[int]:
    """The process ids that have run."""
    return {int(path.name) for path in folder.iterdir() if path.name.isdigit()}


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_worker_that_dies_is_replaced_and_all_stop_on_sigterm(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)])
    try:
        wait_for(lambda: len(workers(tmp_path)) == 2)
        assert (tmp_path / "preloaded").exists()
        first, _ = workers(tmp_path)
        psutil.Process(first).kill()
        wait_for(lambda: len(workers(tmp_path)) == 3)
    finally:
        process.terminate()
    assert process.wait(120) == 0
    assert all(is_gone(pid) for pid in workers(tmp_path))


def test_workers_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)])
    wait_for(lambda: len(workers(tmp_path)) == 2)
    process.kill()
    process.wait(120)
    wait_for(lambda: all(is_gone(pid) for pid in workers(tmp_path)))
