"""A machine's copy is kept fresh beside its searches, by one of its processes, which tells Postgres about it."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from agent.clock import now
from agent.store.database import Database
from agent.types import Audience
from ingest.index.active_index import ActiveIndex
from ingest.index.mirror import machines, mirror_keeper
from ingest.index.mirror.mirror_keeper import MirrorKeeper
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.tables import IndexMirrorRow
from tests.bucket import S3Bucket
from tests.ingest.conftest import LibraryWithKeptReader
from tests.ingest.index.conftest import ADDRESS
from tests.library import sync_folder


@pytest.fixture
def library(database: Database, tmp_path: Path, bucket: S3Bucket, folder: Path) -> Library:
    """A library over an index in a bucket, with two documents."""
    settings = IngestSettings(index_uri=ADDRESS, home=tmp_path / "a", embedding_model="static")
    library = LibraryWithKeptReader(database, settings)
    sync_folder(library, folder, source_name="handbook")
    return library


def open_keeper(library: Library, clock: Callable[[], float] = lambda: 0.0) -> MirrorKeeper:
    """The keeper of this machine, whose index another process of it may have opened."""
    active = ActiveIndex(library.database, library.settings)
    assert active.mirror is not None
    return MirrorKeeper(active, active.mirror, host="attic", clock=clock)


def load(database: Database) -> tuple[machines.MachineCopy, ...]:
    with database.transaction() as transaction:
        return machines.load(transaction, ADDRESS)


def test_a_keeper_copies_before_anybody_searches(
    library: Library, bucket: S3Bucket, database: Database, folder: Path
) -> None:
    keeper = open_keeper(library)
    keeper.look()
    (copy,) = load(database)
    assert (copy.host, copy.problem, copy.is_away) == ("attic", None, False)
    assert copy.version == int(library.active_index.current().index.version())
    assert copy.n_bytes > 10_000
    bucket.requests.clear()
    keeper.look()
    assert bucket.n_requests == 0
    (folder / "pets.md").write_text("# Pets\n\nDogs may come on Fridays.\n")
    sync_folder(library, folder, source_name="handbook")
    keeper.look()
    bucket.requests.clear()
    assert library.search("May dogs come?", audience=Audience()).passages
    assert bucket.n_requests == 0


def test_a_bucket_that_goes_away_is_noticed_without_a_search(
    library: Library, bucket: S3Bucket, database: Database
) -> None:
    at = [0.0]
    keeper = open_keeper(library, clock=lambda: at[0])
    keeper.look()
    bucket.proxy.go_away()
    at[0] += mirror_keeper.ASK_SECONDS + 1
    keeper.look()
    (copy,) = load(database)
    assert copy.is_away
    assert copy.problem is not None
    assert "cannot be reached" in copy.problem
    assert copy.version is not None
    bucket.proxy.come_back()
    at[0] += mirror_keeper.ASK_SECONDS + 1
    keeper.look()
    (copy,) = load(database)
    assert (copy.problem, copy.is_away) == (None, False)


def test_one_process_of_a_machine_keeps_its_copy(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_keeper, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(mirror_keeper, "TURN_SECONDS", 0.01)
    looked: dict[str, threading.Event] = {"first": threading.Event(), "second": threading.Event()}
    stop = {name: threading.Event() for name in looked}
    threads = []
    for name, has_looked in looked.items():
        keeper = open_keeper(library)
        monkeypatch.setattr(keeper, "look", has_looked.set)
        threads.append(threading.Thread(target=keeper.keep, args=(stop[name],)))
        threads[-1].start()
        if name == "first":
            assert has_looked.wait(10)
    assert not looked["second"].wait(0.3)
    stop["first"].set()
    assert looked["second"].wait(10)
    stop["second"].set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_machines_that_are_gone_are_forgotten(library: Library, database: Database) -> None:
    open_keeper(library).look()
    with database.transaction() as transaction:
        transaction.execute(update(IndexMirrorRow).values(host="cellar", seen_at=now() - timedelta(minutes=5)))
    assert load(database) == ()
    with database.transaction() as transaction:
        transaction.execute(update(IndexMirrorRow).values(seen_at=now() - timedelta(days=2)))
    open_keeper(library).look()
    with database.transaction() as transaction:
        assert [row.host for row in transaction.query(IndexMirrorRow)] == ["attic"]


def test_a_database_that_is_away_ends_no_keeper(library: Library) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    active = ActiveIndex(away, library.settings)
    assert active.mirror is not None
    MirrorKeeper(active, active.mirror).look()
    away.close()
