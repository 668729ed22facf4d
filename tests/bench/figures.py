"""One line of the table, and the unit in which times travel from one machine to another."""

import time
from typing import NamedTuple

N_ADDITIONS = 10_000_000


class Row(NamedTuple):
    """A figure. Where it is a time, ``seconds`` gives it also in units; aims of times are in units (u)."""

    name: str
    value: str
    aim: str = ""
    seconds: float | None = None


def measure_unit() -> float:
    """The seconds that a fixed piece of pure Python takes on this machine now: the best of three."""
    return min(_add_squares() for _ in range(3))


def _add_squares() -> float:
    started, total = time.perf_counter(), 0
    for i in range(N_ADDITIONS):
        total += i * i
    return time.perf_counter() - started
