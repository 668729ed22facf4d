"""Three machines around the world of the other tests, whose index lies in a bucket."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from ingest.library import Library
from ingest.settings import IngestSettings
from tests.bucket import S3Bucket, serve
from tests.conftest import empty
from tests.library import sync_folder
from tests.machines.machine import SLACK, VARIABLES, Machine, open_machines
from tests.machines.network import Network, why_not
from tests.system import System

N_MACHINES = 3
ADDRESS = "s3://bucket/index"
OpenMachines = Callable[[], list[Machine]]
ask_why_not = cache(why_not)


@pytest.fixture
def network() -> Iterator[Network]:
    """A network with three machines."""
    if reason := ask_why_not():
        pytest.skip(reason)
    with Network() as network:
        for _ in range(N_MACHINES):
            network.add(tuple(VARIABLES))
        yield network


@pytest.fixture
def workspace_names(network: Network) -> Sequence[str]:
    """The workspace is known to each machine by an address of its own."""
    return [namespace.cables[SLACK].host_address for namespace in network.namespaces]


@pytest.fixture
def bucket(world: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Bucket]:
    """An empty bucket, which processes are set up to keep the index in."""
    with serve() as bucket:
        for name, value in bucket.environment().items():
            monkeypatch.setenv(name, value)
        world.env |= {"DOCENT_INDEX_URI": ADDRESS, **bucket.environment()}
        yield bucket


@pytest.fixture
def set_up(open_empty: OpenMachines, world: System, tmp_path: Path) -> OpenMachines:
    """Opens the machines, with the handbook's index in the bucket."""
    library = Library(world.database, IngestSettings(index_uri=ADDRESS, home=tmp_path / "writer"))
    sync_folder(library, tmp_path / "handbook", link="https://handbook.example/{path}")
    return open_empty


@pytest.fixture
def open_empty(network: Network, world: System, bucket: S3Bucket, tmp_path: Path) -> Iterator[OpenMachines]:
    """Opens the machines, once the world's environment is as a test wants it; nothing has been read in."""
    empty(world.database)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(open_machines(network, network.namespaces, world.env, tmp_path))
