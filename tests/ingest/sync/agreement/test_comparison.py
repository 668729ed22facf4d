"""Documents and index are compared, and each way in which they can differ is found and mended."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text, update

from agent.store.database import Database
from agent.types import Audience
from ingest.access import reader_sets
from ingest.index import scan
from ingest.index.active_index import ActiveIndex
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.sync.agreement import comparison, tags
from ingest.sync.agreement.comparison import DifferenceKind
from ingest.sync.agreement.tagged_table import TaggedTable
from ingest.tables import DocumentRow
from tests.ingest.index import bucket
from tests.library import sync_folder

HR = Audience((frozenset({"everyone", "group:S0HR"}),))


@pytest.fixture
def synced(library: Library, folder: Path) -> Library:
    sync_folder(library, folder, source_name="handbook")
    return library


@pytest.fixture
def leave(synced: Library, database: Database) -> UUID:
    with database.transaction() as transaction:
        return transaction.scalars(select(DocumentRow.id).where(DocumentRow.uri == "leave.md")).one()


def find(library: Library, *, repairs: bool = False) -> dict[DifferenceKind, int]:
    return dict(comparison.compare(library.active_index, repairs=repairs).counts)


def set_row(database: Database, id_: UUID, **values: object) -> None:
    with database.transaction() as transaction:
        transaction.execute(update(DocumentRow).where(DocumentRow.id == id_).values(values))


def read_again(library: Library, folder: Path) -> None:
    """The next sync mends what was marked."""
    sync_folder(library, folder, source_name="handbook")
    assert find(library) == {}
    assert library.search("annual leave", audience=Audience()).passages


def test_a_library_that_was_just_synced_agrees(synced: Library) -> None:
    found = comparison.compare(synced.active_index)
    assert (found.n_documents, found.n_waiting, dict(found.counts)) == (2, 0, {})


def test_an_empty_library_agrees(library: Library) -> None:
    assert find(library) == {}


def test_a_document_whose_passages_are_lost_is_read_again(synced: Library, leave: UUID, folder: Path) -> None:
    synced.active_index.current().index.remove([leave.hex])
    assert find(synced) == {DifferenceKind.NO_PASSAGES: 1}
    assert find(synced, repairs=True) == {DifferenceKind.NO_PASSAGES: 1}
    found = comparison.compare(synced.active_index)
    assert (dict(found.counts), found.n_waiting) == ({}, 1)
    read_again(synced, folder)


@pytest.mark.parametrize("values", [{"n_chunks": 7}, {"content_hash": "other"}])
def test_a_row_that_speaks_of_other_passages_is_read_again(
    synced: Library, leave: UUID, folder: Path, database: Database, values: dict[str, object]
) -> None:
    set_row(database, leave, **values)
    assert find(synced) == {DifferenceKind.OTHER_PASSAGES: 1}
    find(synced, repairs=True)
    assert find(synced) == {}
    read_again(synced, folder)


def test_passages_without_a_document_are_found_and_taken_out(
    synced: Library, leave: UUID, database: Database
) -> None:
    index = synced.active_index.current().index
    with database.transaction() as transaction:
        transaction.execute(text("DELETE FROM documents WHERE id = :id"), {"id": leave})
    assert synced.search("annual leave", audience=Audience()).passages  # what must not be
    assert find(synced) == {DifferenceKind.NO_DOCUMENT: 1}
    find(synced, repairs=True)
    assert leave.hex not in scan.document_versions(index)
    assert find(synced) == {}


@pytest.mark.parametrize("is_index_wider", [True, False])
def test_where_readers_differ_those_read_it_who_may_by_both(
    synced: Library, leave: UUID, folder: Path, database: Database, is_index_wider: bool
) -> None:
    with database.transaction() as transaction:
        access_id = reader_sets.store_readers(transaction, reader_sets.one_of({"group:S0HR"}))
    if is_index_wider:
        set_row(database, leave, access_id=access_id)
    else:
        synced.active_index.current().index.set_access([leave.hex], access_id)
    assert find(synced) == {DifferenceKind.OTHER_READERS: 1}
    find(synced, repairs=True)
    assert find(synced) == {}
    assert not [p for p in synced.search("annual leave", audience=Audience()).passages if p.title == "Leave"]
    assert [p for p in synced.search("annual leave", audience=HR).passages if p.title == "Leave"]
    sync_folder(synced, folder, source_name="handbook")  # gives back what the source gives
    assert [p for p in synced.search("annual leave", audience=Audience()).passages if p.title == "Leave"]
    assert find(synced) == {}


def test_readers_whom_nobody_knows_are_replaced_by_those_of_the_record(synced: Library, leave: UUID) -> None:
    synced.active_index.current().index.set_access([leave.hex], "f" * 64)
    assert find(synced, repairs=True) == {DifferenceKind.OTHER_READERS: 1}
    assert [p for p in synced.search("annual leave", audience=Audience()).passages if p.title == "Leave"]


def test_an_index_that_is_gone_has_every_document_read_again(synced: Library, folder: Path) -> None:
    index = synced.active_index.current().index
    index.remove(scan.document_versions(index))
    assert find(synced, repairs=True) == {DifferenceKind.NO_PASSAGES: 2}
    read_again(synced, folder)


def test_many_documents_are_compared_range_by_range(
    synced: Library, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an index of millions of passages is: each range on its own, and none left out or looked at twice."""
    monkeypatch.setattr(comparison, "CHUNKS_PER_RANGE", 1)
    ranges = comparison.list_ranges(synced.active_index.current().index)
    assert len(ranges) == 16
    assert (ranges[0].first, ranges[-1].last) == ("0" * 32, "f" * 32)
    set_row_ids = [uuid4() for _ in range(40)]
    with database.transaction() as transaction:
        access_id = transaction.scalars(select(DocumentRow.access_id)).first()
        for id_ in set_row_ids:
            values = {"source": "wiki", "uri": str(id_), "url": "u", "title": "t", "content_hash": "h"}
            transaction.add(DocumentRow(id=id_, access_id=access_id, n_chunks=1, **values))
    found = comparison.compare(synced.active_index)
    assert (found.n_documents, dict(found.counts)) == (42, {DifferenceKind.NO_PASSAGES: 40})


def test_an_index_in_a_bucket_is_compared_as_one_in_a_folder(
    synced: Library, leave: UUID, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags.create_tag(synced.active_index, "good")
    set_row(database, leave, n_chunks=7)
    with bucket.serve(tmp_path) as served:
        for name, value in served.environment().items():
            monkeypatch.setenv(name, value)
        there = ActiveIndex(database, IngestSettings(index_uri="s3://bucket/index"))
        assert dict(comparison.compare(there).counts) == {DifferenceKind.OTHER_PASSAGES: 1}
        (tag,) = tags.list_tags(there)
        assert tag.name == "good"
        assert leave.hex in scan.versions_of(TaggedTable("s3://bucket/index", "chunks", "good"), [leave.hex])
