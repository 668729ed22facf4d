"""The figures, each from one function that gets a fresh office."""

import signal
import statistics
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import psutil

from bot.simulator import HELP, FaultRule
from tests.bench.figures import Row
from tests.bench.office import ANSWER, Office
from tests.scripted_model import Say
from tests.system import free_ports

N_LATENCY = 100
N_BURST = 200
N_SLOW = 60
N_CRASH = 10
N_FAULTS = 100
SLOW_ANSWER = "word " * 38 + "hours [1]."
ROLES = ("web", "worker", "clock")
SCRAPE_SECONDS = 2


def latency(office: Office) -> Iterator[Row]:
    """One question after the other: nothing waits for anything."""
    ready = office.start("web")
    web_rss = psutil.Process(office.processes["web"].pid).memory_info().rss / 1e6
    office.start("worker", "clock")
    for n in range(10):
        office.wait_for_answers([office.ask(n)], 30)
    before, seconds = office.cpu_seconds(), []
    for n in range(N_LATENCY):
        seconds.append(office.time_answer(n))
    shares = {role: (after - before[role]) / N_LATENCY for role, after in office.cpu_seconds().items()}
    cpu = sum(shares.values())
    seconds.sort()
    p50, p95 = statistics.median(seconds), seconds[int(N_LATENCY * 0.95)]
    yield Row("web: start to ready", f"{ready:.1f} s", "", ready)
    yield Row("web: resident", f"{web_rss:.0f} MB", "< 120 MB")
    yield Row("event to final reply, p50", f"{p50 * 1000:.0f} ms", "≤ 0.12 u", p50)
    yield Row("event to final reply, p95", f"{p95 * 1000:.0f} ms", "", p95)
    yield Row("CPU per answer, servers included", f"{cpu:.3f} s", "≤ 0.14 u", cpu)
    each = ", ".join(f"{role} {share * 1000:.1f}" for role, share in shares.items())
    yield Row("of it", f"{each} ms")
    for role in ROLES:
        yield Row(
            f"{role}: PSS of each process", ", ".join(f"{each.pss_mb:.0f}" for each in office.memory(role)) + " MB"
        )
    yield Row("PSS of all processes, servers included", f"{office.total_mb():.0f} MB", "≤ 350 MB")


def socket_mode(office: Office) -> Iterator[Row]:
    """The same over Socket Mode."""
    office.use_socket_mode()
    for row in latency(office):
        if row.name.startswith(("event", "CPU")):
            yield row._replace(name=f"Socket Mode: {row.name}")


def metrics(office: Office) -> Iterator[Row]:
    """The same while Prometheus asks every process for its metrics, thirty times as often as by default."""
    port = free_ports(len(ROLES))
    office.env |= {"DOCENT_METRICS_PORT": str(port)}
    done = threading.Event()

    def scrape() -> None:
        while not done.wait(SCRAPE_SECONDS):
            for n in range(len(ROLES)):
                with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port + n}/metrics") as answer:
                    answer.read()

    scraping = threading.Thread(target=scrape)
    scraping.start()
    for row in latency(office):
        if row.name.startswith(("event", "CPU", "PSS")):
            yield row._replace(name=f"with metrics: {row.name}")
    done.set()
    scraping.join()


def burst(office: Office) -> Iterator[Row]:
    """Everybody asks at once."""
    office.start(*ROLES)
    n_before = len(office.workspace.deliveries)
    n_calls_before = office.query("SELECT count(*) FROM model_calls")[0][0]
    started = time.monotonic()
    threads = [office.ask(n) for n in range(N_BURST)]
    office.wait_for_answers(threads, 120)
    wall = time.monotonic() - started
    deliveries = office.workspace.deliveries[n_before:]
    n_once = sum(len(office.answers(ts)) == 1 for ts in threads)
    n_stored = office.query("SELECT count(*) FROM turns")[0][0] - 1
    slowest = max(d.seconds for d in deliveries)
    n_failed = sum(not d.is_acked for d in deliveries)
    n_again = office.query("SELECT count(*) FROM turns WHERE attempt > 1")[0][0]
    n_calls = office.query("SELECT count(*) FROM model_calls")[0][0] - n_calls_before
    name = f"{N_BURST} mentions at once"
    yield Row(f"{name}: stored", f"{n_stored}, {n_failed} deliveries not acked", f"{N_BURST}, 0")
    yield Row(f"{name}: slowest ack", f"{slowest:.2f} s", "< 1 s", slowest)
    yield Row(f"{name}: answered once", f"{n_once}", f"{N_BURST}")
    yield Row(f"{name}: all answered after", f"{wall:.1f} s", "≤ 17 u", wall)
    yield Row(f"{name}: leases lost / model calls", f"{n_again} / {n_calls}", f"0 / {N_BURST}")


class SlowRun(NamedTuple):
    """How long all took, how many were answered once, and the most memory of all processes."""

    seconds: float
    n_once: int
    peak_mb: float


def slow_model(office: Office) -> Iterator[Row]:
    """A model that takes 5 s and streams 40 tokens: the process mostly waits."""
    office.start(*ROLES)
    run = ask_slow_model(office)
    name = f"{N_SLOW} questions × 5 s model"
    yield Row(f"{name}: wall time", f"{run.seconds:.1f} s ({run.n_once} answered once)", "≤ 7 s", run.seconds)
    yield Row(f"{name}: peak PSS in all, servers included", f"{run.peak_mb:.0f} MB", "≤ 600 MB")


def ask_slow_model(office: Office) -> SlowRun:
    """Asks sixty questions at once of such a model, in an office that is open."""
    office.model.script = lambda request: Say(SLOW_ANSWER, seconds=5)
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
    return SlowRun(wall, sum(len(office.answers(ts)) == 1 for ts in threads), peak[0])


def crash(office: Office) -> Iterator[Row]:
    """kill -9 of the whole worker with questions open."""
    office.start(*ROLES)
    office.model.script = lambda request: Say(SLOW_ANSWER, seconds=5)
    threads = [office.ask(n) for n in range(N_CRASH)]
    n_running = 0
    while n_running < N_CRASH:
        n_running = office.query("SELECT count(*) FROM model_calls WHERE status = 'started'")[0][0]
        time.sleep(0.05)
    for process in reversed(office.family("worker")):
        process.send_signal(signal.SIGKILL)
    office.processes["worker"].wait()
    killed = time.monotonic()
    office.model.script = lambda request: Say(ANSWER)
    office.start("worker", is_checked=False)
    first = 0.0
    while not first:
        if office.query("SELECT count(*) FROM turns WHERE attempt = 2")[0][0] == N_CRASH:
            first = time.monotonic() - killed
        time.sleep(0.05)
    office.wait_for_answers(threads, 60)
    n_once = sum(len(office.answers(ts)) == 1 for ts in threads)
    yield Row(f"kill -9 with {N_CRASH} open: all running again after", f"{first:.1f} s", "≤ 15 s")
    yield Row(f"kill -9 with {N_CRASH} open: answered once", f"{n_once}", f"{N_CRASH}")


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
    yield Row(f"{N_FAULTS} questions, 12 % of Slack's calls fail: answered once", f"{n_once}", f"{N_FAULTS}")
    yield Row("raw exceptions shown", f"{n_raw}", "0")


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
    step = statistics.median(seconds)
    yield Row("CPU per step of the loop (model call and tool call), median", f"{step * 1000:.0f} ms", "", step)
    yield Row("CPU per step, of 60 turns the slowest", f"{max(seconds) * 1000:.0f} ms", "", max(seconds))
