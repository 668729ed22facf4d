"""Many machines read one source in: each document once, whatever becomes of a machine in the middle."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.index import scan
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.ingest.site import Site
from tests.machines.conftest import ADDRESS, OpenMachines
from tests.machines.machine import BUCKET, POSTGRES, REDIS, Machine
from tests.machines.network import SHARED, Network
from tests.scripted_embeddings import ScriptedEmbeddings
from tests.system import WAIT_SECONDS, System

JOBS_PER_MACHINE = 3  # a worker process does no more at once
N_JOBS = 3 * JOBS_PER_MACHINE
BATCH = 40  # documents that a job claims
N_DOCUMENTS = 2 * N_JOBS * BATCH


class Gate:
    """Holds the answers of an embedding model back until so many requests wait at once, then lets all pass."""

    def __init__(self, n: int) -> None:
        self.n_waiting = self.most = 0
        self.is_full, self.is_open = threading.Event(), threading.Event()
        self._n, self._lock = n, threading.Lock()

    def pass_through(self, answer: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.n_waiting += 1
            self.most = max(self.most, self.n_waiting)
            if self.n_waiting == self._n:
                self.is_full.set()
        assert self.is_open.wait(WAIT_SECONDS)
        with self._lock:
            self.n_waiting -= 1
        return answer


@pytest.fixture
def embeddings(network: Network, world: System) -> Iterator[ScriptedEmbeddings]:
    """An embedding model that all machines reach by one address, and that knows which of them asks."""
    with ScriptedEmbeddings(host=network.shared_address) as model:
        world.env["DOCENT_EMBEDDING_MODEL"] = model.named("scripted")
        yield model


@pytest.fixture
def site(network: Network, world: System) -> Iterator[Site]:
    """A site with a page for each document, declared as a source."""
    with Site(host=network.shared_address) as site:
        site.show("/", "The rules of the wiki.", links=tuple(f"/{n}" for n in range(N_DOCUMENTS)))
        for n in range(N_DOCUMENTS):
            site.show(f"/{n}", f"The rule of the wiki has the number {n:04d}.", title=f"Rule {n}")
        declare(
            world,
            f'[sources.wiki]\nlocation = "{site.address}/"\nallow_private = true\ndelay_seconds = 0\n'
            f'include = ["[0-9]*"]\n',
        )
        world.env["DOCENT_SYNC_JOBS"] = str(N_JOBS)
        yield site


def declare(world: System, content: str) -> None:
    (world.folder / "docent.toml").write_text(content)
    world.env["DOCENT_CONFIG"] = str(world.folder / "docent.toml")


def wait_for_end(world: System) -> Any:
    return world.wait_for(lambda: next(iter(world.query("SELECT * FROM syncs WHERE ended_at IS NOT NULL")), None))


def require_completed(sync: Any) -> None:
    found = (sync.status, sync.problem, sync.n_added, sync.n_done)
    assert found == ("completed", None, N_DOCUMENTS, N_DOCUMENTS)


def start_workers(world: System, machines: list[Machine]) -> None:
    for machine in machines:
        machine.run_here(world).start("worker", **machine.place)


def require_each_read_once(world: System, embeddings: ScriptedEmbeddings, tmp_path: Path) -> None:
    """Every document has its row, its chunk, and no second one."""
    rows = world.query("SELECT uri, n_chunks, problem FROM documents WHERE source = 'wiki'")
    assert len({row.uri for row in rows}) == len(rows) == N_DOCUMENTS
    assert {(row.n_chunks, row.problem) for row in rows} == {(1, None)}
    settings = IngestSettings(
        index_uri=ADDRESS, home=tmp_path / "reader", embedding_model=embeddings.named("scripted")
    )
    index = Library(world.database, settings).active_index.current().index
    found = Counter(chunk.chunk_id for chunk in scan.read_chunks(index, [*scan.document_versions(index)]))
    assert len(found) == N_DOCUMENTS
    assert set(found.values()) == {1}


def test_batches_are_read_by_all_machines_at_once_and_none_twice(
    world: System, site: Site, embeddings: ScriptedEmbeddings, open_empty: OpenMachines, tmp_path: Path
) -> None:
    gate = Gate(N_JOBS)
    embeddings.change = gate.pass_through
    machines = open_empty()
    world.start("clock")
    start_workers(world, machines)
    assert gate.is_full.wait(WAIT_SECONDS), f"{gate.most} at once\n{world.logs()}"
    by_machine = Counter(embeddings.clients)
    gate.is_open.set()
    require_completed(wait_for_end(world))
    addresses = [machine.namespace.cables[SHARED].machine_address for machine in machines]
    assert by_machine == dict.fromkeys(addresses, JOBS_PER_MACHINE)
    assert gate.most == N_JOBS
    texts = Counter(text for batch in embeddings.texts for text in batch)
    assert set(texts.values()) == {1}
    assert max(Counter(site.paths()).values()) <= 2  # once by the machine that lists, once by the one that reads
    require_each_read_once(world, embeddings, tmp_path)


def kill(machine: Machine) -> None:
    machine.namespace.kill_all()


def vanish(machine: Machine) -> None:
    machine.vanish()


def lose_postgres(machine: Machine) -> None:
    machine.namespace.silence(POSTGRES)


def lose_redis(machine: Machine) -> None:
    machine.namespace.silence(REDIS)


def lose_bucket(machine: Machine) -> None:
    machine.refuse(BUCKET)


def lose_bucket_silently(machine: Machine) -> None:
    machine.namespace.silence(BUCKET)


LOSSES = [kill, vanish, lose_postgres, lose_redis, lose_bucket, lose_bucket_silently]


@pytest.mark.soak
@pytest.mark.parametrize("lose", LOSSES)
def test_a_machine_that_is_lost_in_the_middle_loses_nothing(
    world: System,
    site: Site,
    embeddings: ScriptedEmbeddings,
    open_empty: OpenMachines,
    tmp_path: Path,
    *,
    lose: Callable[[Machine], None],
) -> None:
    """It has claimed documents, and waits for their vectors; the others read these too, and end the sync."""
    world.env["DOCENT_SYNC_LEASE_SECONDS"] = "5"
    gate = Gate(N_JOBS)
    embeddings.change = gate.pass_through
    machines = open_empty()
    world.start("clock")
    start_workers(world, machines)
    assert gate.is_full.wait(WAIT_SECONDS), f"{gate.most} at once\n{world.logs()}"
    lose(machines[0])
    gate.is_open.set()
    require_completed(wait_for_end(world))
    require_each_read_once(world, embeddings, tmp_path)


def test_a_folder_that_is_not_on_the_worker_s_machine_is_refused_in_a_sentence(
    world: System, open_empty: OpenMachines
) -> None:
    declare(world, '[sources.wiki]\nlocation = "/srv/only-on-my-laptop"\n')
    machines = open_empty()[:1]
    world.start("clock")
    start_workers(world, machines)
    sync = wait_for_end(world)
    assert sync.status == "failed"
    assert sync.problem == (
        "There is no folder /srv/only-on-my-laptop. Check the path. The worker on the machine machine-1 was to "
        "read it: a folder is read by the workers, so each machine with workers needs it at this path, with the "
        "same documents. A repository or a website needs nothing there."
    )
