"""Who reads what: claims that last while their reader lives, a window of documents."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from agent.store.database import Database
from agent.types import Audience
from ingest.access import reader_sets
from ingest.access.declaration import Declaration
from ingest.documents import names
from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.index import scan
from ingest.index.table import IndexedChunk
from ingest.library import Library
from ingest.sources.connector import ListedDocument
from ingest.sync import claims, diff, heartbeat, staging, store, sync, writer
from ingest.sync.claims import ClaimKeeper
from ingest.sync.reader_pool import WINDOW
from ingest.sync.store import BatchCounts, SyncItem, SyncOrigin, SyncStatus
from ingest.tables import DocumentRow, SyncItemRow, SyncRow
from tests.ingest.conftest import opened
from tests.library import sync_folder

EVERYONE = Audience()


class Made:
    """A source of documents that a test makes up, by uri."""

    name = "made"

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts
        self.fetched: list[str] = []

    def list(self, known: Mapping[str, str]) -> Iterator[ListedDocument]:
        for uri, content in self.texts.items():
            yield ListedDocument(uri, f"https://made.example/{len(uri)}", content)

    def fetch(self, uri: str) -> RawDocument:
        self.fetched.append(uri)
        return RawDocument(f"# About\n\n{self.texts[uri]}".encode(), Format.MARKDOWN, uri[:20])


def begun(source: Made, library: Library) -> UUID:
    """A listed sync of the clock."""
    with library.database.transaction() as transaction:
        sync_id = store.request_sync(transaction, source.name, {})
    assert sync_id
    assert sync.begin(sync_id, source, library.active_index, chunk_tokens=200)
    return sync_id


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until, "did not happen within 30 s"
        time.sleep(0.02)


def test_a_claim_outlasts_a_document_that_takes_longer(library: Library, database: Database) -> None:
    """A reader with a lease of a fifth of a second; the other one looks again and again."""
    source = Made({"a": "The first one.", "b": "The second one."})
    sync_id = begun(source, library)
    items = store.claim(database, sync_id, limit=10, lease_seconds=0.2)
    assert [item.uri for item in items] == ["a", "b"]

    def until() -> object:
        with database.transaction() as transaction:
            return transaction.scalar(select(SyncItemRow.claimed_until).limit(1))

    with ClaimKeeper(database, sync_id, items, lease_seconds=0.2) as keeper:
        for _ in range(8):
            before = until()
            wait_for(lambda b=before: until() != b)  # type: ignore[misc]
        keeper.mark_done(["a"])
    assert [item.uri for item in store.claim(database, sync_id, limit=10)] == ["b"]  # put back
    assert [item.n_claims for item in items] == [1, 1]


def test_the_claim_of_a_reader_that_vanished_lapses(library: Library, database: Database) -> None:
    source = Made({uri: f"The text {uri}." for uri in "abcdef"})
    sync_id = begun(source, library)
    assert len(store.claim(database, sync_id, limit=4, lease_seconds=0.0)) == 4
    assert [item.uri for item in store.claim(database, sync_id, limit=4)] == ["e", "f"]  # untouched ones first
    again = [store.claim(database, sync_id, limit=4) for _ in range(5)]
    assert [[item.uri for item in items] for items in again] == [["a"], ["b"], ["c"], ["d"], []]


def test_documents_of_a_machine_that_died_are_read_a_few_at_a_time_and_after_a_second_death_alone(
    library: Library, database: Database
) -> None:
    source = Made({uri: f"The text {uri}." for uri in "abcdef"})
    sync_id = begun(source, library)
    assert len(store.claim(database, sync_id, limit=8, lease_seconds=0.0)) == 6
    again = [store.claim(database, sync_id, limit=8, lease_seconds=0.0) for _ in range(3)]
    assert [[item.uri for item in items] for items in again] == [["a", "b"], ["c", "d"], ["e", "f"]]
    alone = [store.claim(database, sync_id, limit=8) for _ in range(7)]
    assert [[item.uri for item in items] for items in alone] == [["a"], ["b"], ["c"], ["d"], ["e"], ["f"], []]


def test_an_idle_sync_is_woken_once_its_claims_have_lapsed(library: Library, database: Database) -> None:
    sync_id = begun(Made({"a": "A text."}), library)
    with database.transaction() as transaction:
        assert store.take_idle(transaction) == []
    assert store.IDLE_LEASES > 1
    with database.transaction() as transaction:  # as time does
        past = "now() - interval '1 second' * :s"
        transaction.execute(text(f"UPDATE syncs SET touched_at = {past}"), {"s": store.LEASE_SECONDS * 1.2})
        assert store.take_idle(transaction) == [(sync_id, "reading")]
        assert store.take_idle(transaction) == []


def test_signs_of_life_go_by_the_clock_of_postgres(library: Library, database: Database) -> None:
    """A machine whose clock is late would else have every sync that it works on woken again and again."""
    sync_id = begun(Made({"a": "A text."}), library)
    with database.transaction() as transaction:
        store.set_status(transaction, sync_id, SyncStatus.READING)
        assert transaction.scalar(text("SELECT touched_at = now() FROM syncs"))


def test_a_pulse_beats_until_it_is_over_and_bears_an_outage() -> None:
    beats: list[int] = []
    enough = threading.Event()

    def beat() -> None:
        beats.append(1)
        if len(beats) == 1:
            raise OperationalError("", {}, Exception())
        if len(beats) == 3:
            enough.set()

    with heartbeat.call_periodically(beat, every_seconds=0.01):
        assert enough.wait(120)
    n_beats = len(beats)
    time.sleep(0.05)
    assert len(beats) == n_beats


def test_a_reader_that_does_nothing_for_an_hour_loses_its_claim(library: Library, database: Database) -> None:
    sync_id = begun(Made({"a": "A text."}), library)
    seconds = 0.0
    items = store.claim(database, sync_id, limit=1)
    keeper = ClaimKeeper(database, sync_id, items, lease_seconds=60, clock=lambda: seconds)
    seconds = claims.LONGEST_SECONDS
    with database.transaction() as transaction:
        transaction.execute(update(SyncItemRow).values(claimed_until=None))
    keeper.renew()
    assert len(store.claim(database, sync_id, limit=1)) == 1


# Crews


def test_no_more_than_a_window_of_documents_is_read_ahead(library: Library) -> None:
    source = Made({f"{i:03d}": f"The text {i}." for i in range(100)})
    items = [SyncItem(uri, "", "f", "", "", None, "", None, None, 1) for uri in source.texts]
    with sync.open_reader_pool(source, chunk_tokens=200) as pool:
        reading = pool.read(items)
        order = [next(reading).item.uri for _ in range(10)]
        assert len(source.fetched) <= WINDOW + 10
        order += [one.item.uri for one in reading]
    assert order == sorted(source.texts)


def test_a_document_whose_fetching_breaks_is_one_problem(library: Library) -> None:
    source = Made({uri: f"The text {uri}." for uri in "abc"})
    library.sync(source)

    class Broken(Made):
        def fetch(self, uri: str) -> RawDocument:
            if uri == "b":
                raise ZeroDivisionError
            return super().fetch(uri)

    broken = Broken({uri: f"The new text {uri}." for uri in "abc"})
    report = library.sync(broken)
    assert [(p.uri, p.cause.split(" (")[0], p.advice) for p in report.problems] == [
        ("b", "could not be fetched", "report it as a bug")
    ]
    found = {p.text for p in library.search("the text", audience=EVERYONE).passages}
    assert found == {"The new text a.", "The text b.", "The new text c."}
    assert library.sync(Made(broken.texts)).problems == ()


# Names


@pytest.mark.parametrize("uri", ["a", "ü" * 1_000, "a" * 2_000, "a/b c.md"])
def test_a_usual_name_is_kept(uri: str) -> None:
    assert names.shorten(uri) == uri


@pytest.mark.parametrize("uri", ["a" * 2_001, "ü" * 5_000, "\udcff", "a\0b", "\ud800" * 500])
def test_an_unusual_name_becomes_one_that_can_be_kept(uri: str) -> None:
    name = names.shorten(uri)
    assert name != uri
    assert "\0" not in name
    assert len(name.encode()) <= names.MAX_BYTES
    assert name != names.shorten(uri + "x")


def test_names_that_cannot_be_kept_are_problems_of_their_documents(library: Library) -> None:
    chance = random.Random(1)
    endless = "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(4_000))  # nothing that compresses
    texts = {
        "fine": "The fine text.",
        endless: "Too long.",
        endless + "x": "As long.",
        "a\0b": "NUL.",
        "\udcff": "?",
    }
    source = Made(texts)
    report = library.sync(source)
    assert (report.status, report.n_added, report.n_unread, report.n_chunks) == ("completed", 1, 4, 1)
    assert {(p.cause, p.advice) for p in report.problems} == {
        ("has a name that cannot be stored", "rename it: Unicode, and with its folders at most 2,000 bytes")
    }
    assert len(report.problems) == 4
    assert source.fetched == ["fine"]
    again = library.sync(source)
    assert (again.n_unchanged, again.n_unread) == (1, 4)
    assert library.sync(Made({"fine": "The fine text."})).n_removed == 4


# What stands in the way of many documents


def test_what_was_read_in_is_asked_for_only_by_a_source_that_wants_it(
    library: Library, database: Database, folder: Path
) -> None:
    sync_folder(library, str(folder))
    known = staging.KnownFingerprints(database, "handbook")
    assert "_all" not in vars(known)
    assert set(known) == {"leave.md", "places/office.md"}
    assert len(known) == 2
    assert known["leave.md"] == next(o.fingerprint for o in opened(folder).list({}) if o.uri == "leave.md")


@pytest.mark.soak
def test_readers_of_more_documents_than_a_statement_takes_parameters_are_changed(
    library: Library, database: Database
) -> None:
    """Postgres takes 65,535 of them."""
    n = 70_000
    live = library.active_index
    stores = live.ensure_state()
    with database.transaction() as transaction:
        old = reader_sets.store_readers(transaction, reader_sets.DEFAULT_READERS)
        transaction.execute(
            text(
                "INSERT INTO documents (id, source, uri, url, title, fingerprint, content_hash, access_id) "
                "SELECT gen_random_uuid(), 'made', n::text, '', '', n::text, '', :a FROM generate_series(1, :n) n"
            ),
            {"a": old, "n": n},
        )
    source = Made({str(i): str(i) for i in range(1, n + 1)})
    sync_id = store.open_sync(database, "made", {}, SyncOrigin.COMMAND)
    declaration = Declaration.of(reader_sets.one_of({"channel:C1"}))
    diff.prepare(source, sync_id, active_index=live, declaration=declaration, chunk_tokens=200)
    with database.transaction() as transaction:
        assert set(transaction.scalars(select(DocumentRow.access_id).distinct())) == {
            reader_sets.access_id(reader_sets.one_of({"channel:C1"}))
        }
        assert transaction.scalar(select(SyncRow.n_changed)) == n
        store.end(transaction, sync_id, SyncStatus.INTERRUPTED)
    assert not stores.index.exists()


def test_an_index_that_lost_some_documents_gets_them_back(library: Library, database: Database) -> None:
    """And one that holds another version than the table says, as from a backup of another day."""
    source = Made({uri: f"The text {uri}." for uri in "abcd"})
    library.sync(source)
    index = library.active_index.current().index
    index.remove([sync.document_id("made", "a").hex])
    (row,) = scan.read_chunks(index, [sync.document_id("made", "b").hex])
    stale = IndexedChunk(**{**vars(row), "content_hash": "of another day", "text": "An old text."})
    index.replace(
        [row.document_id],
        [stale],
        library.active_index.current().embedder.embed_documents([row.search_text]).vectors,
    )
    report = library.sync(source)
    assert (report.n_changed, report.n_unchanged, library.status().n_chunks) == (2, 2, 4)
    assert {p.text for p in library.search("the text", audience=EVERYONE).passages} == {
        f"The text {uri}." for uri in "abcd"
    }


def test_a_batch_is_written_once_whoever_read_it_twice(library: Library, database: Database) -> None:
    """A worker that was thought dead, and one that took its documents over."""
    source = Made({uri: f"The text {uri}." for uri in "abc"})
    sync_id = begun(source, library)
    items = store.claim(database, sync_id, limit=10)
    with sync.open_reader_pool(source, chunk_tokens=200, n=1) as pool:
        for _ in range(2):
            writer.write([*pool.read(items)], sync_id=sync_id, source="made", active_index=library.active_index)
    report = sync.finish(sync_id, "made", library.active_index)
    assert (report.status, report.n_added, library.status().n_chunks) == ("completed", 3, 3)


def test_a_document_written_twice_after_a_lost_claim_is_counted_once(library: Library) -> None:
    source, database = Made({"a": "one", "b": "two"}), library.database
    sync_id = begun(source, library)
    counts = BatchCounts(n_done=2, n_chunks=5, n_embedded=5, n_tokens=9)
    with database.transaction() as transaction:
        assert store.complete_items(transaction, sync_id, {"a": 2, "b": 3}, counts) == counts
        again = store.complete_items(transaction, sync_id, {"a": 2, "b": 3}, counts)
        row = transaction.get_one(SyncRow, sync_id)
    assert again == BatchCounts(n_done=0, n_chunks=0, n_embedded=5, n_tokens=9)  # it was paid for
    assert (row.n_done, row.n_chunks, row.n_embedded, row.n_tokens) == (2, 5, 10, 18)


def test_a_reader_that_lost_its_claim_does_not_release_the_next_ones(library: Library) -> None:
    source, database = Made({"a": "one"}), library.database
    sync_id = begun(source, library)
    lost = store.claim(database, sync_id, limit=1, lease_seconds=0)
    held = store.claim(database, sync_id, limit=1)
    store.release_claims(database, sync_id, lost)
    assert store.claim(database, sync_id, limit=1) == []
    store.release_claims(database, sync_id, held)
    assert [item.n_claims for item in store.claim(database, sync_id, limit=1)] == [2]
