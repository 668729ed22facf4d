"""Signals reach the main thread through whichever thread the system hands them to."""

import subprocess
import sys

import pytest

TAKEN_ELSEWHERE = """
import signal, threading
from bot.processes.signals import STOPS, Signals

signals = Signals(*STOPS)
thread = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
threading.Timer(0.2, thread.start).start()
print(signals.wait(120).name, signals.wait(0))
"""

CHILD = """
import os, signal
from bot.processes.signals import STOPS, Signals

signals = Signals(*STOPS, signal.SIGCHLD)
with signals.forking():
    pid = os.fork()
if not pid:
    signal.pause()
os.kill(pid, signal.SIGTERM)
print(os.waitpid(pid, 0)[1] == signal.SIGTERM, signals.wait(120).name, signals.wait(0))
"""


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (TAKEN_ELSEWHERE, "SIGTERM None\n"),
        (CHILD, "True SIGCHLD None\n"),
    ],
    ids=["one that another thread took", "none that is a child's"],
)
def test_the_main_thread_hears(program: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout, done.stderr) == (said, "")
