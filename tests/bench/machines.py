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
N_PAGES = 480
MOST_JOBS = 3 * N_MACHINES  # of a sync; a worker process does three at once
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
        yield from _compare("questions answered a second", list(_measure_questions(office, network)))
        yield from _measure_losses(office, network)
        yield from _measure_reading(office, network)


def _compare(name: str, rates: Sequence[float]) -> Iterator[Row]:
    """One row for each number of machines; ``rates`` are of things a second."""
    for n, rate in enumerate(rates, 1):
        more = f", {rate / rates[0]:.1f} times one's" if n > 1 else ""
        yield Row(f"{name}: {n} {'machines' if n > 1 else 'machine'}", f"{rate:.1f}{more}", "", 1 / rate)
    is_growing = all(later > earlier for earlier, later in pairwise(rates))
    yield Row(f"{name}: grows with machines", "yes" if is_growing else "no", "yes")


def _measure_questions(office: Office, network: Network) -> Iterator[float]:
    office.model.script = lambda request: Say(ANSWER, seconds=MODEL_SECONDS)
    office.start("web", "clock")
    for n in range(1, N_MACHINES + 1):
        with _workers(office, network, n):
            office.wait_for_answers([office.ask(0) for _ in range(n * N_AT_ONCE)], WAIT_SECONDS)  # all are warm
            began = time.monotonic()
            threads = [office.ask(each) for each in range(N_QUESTIONS)]
            office.wait_for_answers(threads, WAIT_SECONDS)
            yield N_QUESTIONS / (time.monotonic() - began)
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


def _measure_reading(office: Office, network: Network) -> Iterator[Row]:
    """With as many jobs as machines, and then with as many as three machines do at once: there is one writer."""
    with Site(host=network.shared_address) as site, ScriptedEmbeddings(host=network.shared_address) as embeddings:
        embeddings.change = _answer_late
        config = office.folder / "docent.toml"
        office.env |= {
            "DOCENT_INDEX_URI": READING,
            "DOCENT_EMBEDDING_MODEL": embeddings.named("scripted"),
            "DOCENT_CONFIG": str(config),
        }

        def measure(name: str, n_machines: int, n_jobs: int) -> float:
            _show_pages(site, name)
            config.write_text(
                f'[sources.{name}]\nlocation = "{site.address}/{name}/"\nallow_private = true\ndelay_seconds = 0\n'
            )
            office.env["DOCENT_SYNC_JOBS"] = str(n_jobs)
            with _workers(office, network, n_machines):
                office.start("clock")
                seconds = _time_sync(office, name)
                office.stop()
            return N_PAGES / seconds

        rates = [measure(f"site{n}", n, n) for n in range(1, N_MACHINES + 1)]
        yield from _compare("documents read a second, a job for each machine", rates)
        most = measure("all", N_MACHINES, MOST_JOBS)
        yield Row(f"documents read a second: {N_MACHINES} machines, {MOST_JOBS} jobs", f"{most:.1f}", "", 1 / most)


def _answer_late(answer: dict[str, object]) -> dict[str, object]:
    time.sleep(MODEL_SECONDS)
    return answer


def _show_pages(site: Site, name: str) -> None:
    pages = [f"/{name}/{page}" for page in range(1, N_PAGES)]
    site.show(f"/{name}/", "All rules.", links=tuple(pages))
    for page in pages:
        site.show(page, f"The rule of this page has the number {page}.", title=f"Rule {page}")


def _time_sync(office: Office, name: str) -> float:
    """Returns the seconds from the end of the listing, which one process makes, to the end of the sync."""
    _wait_for_sync(office, name, "status IN ('reading', 'completed')")
    began = time.monotonic()
    _wait_for_sync(office, name, "ended_at IS NOT NULL")
    seconds = time.monotonic() - began
    ended = office.query(f"SELECT status, n_done, problem FROM syncs WHERE source = '{name}'")
    assert [tuple(row) for row in ended] == [("completed", N_PAGES, None)], ended
    return seconds


def _wait_for_sync(office: Office, name: str, condition: str) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not office.query(f"SELECT 1 FROM syncs WHERE source = '{name}' AND {condition}"):
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
