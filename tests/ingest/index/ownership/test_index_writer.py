"""Machines that share an index in a bucket: one writes at a time, and what it wrote all others search at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from agent.errors import UserError
from agent.store.database import Database
from agent.types import Audience
from ingest.index import index_size
from ingest.index.ownership import owner_record
from ingest.index.ownership.bucket_lock import BucketLock
from ingest.index.ownership.owner_record import IndexOfAnother, WriterReplaced
from ingest.index.storage.object_store import ObjectStore
from ingest.index.table import Index
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.tables import DeploymentRow, DocumentRow, IndexStateRow
from tests.bucket import S3Bucket
from tests.ingest.conftest import LibraryWithKeptReader
from tests.ingest.index.conftest import ADDRESS
from tests.ingest.index.test_table import put
from tests.library import sync_folder

EVERYBODY = Audience()
OpenLibrary = Callable[..., Library]


@pytest.fixture
def open_machine(database: Database, tmp_path: Path, bucket: S3Bucket) -> OpenLibrary:
    """Opens the library of a machine; its copy of the index is below ``home``."""

    def open_(home: str, **settings: object) -> Library:
        given = {"index_uri": ADDRESS, "home": tmp_path / home, "embedding_model": "static"} | settings
        return LibraryWithKeptReader(database, IngestSettings(**given))  # type: ignore[arg-type]

    return open_


@pytest.fixture
def other_deployment(database: Database) -> Callable[[], None]:
    """Makes the database that of another deployment."""

    def change() -> None:
        with database.transaction() as transaction:
            transaction.execute(update(DeploymentRow).values(id=uuid4()))

    return change


def titles(library: Library, query: str = "How many days of annual leave do I have?") -> set[str]:
    return {passage.title for passage in library.search(query, audience=EVERYBODY).passages}


def count_requests(bucket: S3Bucket, library: Library) -> int:
    """Counts the requests of a search, after what is copied beside searches has been copied."""
    titles(library)
    mirror = library.active_index.mirror
    assert mirror is not None
    if mirror._background:
        mirror._background.join()
    bucket.requests.clear()
    titles(library)
    return bucket.n_requests


def test_what_one_machine_deletes_the_next_search_on_another_does_not_find(
    bucket: S3Bucket, open_machine: OpenLibrary, folder: Path
) -> None:
    here, there = open_machine("here"), open_machine("there")
    sync_folder(here, folder, source_name="handbook")
    assert "Leave" in titles(there)
    assert count_requests(bucket, there) == 0
    here.forget_document("handbook", "leave.md")
    assert "Leave" not in titles(there)
    assert count_requests(bucket, there) == 0
    here.forget("handbook")
    assert titles(there) == set()


def test_what_one_machine_takes_away_the_next_search_on_another_does_not_find(
    bucket: S3Bucket, open_machine: OpenLibrary, folder: Path
) -> None:
    here, there = open_machine("here"), open_machine("there")
    sync_folder(here, folder, source_name="handbook")
    assert "Leave" in titles(there)
    sync_folder(here, folder, source_name="handbook", readers=["channel:C1"])
    assert titles(there) == set()
    bucket.proxy.go_away()
    assert titles(there) == set()


def test_what_one_machine_adds_the_next_search_on_another_finds(
    bucket: S3Bucket, open_machine: OpenLibrary, folder: Path
) -> None:
    here, there = open_machine("here"), open_machine("there")
    sync_folder(here, folder, source_name="handbook")
    titles(there)
    (folder / "pets.md").write_text("# Pets\n\nDogs may come to the office on Fridays.\n")
    sync_folder(here, folder, source_name="handbook")
    assert "Pets" in titles(there, "May I bring my dog to the office?")
    assert count_requests(bucket, there) == 0


def test_the_size_of_an_index_that_another_machine_writes_is_its_size_now(
    bucket: S3Bucket, open_machine: OpenLibrary, folder: Path
) -> None:
    here, there = open_machine("here"), open_machine("there")
    sync_folder(here, folder, source_name="handbook")
    titles(there)
    assert index_size.measure(there.active_index).n_rows == here.status().n_chunks
    here.forget("handbook")
    titles(there)
    assert index_size.measure(there.active_index).n_rows == 0


def test_rights_are_checked_in_postgres_while_the_bucket_is_away(
    bucket: S3Bucket, open_machine: OpenLibrary, folder: Path
) -> None:
    library = open_machine("here")
    sync_folder(library, folder, source_name="handbook", readers=["channel:C1"])
    insider = Audience((frozenset({"channel:C1"}),))
    assert library.search("annual leave", audience=insider).passages
    bucket.proxy.go_away()
    assert library.search("annual leave", audience=insider).passages
    assert not library.search("annual leave", audience=EVERYBODY).passages
    with pytest.raises(UserError, match="cannot be reached"):
        library.forget_document("handbook", "leave.md")
    with library.database.transaction() as transaction:
        assert transaction.scalars(select(DocumentRow.uri).where(DocumentRow.uri == "leave.md")).all()


def test_a_writer_that_was_killed_before_it_said_what_it_wrote_hides_nothing(
    bucket: S3Bucket, open_machine: OpenLibrary, folder: Path
) -> None:
    here, there = open_machine("here"), open_machine("there")
    sync_folder(here, folder, source_name="handbook")
    assert "Leave" in titles(there)
    with here.database.transaction() as transaction:
        transaction.execute(update(IndexStateRow).values(is_writing=True))
        id_ = transaction.scalars(select(DocumentRow.id).where(DocumentRow.uri == "leave.md")).one()
    Index(ADDRESS, embedding_model="static").remove([id_.hex])  # and Postgres is not told
    assert "Leave" not in titles(there)
    assert count_requests(bucket, there) == 1
    sync_folder(here, folder, source_name="handbook")  # repairs it
    assert "Leave" in titles(there)
    assert count_requests(bucket, there) == 0


def test_what_a_writer_wrote_while_it_was_replaced_is_not_taken_for_the_newest(
    bucket: S3Bucket, open_machine: OpenLibrary, folder: Path
) -> None:
    here, there = open_machine("here"), open_machine("there")
    sync_folder(here, folder, source_name="handbook")
    assert "Leave" in titles(there)
    index = here.active_index.current().index
    version, writer, store = int(index.version()), here.active_index.writer, ObjectStore(ADDRESS)
    with here.database.transaction() as transaction:
        id_ = transaction.scalars(select(DocumentRow.id).where(DocumentRow.uri == "leave.md")).one()

    def write_and_be_replaced() -> None:
        with writer.writing(index.table, lambda: version):  # paused once it has written
            stored = store.read(owner_record.PATH)
            assert stored is not None
            taken = owner_record.from_json(stored[0], ADDRESS).give_to("another")
            assert store.replace(owner_record.PATH, taken.to_json(), etag=stored[1])
            Index(ADDRESS, embedding_model="static").remove([id_.hex])
            with here.database.transaction() as transaction:
                values = {"version": version + 1, "write_id": "another", "is_writing": False}
                transaction.execute(update(IndexStateRow).values(values))
            assert isinstance(writer.lock, BucketLock)
            writer.lock._alive_at = float("-inf")

    with pytest.raises(WriterReplaced):
        write_and_be_replaced()
    assert "Leave" not in titles(there)


def test_a_sync_whose_writer_was_replaced_while_it_optimized_does_not_say_that_nobody_writes(
    bucket: S3Bucket, open_machine: OpenLibrary, folder: Path
) -> None:
    here, there = open_machine("here"), open_machine("there")
    sync_folder(here, folder, source_name="handbook")
    assert "Leave" in titles(there)
    index, active, store = here.active_index.current().index, here.active_index, ObjectStore(ADDRESS)
    with here.database.transaction() as transaction:
        id_ = transaction.scalars(select(DocumentRow.id).where(DocumentRow.uri == "leave.md")).one()
    with active.writer.alone():
        with active.writer.writing(index.table, lambda: int(index.version())):
            pass
        stored = store.read(owner_record.PATH)
        assert stored is not None
        taken = owner_record.from_json(stored[0], ADDRESS).give_to("another")
        assert store.replace(owner_record.PATH, taken.to_json(), etag=stored[1])
        with here.database.transaction() as transaction:
            transaction.execute(update(IndexStateRow).values(is_writing=True))
        assert isinstance(active.writer.lock, BucketLock)
        active.writer.lock._alive_at = float("-inf")
        active.optimize()
        with pytest.raises(WriterReplaced):
            active.settle()
    Index(ADDRESS, embedding_model="static").remove([id_.hex])  # by the other, which dies before it says so
    assert "Leave" not in titles(there)


def test_a_sync_that_changes_nothing_ends_the_doubt_that_a_killed_writer_left(
    bucket: S3Bucket, open_machine: OpenLibrary, folder: Path
) -> None:
    here, there = open_machine("here"), open_machine("there")
    sync_folder(here, folder, source_name="handbook")
    for values in ({"is_writing": True}, {"version": 1_000}, {"version": None, "write_id": None}):
        with here.database.transaction() as transaction:
            transaction.execute(update(IndexStateRow).values(values))
        sync_folder(here, folder, source_name="handbook")
        assert "Leave" in titles(there)
        assert count_requests(bucket, there) == 0


def test_an_index_of_another_deployment_is_not_touched(
    bucket: S3Bucket, open_machine: OpenLibrary, folder: Path, other_deployment: Callable[[], None]
) -> None:
    library = open_machine("here")
    sync_folder(library, folder, source_name="handbook")
    n_chunks = library.status().n_chunks
    other_deployment()
    other = open_machine("other")
    for write in (
        lambda: sync_folder(other, folder, source_name="handbook"),
        lambda: other.forget("handbook"),
        lambda: other.forget_document("handbook", "leave.md"),
        other.refresh_verified,
        other.reindex,
    ):
        with pytest.raises(IndexOfAnother, match="belongs to another deployment"):
            write()
    assert Index(ADDRESS, embedding_model="static").n_chunks() == n_chunks
    other.active_index.writer.take_over()
    sync_folder(other, folder, source_name="handbook")
    assert "Leave" in titles(other)
    other.forget("handbook")
    assert Index(ADDRESS, embedding_model="static").n_chunks() == 0


def test_an_index_in_a_folder_belongs_to_one_deployment_too(
    database: Database, tmp_path: Path, folder: Path, other_deployment: Callable[[], None]
) -> None:
    library = LibraryWithKeptReader(database, IngestSettings(index_uri=str(tmp_path / "index")))
    sync_folder(library, folder, source_name="handbook")
    other_deployment()
    with pytest.raises(IndexOfAnother, match="DOCENT_INDEX_URI to an address of its own"):
        library.forget("handbook")
    assert library.active_index.mirror is None


def test_an_index_that_an_earlier_release_made_is_taken_by_its_deployment(
    bucket: S3Bucket, open_machine: OpenLibrary, folder: Path
) -> None:
    library = open_machine("here")
    sync_folder(library, folder, source_name="handbook")
    bucket.delete("index/.docent/owner.json")
    with library.database.transaction() as transaction:
        transaction.execute(update(IndexStateRow).values(version=None, write_id=None))
    assert "Leave" in titles(open_machine("there"))
    (folder / "pets.md").write_text("# Pets\n\nDogs may come to the office on Fridays.\n")
    sync_folder(library, folder, source_name="handbook")
    record = library.active_index.writer.lock.read()
    assert record is not None
    assert record.deployment == str(library.active_index.writer.deployment())


def test_writers_at_once_write_no_chunk_twice(bucket: S3Bucket, tmp_path: Path) -> None:
    """Without any lock: what LanceDB itself does where one was lost."""
    put(Index(ADDRESS, embedding_model="static"), "first", "an index that is there")
    writers = [Index(ADDRESS, embedding_model="static") for _ in range(6)]
    for writer in writers:
        put(writer, "first", "an index that is there")
    with ThreadPoolExecutor(6) as pool:
        [*pool.map(lambda writer: put(writer, "d", "apples", "pears"), writers)]
    assert Index(ADDRESS, embedding_model="static").n_chunks() == 3


def test_after_a_change_of_model_the_new_table_is_copied_and_searched(
    bucket: S3Bucket, open_machine: OpenLibrary, folder: Path
) -> None:
    here, there = open_machine("here"), open_machine("there")
    for n in range(4):  # so that the old table has more versions than the new one
        (folder / "pets.md").write_text(f"# Pets\n\nUp to {n} dogs may come on Fridays.\n")
        sync_folder(here, folder, source_name="handbook")
    assert "Leave" in titles(there)
    here.reindex(is_forced=True)
    assert "Leave" in titles(there)
    assert count_requests(bucket, there) == 0
    here.forget_document("handbook", "leave.md")
    assert "Leave" not in titles(there)


def test_two_processes_ingest_into_one_bucket(
    bucket: S3Bucket, open_machine: OpenLibrary, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for n in range(12):
        (other / f"d{n}.md").write_text(f"# Document {n}\n\nIt is about the number {n}.\n")
    with ThreadPoolExecutor(2) as pool:
        syncs = [
            pool.submit(sync_folder, open_machine("here"), folder, source_name="handbook"),
            pool.submit(sync_folder, open_machine("there"), other, source_name="other"),
        ]
        reports = [sync.result() for sync in syncs]
    index = Index(ADDRESS, embedding_model="static")
    assert index.n_chunks() == sum(report.n_chunks for report in reports)
