"""A process ends with its parent, also where the parent is killed."""

import subprocess
import sys
import textwrap

PARENT = textwrap.dedent(
    """
    import os, signal, subprocess, sys
    reading, writing = os.pipe()
    child = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(reading)], pass_fds=[reading])
    os.close(reading)
    print(child.pid, flush=True)
    {end}
    """
)
CHILD = """
import signal, sys
from bot.processes import parent_watch
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
parent_watch.exit_when_parent_dies(int(sys.argv[1]))
signal.sigwait([signal.SIGTERM])
print("told to stop", flush=True)
"""


def run(end: str) -> str:
    """What parent and child wrote; returns when both have ended, because they share the pipe."""
    program = PARENT.format(end=end)
    done = subprocess.run(
        [sys.executable, "-c", program, CHILD], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stderr == ""
    return done.stdout


def test_a_child_of_a_killed_parent_is_told_to_stop() -> None:
    assert "told to stop" in run("os.kill(os.getpid(), signal.SIGKILL)")


def test_a_child_lives_as_long_as_its_parent_does_not_end() -> None:
    end = "import time; time.sleep(0.5); print('parent ends', child.poll(), flush=True)"
    assert run(end).splitlines()[1:] == ["parent ends None", "told to stop"]
