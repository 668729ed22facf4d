"""Bounding malloc's arenas is harmless, and has its effect where there is glibc."""

import subprocess
import sys

import pytest

THREADS = """
import ctypes, ctypes.util, sys, threading
from bot.processes import malloc_tuning
if sys.argv[1] == "bounded":
    malloc_tuning.limit_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
barrier = threading.Barrier(8)
def allocate():
    barrier.wait()
    for _ in range(1000):
        libc.malloc(1000)
    barrier.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_stats()
"""


def n_arenas(kind: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", THREADS, kind], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stderr.count("Arena ")


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has arenas")
def test_a_process_of_many_threads_has_two_arenas() -> None:
    assert n_arenas("bounded") <= 2 < n_arenas("as it is")
