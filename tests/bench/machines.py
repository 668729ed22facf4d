"""What more machines bring: questions and documents a second on one, two and three, and what losing one costs.

Machines are network namespaces, see :mod:`tests.machines`, with one worker process each. The models take a second,
so that two cores do not hide what machines do; each machine answers four questions at once.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise

from ingest.library import Library
from ingest.settings import IngestSettings
from tests.bench.figures import Row
from tests.bench.office import ANSWER, Office
from tests.bucket import serve
from tests.ingest.site import Site
from tests.library import sync_folder
from tests.machines.machine import SLACK, VARIABLES, Machine, open_machines
from tests.machines.network import Network, why_not
from tests.scripted_embeddings import ScriptedEmbeddings
from tests.scripted_model import Say
from tests.system import HANDBOOK

N_MACHINES = 3
N_AT_ONCE = 4  # questions on each machine
N_QUESTIONS = 60
N_OPEN = 9  # when a machine is lost
N_PAGES = 1_080
JOBS_PER_MACHINE = 3  # of a sync; a worker process does no more at once
MODEL_SECONDS, LONG_MODEL_SECONDS = 1.0, 3.0
ANSWERS, READING = "s3://bucket/index", "s3://bucket/reading"
WAIT_SECONDS = 180


def machines(office: Office) -> Iterator[Row]:
    """The same questions and the same documents for one, two and three machines; then one of three is lost."""
    if reason := why_not():
        yield Row("machines: skipped", reason)
        return
    with Network() as network, serve() as bucket:
        for _ in range(N_MACHINES):
            namespace = network.add(tuple(VARIABLES))
            office.names.add(namespace.cables[SLACK].host_address)
        os.environ.update(bucket.environment())
        office.env |= {
            **bucket.environment(),
            "DOCENT_INDEX_URI": ANSWERS,
            "DOCENT_EMBEDDING_MODEL": "static",
            "DOCENT_CONCURRENCY": str(N_AT_ONCE),
            "DOCENT_LOG_LEVEL": "INFO",
            "DOCENT_SWEEP_SECONDS": "0.5",
        }
        _read_handbook(office)
        yield from _compare("questions answered a second", "questions", _measure_questions(office, network))
        yield from _measure_losses(office, network)
        yield from _compare("documents read a second", "documents", _measure_reading(office, network))


def _compare(name: str, things: str, measured: Iterator[tuple[int, float]]) -> Iterator[Row]:
    """One row for each number of machines; ``measured`` are how many things were done in how many seconds."""
    rates = [n / seconds for n, seconds in measured]
    for n, rate in enumerate(rates, 1):
        more = f", {rate / rates[0]:.1f} times one's" if n > 1 else ""
        yield Row(f"{name}: {n} {'machines' if n > 1 else 'machine'}", f"{rate:.1f}{more}", "", 1 / rate)
    is_growing = all(later > earlier for earlier, later in pairwise(rates))
    yield Row(f"{name}: grows with machines", "yes" if is_growing else f"no, {things} wait for others", "yes")


def _measure_questions(office: Office, network: Network) -> Iterator[tuple[int, float]]:
    office.model.script = lambda request: Say(ANSWER, seconds=MODEL_SECONDS)
    office.start("web", "clock")
    for n in range(1, N_MACHINES + 1):
        with _workers(office, network, n):
            office.wait_for_answers([office.ask(0) for _ in range(n * N_AT_ONCE)], WAIT_SECONDS)  # all are warm
            began = time.monotonic()
            threads = [office.ask(each) for each in range(N_QUESTIONS)]
            office.wait_for_answers(threads, WAIT_SECONDS)
            yield N_QUESTIONS, time.monotonic() - began
    office.stop()


def _measure_losses(office: Office, network: Network) -> Iterator[Row]:
    kinds: list[tuple[str, Callable[[Machine], None]]] = [
        ("killed", lambda machine: machine.namespace.kill_all()),
        ("without power", lambda machine: machine.vanish()),
    ]
    office.start("web", "clock")
    for name, lose in kinds:
        office.model.script = lambda request: Say(ANSWER, seconds=LONG_MODEL_SECONDS)
        with _workers(office, network, N_MACHINES) as open_:
            threads = [office.ask(n) for n in range(N_OPEN)]
            office._wait(lambda: office.query(_RUNNING)[0][0] == N_OPEN)
            (loser,) = [machine for machine in open_ if machine.host == _find_busiest(office)]
            n_held = office.query(_HELD.format(host=loser.host))[0][0]
            lose(loser)
            lost_at = time.monotonic()
            office.wait_for_answers(threads, WAIT_SECONDS)
            seconds = time.monotonic() - lost_at
            n_once = sum(len(office.answers(ts)) == 1 for ts in threads)
        row = f"one of {N_MACHINES} machines {name} with {n_held} of {N_OPEN} questions"
        yield Row(f"{row}: all answered after", f"{seconds:.1f} s", "", seconds)
        yield Row(f"{row}: answered once", f"{n_once}", f"{N_OPEN}")
    office.stop()


def _measure_reading(office: Office, network: Network) -> Iterator[tuple[int, float]]:
    with Site(host=network.shared_address) as site, ScriptedEmbeddings(host=network.shared_address) as embeddings:
        embeddings.change = _answer_late
        config = office.folder / "docent.toml"
        office.env |= {
            "DOCENT_INDEX_URI": READING,
            "DOCENT_EMBEDDING_MODEL": embeddings.named("scripted"),
            "DOCENT_CONFIG": str(config),
        }
        for n in range(1, N_MACHINES + 1):
            _show_pages(site, n)
            config.write_text(
                f'[sources.site{n}]\nlocation = "{site.address}/{n}/"\nallow_private = true\ndelay_seconds = 0\n'
            )
            office.env["DOCENT_SYNC_JOBS"] = str(n * JOBS_PER_MACHINE)
            with _workers(office, network, n):
                office.start("clock")
                _wait_for_sync(office, n, "status IN ('reading', 'completed')")
                began = time.monotonic()
                _wait_for_sync(office, n, "ended_at IS NOT NULL")
                seconds = time.monotonic() - began
                ((status, n_done),) = office.query(f"SELECT status, n_done FROM syncs WHERE source = 'site{n}'")
                assert status == "completed", office.query("SELECT source, status, problem FROM syncs")
                office.stop()
            yield n_done, seconds


def _answer_late(answer: dict[str, object]) -> dict[str, object]:
    time.sleep(MODEL_SECONDS)
    return answer


def _show_pages(site: Site, n: int) -> None:
    pages = [f"/{n}/{page}" for page in range(N_PAGES)]
    site.show(f"/{n}/", "All rules.", links=tuple(pages))
    for page in pages:
        site.show(page, f"The rule of this page has the number {page}.", title=f"Rule {page}")


def _wait_for_sync(office: Office, n: int, condition: str) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not office.query(f"SELECT 1 FROM syncs WHERE source = 'site{n}' AND {condition}"):
        assert time.monotonic() < until, office.query("SELECT source, status, problem, n_done FROM syncs")
        time.sleep(0.02)


@contextmanager
def _workers(office: Office, network: Network, n: int) -> Iterator[list[Machine]]:
    """Runs a worker on each of ``n`` machines, with an empty home, and its copy of an index that is there."""
    with ExitStack() as stack:
        folder = office.folder / f"machines-{time.monotonic_ns()}"
        chosen = stack.enter_context(open_machines(network, network.namespaces[:n], office.env, folder))
        running = [stack.enter_context(_run_worker(machine)) for machine in chosen]
        stack.callback(_restore, chosen)
        for machine, process in zip(chosen, running, strict=True):
            _wait_until_ready(machine, process)
        yield chosen


@contextmanager
def _run_worker(machine: Machine) -> Iterator["subprocess.Popen[bytes]"]:
    with (machine.folder / "worker.log").open("wb") as log:
        command = machine.command("worker", "--processes", "1")
        process = subprocess.Popen(command, env=dict(machine.env), cwd=machine.folder, stdout=log, stderr=log)
    try:
        yield process
    finally:
        machine.namespace.kill_all()
        process.wait()


def _restore(chosen: Sequence[Machine]) -> None:
    for machine in chosen:
        for service in machine.namespace.cables:
            machine.namespace.hear(service)


def _wait_until_ready(machine: Machine, process: "subprocess.Popen[bytes]") -> None:
    log, until = machine.folder / "worker.log", time.monotonic() + WAIT_SECONDS
    while "worker_ready" not in log.read_text():
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < until, log.read_text()[-3000:]
        time.sleep(0.05)


def _find_busiest(office: Office) -> str:
    return str(office.query(_BUSIEST)[0][0])


def _read_handbook(office: Office) -> None:
    pages = office.folder / "handbook"
    pages.mkdir()
    for name, content in HANDBOOK.items():
        (pages / name).write_text(content)
    settings = IngestSettings(index_uri=ANSWERS, home=office.folder / "writer", embedding_model="static")
    sync_folder(Library(office.database, settings), pages, link="https://handbook.example/{path}")


_RUNNING = "SELECT count(*) FROM turns WHERE status = 'running'"
_BUSIEST = """
SELECT split_part(lease_owner, ':', 1) AS host FROM turns WHERE status = 'running' AND lease_owner IS NOT NULL
GROUP BY host ORDER BY count(*) DESC LIMIT 1
"""
_HELD = "SELECT count(*) FROM turns WHERE status = 'running' AND split_part(lease_owner, ':', 1) = '{host}'"
