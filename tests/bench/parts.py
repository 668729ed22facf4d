"""The figures, each from one function that gets a fresh office."""

import signal
import statistics
import threading
import time
from collections.abc import Iterator

import psutil

from bot.simulator import HELP, FaultRule
from tests.bench.office import Office
from tests.scripted_model import Say

Row = tuple[str, str, str]

N_LATENCY = 100
N_BURST = 200
N_SLOW = 60
N_CRASH = 10
N_FAULTS = 100
ROLES = ("web", "worker", "clock")


def latency(office: Office) -> Iterator[Row]:
    """One question after the other: nothing waits for anything."""
    ready = office.start("web")
    web_rss = psutil.Process(office.processes["web"].pid).memory_info().rss / 1e6
    office.start("worker", "clock")
    for n in range(10):
        office.wait_for_answers([office.ask(n)], 30)
    before, seconds = office.cpu_seconds(), []
    for n in range(N_LATENCY):
        seconds.append(_one(office, n))
    cpu = (office.cpu_seconds() - before) / N_LATENCY
    seconds.sort()
    yield "web: start to ready", f"{ready:.1f} s", "< 3 s"
    yield "web: resident", f"{web_rss:.0f} MB", "< 120 MB"
    yield "event to final reply, p50", f"{statistics.median(seconds) * 1000:.0f} ms", "≤ 100 ms"
    yield "event to final reply, p95", f"{seconds[int(N_LATENCY * 0.95)] * 1000:.0f} ms", ""
    yield "CPU per answer (web, worker, clock)", f"{cpu:.3f} s", "≤ 0.12 s"
    for role in ROLES:
        yield f"{role}: PSS of each process", ", ".join(f"{mb:.0f}" for mb in office.pss_mb(role)) + " MB", ""


def burst(office: Office) -> Iterator[Row]:
    """Everybody asks at once."""
    office.start(*ROLES)
    n_before = len(office.workspace.deliveries)
    started = time.monotonic()
    threads = [office.ask(n) for n in range(N_BURST)]
    office.wait_for_answers(threads, 120)
    wall = time.monotonic() - started
    deliveries = office.workspace.deliveries[n_before:]
    n_once = sum(len(office.answers(ts)) == 1 for ts in threads)
    n_stored = office.query("SELECT count(*) FROM turns")[0][0] - 1
    slowest = max(d.seconds for d in deliveries)
    n_failed = sum(not d.is_acked for d in deliveries)
    yield f"{N_BURST} mentions at once: stored", f"{n_stored}, {n_failed} deliveries not acked", f"{N_BURST}, 0"
    yield f"{N_BURST} mentions at once: slowest ack", f"{slowest:.2f} s", "< 1 s"
    yield f"{N_BURST} mentions at once: answered once", f"{n_once}", f"{N_BURST}"
    yield "answers per second", f"{N_BURST / wall:.1f}", ""


def slow_model(office: Office) -> Iterator[Row]:
    """A model that takes 5 s and streams 40 tokens: the process mostly waits."""
    answer = "word " * 38 + "hours [1]."
    office.start(*ROLES)
    office.model.script = lambda request: Say(answer, seconds=5)
    peak = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1):
            peak[0] = max(peak[0], office.total_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.monotonic()
    threads = [office.ask(n) for n in range(N_SLOW)]
    office.wait_for_answers(threads, 120)
    wall = time.monotonic() - started
    done.set()
    watcher.join()
    n_once = sum(len(office.answers(ts)) == 1 for ts in threads)
    yield f"{N_SLOW} questions × 5 s model: wall time", f"{wall:.1f} s ({n_once} answered once)", "≤ 10 s"
    yield f"{N_SLOW} questions × 5 s model: peak PSS in all", f"{peak[0]:.0f} MB", "≤ 1000 MB"


def crash(office: Office) -> Iterator[Row]:
    """kill -9 of the whole worker with questions open."""
    office.start(*ROLES)
    office.model.script = lambda request: Say("word " * 38 + "hours [1].", seconds=5)
    threads = [office.ask(n) for n in range(N_CRASH)]
    n_running = 0
    while n_running < N_CRASH:
        n_running = office.query("SELECT count(*) FROM model_calls WHERE status = 'started'")[0][0]
        time.sleep(0.05)
    for process in reversed(office.family("worker")):
        process.send_signal(signal.SIGKILL)
    office.processes["worker"].wait()
    killed = time.monotonic()
    office.model.script = lambda request: Say("It is 240 hours [1].")
    office.start("worker", is_checked=False)
    first = 0.0
    while not first:
        if office.query("SELECT count(*) FROM turns WHERE attempt = 2")[0][0] == N_CRASH:
            first = time.monotonic() - killed
        time.sleep(0.05)
    office.wait_for_answers(threads, 60)
    n_once = sum(len(office.answers(ts)) == 1 for ts in threads)
    yield f"kill -9 with {N_CRASH} open: all running again after", f"{first:.1f} s", "≤ 15 s"
    yield f"kill -9 with {N_CRASH} open: answered once", f"{n_once}", f"{N_CRASH}"


def faults(office: Office) -> Iterator[Row]:
    """A Slack that fails: 5 % 429, 5 % 5xx, 2 % dropped connections."""
    office.start(*ROLES)
    slack = office.workspace.faults
    slack.add(FaultRule("rate_limit", probability=0.05, retry_after=1))
    slack.add(FaultRule("status", probability=0.05, status=503))
    slack.add(FaultRule("drop", probability=0.01))
    slack.add(FaultRule("lose_answer", probability=0.01))
    threads = [office.ask(n) for n in range(N_FAULTS)]
    office.wait_for_answers(threads, 180)
    n_once = sum(len(office.answers(ts)) == 1 for ts in threads)
    everything = [m.plain for ts in threads for m in office.workspace.thread(HELP, ts)]
    n_raw = sum("Traceback" in shown or "Error(" in shown for shown in everything)
    yield f"{N_FAULTS} questions, 12 % of Slack's calls fail: answered once", f"{n_once}", f"{N_FAULTS}"
    yield "raw exceptions shown", f"{n_raw}", "0"


def _one(office: Office, n: int) -> float:
    started = time.monotonic()
    ts = office.ask(n)
    office.workspace.wait_for(lambda: office.answers(ts), timeout=30)
    return time.monotonic() - started


def loop(office: Office) -> Iterator[Row]:
    """The loop's own cost: a scripted model that asks for a tool five times, then answers; priced, so with
    budgets."""
    n_turns, n_steps = 60, 6
    with office.alone() as answer:
        for _ in range(5):
            answer()
        seconds = []
        for _ in range(n_turns):
            before = time.process_time()
            answer()
            seconds.append((time.process_time() - before) / n_steps)
    yield (
        "CPU per step of the loop (model call and tool call), median",
        f"{statistics.median(seconds) * 1000:.0f} ms",
        "< 40 ms",
    )
    yield "CPU per step, of 60 turns the slowest", f"{max(seconds) * 1000:.0f} ms", ""
