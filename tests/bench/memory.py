"""What each process takes: its share of the memory of all (PSS), and how much of it no other process has."""

import threading
import time
from collections.abc import Iterator, Mapping

from tests.bench.figures import Row
from tests.bench.office import SERVERS, Memory, Office
from tests.scripted_model import Say

N_ASKED = 100
N_AT_ONCE = 60
LOOK_SECONDS = 0.5
PAUSE_SECONDS = 8  # longer than a worker waits before it gives memory back

Snapshot = Mapping[str, list[Memory]]  # by role or server


def memory(office: Office) -> Iterator[Row]:
    """After the first answer, after a hundred, and when most is taken of sixty at once with a model of 5 s."""
    office.start("web", "worker", "clock")
    yield from _measure(office)


def memory_small(office: Office) -> Iterator[Row]:
    """The same as a small machine runs it: one worker process, which is the clock too."""
    office.arguments["worker"] = ["--processes", "1", "--clock"]
    office.start("web", "worker")
    for row in _measure(office):
        yield row._replace(name=f"One worker process: {row.name}")


def _measure(office: Office) -> Iterator[Row]:
    yield from _describe("after one answer", _look(office))
    for n in range(N_ASKED):
        office.wait_for_answers([office.ask(n)], 30)
    time.sleep(PAUSE_SECONDS)
    yield from _describe(f"after {N_ASKED} answers", _look(office), "≤ 350 MB")
    yield from _describe(f"{N_AT_ONCE} × 5 s at once, at most", _find_peak(office), "≤ 600 MB")


def _look(office: Office) -> Snapshot:
    return {role: office.memory(role) for role in office.roles}


def _find_peak(office: Office) -> Snapshot:
    answer = "word " * 38 + "hours [1]."
    office.model.script = lambda request: Say(answer, seconds=5)
    done = threading.Event()
    asking = threading.Thread(target=_ask_at_once, args=(office, done))
    asking.start()
    peak = _look(office)
    while not done.wait(LOOK_SECONDS):
        peak = max(peak, _look(office), key=_total_mb)
    asking.join()
    return peak


def _ask_at_once(office: Office, done: threading.Event) -> None:
    try:
        office.wait_for_answers([office.ask(n) for n in range(N_AT_ONCE)], 120)
        time.sleep(2 * LOOK_SECONDS)
    finally:
        done.set()


def _total_mb(snapshot: Snapshot) -> float:
    return sum(each.pss_mb for memory in snapshot.values() for each in memory)


def _describe(when: str, snapshot: Snapshot, aim: str = "") -> Iterator[Row]:
    """One line for each role, and their sum. Servers have a process per connection, so they get a sum, too."""
    for role, memory in snapshot.items():
        each = ", ".join(f"{one.pss_mb:.0f} ({one.own_mb:.0f})" for one in memory)
        total = f"{len(memory)} processes, {sum(one.pss_mb for one in memory):.0f}"
        yield Row(f"{when}: {role}, PSS (of it its own)", f"{total if role in SERVERS else each} MB")
    yield Row(f"{when}: all", f"{_total_mb(snapshot):.0f} MB", aim)
