"""Bounding malloc is harmless, and has its effect where there is glibc."""

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

BLOCKS = """
import ctypes
import psutil
from bot.processes import malloc_tuning
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
blocks = [libc.malloc(100_000) for _ in range(1000)]
for block in blocks:
    ctypes.memset(block, 1, 100_000)
for block in blocks[:-1]:
    libc.free(block)
before = psutil.Process().memory_info().rss
malloc_tuning.trim()
print((before - psutil.Process().memory_info().rss) // 1_000_000)
"""


def n_arenas(kind: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", THREADS, kind], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stderr.count("Arena ")


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has arenas")
def test_a_process_of_many_threads_has_two_arenas() -> None:
    assert n_arenas("bounded") <= 2 < n_arenas("as it is")


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps what is free")
def test_what_is_free_between_two_blocks_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKS], capture_output=True, text=True, timeout=120, check=True)
    assert int(done.stdout) >= 80
