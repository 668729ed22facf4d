"""What a sync leaves behind: in the index, in the table, and when it is killed in between."""

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from agent.errors import UserError
from agent.store.database import Database
from agent.types import Audience
from ingest.documents.raw import FetchProblem
from ingest.index import scan
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.sources.connector import cache_folder
from ingest.sync import diff, reports, store, sync, writer
from ingest.sync.store import SyncOrigin
from ingest.tables import DocumentRow, SyncItemRow
from tests.ingest.conftest import opened
from tests.library import sync_folder

EVERYONE = Audience()


def texts(library: Library, query: str) -> str:
    return "\n".join(passage.text for passage in library.search(query, audience=EVERYONE).passages)


def test_a_folder_is_read_in_and_found(library: Library, folder: Path) -> None:
    report = sync_folder(library, str(folder), link="https://handbook.example/{path}")

    assert (report.source, report.n_added, report.n_chunks, report.problems) == ("handbook", 2, 4, ())
    best = library.search("How many days of vacation can I carry over?", audience=EVERYONE).passages[0]
    assert "At most 5 days" in best.text
    assert (best.title, best.heading_path) == ("Leave", "Annual leave")
    assert best.url == "https://handbook.example/leave"


def test_without_a_link_pattern_a_document_is_linked_as_a_file(library: Library, folder: Path) -> None:
    sync_folder(library, str(folder))
    assert library.search("bicycles", audience=EVERYONE).passages[0].url == (folder / "places/office.md").as_uri()


def test_an_unchanged_folder_changes_nothing(library: Library, folder: Path) -> None:
    sync_folder(library, str(folder))
    version = library.status().version
    report = sync_folder(library, str(folder))

    assert (report.n_added, report.n_changed, report.n_unchanged, report.n_removed) == (0, 0, 2, 0)
    assert library.status().version == version


def test_a_changed_document_replaces_its_earlier_self(library: Library, folder: Path) -> None:
    sync_folder(library, str(folder))
    (folder / "leave.md").write_text("# Leave\n\nEvery employee has 31 days of annual leave.")
    report = sync_folder(library, str(folder))

    assert (report.n_changed, report.n_unchanged) == (1, 1)
    assert "31 days" in texts(library, "annual leave days")
    assert "30 days" not in texts(library, "annual leave days")


def test_a_removed_document_is_found_no_more(library: Library, folder: Path) -> None:
    sync_folder(library, str(folder))
    (folder / "leave.md").unlink()

    assert sync_folder(library, str(folder)).n_removed == 1
    assert "annual leave" not in texts(library, "annual leave")


def test_a_folder_that_lost_every_document_is_refused(library: Library, folder: Path) -> None:
    sync_folder(library, str(folder))
    for path in folder.rglob("*.md"):
        path.unlink()

    with pytest.raises(UserError, match="No documents were found"):
        sync_folder(library, str(folder))
    assert "30 days" in texts(library, "annual leave")


def test_another_folder_leaves_the_first_ones_documents_alone(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    sync_folder(library, str(folder))
    (tmp_path / "wiki").mkdir()
    (tmp_path / "wiki" / "leave.md").write_text("Wiki page about leave and gardening.")

    assert sync_folder(library, str(tmp_path / "wiki")).n_removed == 0
    assert "30 days" in texts(library, "annual leave")
    assert library.forget("wiki") == 1
    assert "gardening" not in texts(library, "gardening")


def test_bad_documents_are_named_and_stop_nobody(library: Library, folder: Path) -> None:
    (folder / "empty.md").write_text("")
    (folder / "binary.md").write_bytes(b"\x00\x01\x02" * 100)
    (folder / "huge.txt").write_bytes(b"words " * 1_000_000)
    report = sync_folder(library, str(folder))

    causes = {problem.uri: problem.cause for problem in report.problems}
    assert causes == {
        "binary.md": "is not text, despite its name",
        "empty.md": "contains no text",
        "huge.txt": "larger than 5 MB",
    }
    assert all(problem.advice for problem in report.problems)
    assert sync_folder(library, str(folder)).problems == report.problems  # still there, still said
    assert "30 days" in texts(library, "annual leave")


def test_a_folder_of_bad_documents_only_is_told_and_no_more(library: Library, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "empty.md").write_text("")
    report = sync_folder(library, str(tmp_path / "bad"))
    assert (report.n_chunks, len(report.problems)) == (0, 1)


def test_a_document_that_cannot_be_read_for_once_stays_searchable(library: Library, folder: Path) -> None:
    class Flaky:
        """The folder, except that one file has become unreadable."""

        def __init__(self) -> None:
            self.inner = opened(folder)
            self.name = self.inner.name

        def list(self, known):  # type: ignore[no-untyped-def]
            return [replace(one, fingerprint=f"error:13 {one.uri}") for one in self.inner.list(known)]

        def fetch(self, uri: str):  # type: ignore[no-untyped-def]
            raise FetchProblem("cannot be read (Permission denied)", "check its permissions", may_pass=True)

    sync_folder(library, str(folder))
    report = library.sync(Flaky())

    assert len(report.problems) == 2
    assert "30 days" in texts(library, "annual leave")
    assert sync_folder(library, str(folder)).problems == ()


class Killed(BaseException):
    """As a process that is gone: nothing catches it."""


class DyingDatabase(Database):
    """Dies at the given transaction."""

    dies_at = 0
    n_transactions = 0

    def transaction(self):  # type: ignore[no-untyped-def]
        self.n_transactions += 1
        if self.n_transactions == self.dies_at:
            raise Killed
        return super().transaction()


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.soak)])
def test_a_sync_killed_at_any_moment_is_finished_by_the_next(
    library: Library, database: Database, folder: Path, step: int
) -> None:
    """Between any two transactions, of which the index is written in some gap."""
    sync_folder(library, str(folder))
    dying = DyingDatabase(database.url)
    for moment in range(1, 100, step):
        (folder / "leave.md").write_text(f"# Leave\n\nEvery employee has {100 + moment} days of annual leave.")
        (folder / f"new-{moment}.md").write_text(f"# New\n\nThe new rule has the number {moment}.")
        (folder / f"new-{moment - step}.md").unlink(missing_ok=True)
        dying.dies_at, dying.n_transactions = moment, 0
        try:
            sync_folder(Library(dying, library.settings), str(folder))
        except Killed:
            found = texts(library, "annual leave days of every employee")
            assert "days of annual leave" in found
            assert "kitchen" in texts(library, "bicycles")
        else:
            break
        report = sync_folder(library, str(folder))
        assert report.status == "completed"
        assert f"{100 + moment} days" in texts(library, "annual leave days")
        assert f"number {moment}." in texts(library, "the new rule")
        assert (library.status().n_chunks, reports.load_stats(database).n_documents) == (4, 3)
    dying.close()
    assert 10 < moment < 99


def test_a_renamed_document_keeps_its_vectors(library: Library, folder: Path) -> None:
    sync_folder(library, str(folder))
    (folder / "leave.md").rename(folder / "holidays.md")
    report = sync_folder(library, str(folder))

    assert (report.n_moved, report.n_added, report.n_removed, report.n_unchanged) == (1, 0, 0, 1)
    assert (report.n_chunks, report.n_embedded) == (2, 0)
    assert library.search("annual leave", audience=EVERYONE).passages[0].url.endswith("/holidays.md")
    assert library.status().n_chunks == 4


def test_a_renamed_document_that_cannot_be_had_stays_found_until_it_can(library: Library, folder: Path) -> None:
    class Away:
        """The folder, from where the page about leave, under its new name, cannot be fetched at first."""

        name = "away"
        is_away = True

        def list(self, known):  # type: ignore[no-untyped-def]
            return opened(folder).list(known)

        def fetch(self, uri: str):  # type: ignore[no-untyped-def]
            if self.is_away and uri == "holidays.md":
                raise FetchProblem("is away", "wait", may_pass=True)
            return opened(folder).fetch(uri)

    source = Away()
    library.sync(source)
    (folder / "leave.md").rename(folder / "holidays.md")
    for _ in range(3):
        report = library.sync(source)
        assert (report.n_added, report.n_changed, report.n_moved, report.n_removed) == (0, 0, 0, 0)
        assert (report.n_unread, report.n_documents) == (1, 2)
        assert "30 days" in texts(library, "annual leave")
    source.is_away = False
    report = library.sync(source)
    assert (report.n_moved, report.n_embedded, report.problems) == (1, 0, ())
    assert library.count_documents() == {"away": 2}


def test_a_renamed_folder_is_no_reason_for_suspicion(library: Library, tmp_path: Path) -> None:
    old = tmp_path / "wiki" / "old"
    old.mkdir(parents=True)
    for i in range(12):
        (old / f"{i}.md").write_text(f"# Rule {i % 11}\n\nThe rule is number {i % 11}.")  # two are the same
    sync_folder(library, str(tmp_path / "wiki"))
    old.rename(tmp_path / "wiki" / "new")
    report = sync_folder(library, str(tmp_path / "wiki"))
    assert (report.n_moved, report.n_removed, report.n_embedded) == (12, 0, 0)


def test_only_changed_chunks_are_embedded(library: Library, folder: Path) -> None:
    sync_folder(library, str(folder))
    text = (folder / "leave.md").read_text()
    (folder / "leave.md").write_text(text.replace("before nine", "before ten"))
    report = sync_folder(library, str(folder))
    assert (report.n_changed, report.n_chunks, report.n_embedded) == (1, 2, 1)
    assert "before ten" in texts(library, "sick leave")


def test_a_source_that_lost_most_documents_is_not_believed(library: Library, tmp_path: Path) -> None:
    wiki = tmp_path / "wiki"
    wiki.mkdir()
    for i in range(12):
        (wiki / f"{i}.md").write_text(f"# Rule {i}\n\nThe rule is number {i}.")
    sync_folder(library, str(wiki))
    for i in range(8):
        (wiki / f"{i}.md").unlink()
    (wiki / "new.md").write_text("# New\n\nA rule that is new.")

    with pytest.raises(UserError, match=r"had 12 documents, and 8 of them are gone.*--force"):
        sync_folder(library, str(wiki))
    assert "number 3." in texts(library, "rule number 3")
    assert library.status().n_chunks == 12
    report = sync_folder(library, str(wiki), is_forced=True)
    assert (report.n_removed, report.n_added, library.status().n_chunks) == (8, 1, 5)


def test_syncs_at_once_lose_nothing(
    library: Library, open_library: Callable[..., Library], tmp_path: Path
) -> None:
    """Of one source the second waits; of two sources both run."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(30):
            (tmp_path / name / f"{i}.md").write_text(f"# {name} {i}\n\nIn {name} the rule is number {i}.")
    failed: list[BaseException] = []

    def run(name: str) -> None:
        try:
            assert sync_folder(open_library(), str(tmp_path / name)).status == "completed"
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in "aabb"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert library.status().n_chunks == 60


def test_a_sync_that_another_took_over_writes_nothing_more(library: Library, folder: Path) -> None:
    source, live = opened(folder), library.active_index
    old = store.open_sync(live.database, "handbook", {}, SyncOrigin.CLOCK)
    diff.prepare(source, old, active_index=live, chunk_tokens=200)
    with sync.open_reader_pool(source, chunk_tokens=200) as pool:
        read = list(pool.read(store.claim(live.database, old, limit=10)))
    assert sync_folder(library, str(folder)).n_added == 2

    with pytest.raises(store.SyncSuperseded):
        writer.write(read, sync_id=old, source="handbook", active_index=live)
    assert store.claim(live.database, old, limit=10) == []


def test_workers_share_the_documents_of_a_sync(library: Library, tmp_path: Path) -> None:
    wiki = tmp_path / "wiki"
    wiki.mkdir()
    for i in range(20):
        (wiki / f"{i:02d}.md").write_text(f"# Rule {i}\n\nThe rule is number {i}.")
    source, live = opened(wiki), library.active_index
    with live.database.transaction() as transaction:
        sync_id = store.request_sync(transaction, "wiki", {})
        assert sync_id
        assert store.request_sync(transaction, "wiki", {}) is None  # one is open
    assert sync.begin(sync_id, source, live, chunk_tokens=200)
    assert not sync.begin(sync_id, source, live, chunk_tokens=200)  # a job that comes twice
    first = store.claim(live.database, sync_id, limit=5)
    with sync.open_reader_pool(source, chunk_tokens=200, n=1) as pool:
        assert not sync.work(sync_id, "wiki", pool, live, limit=3)
    assert store.count_items(live.database, sync_id) == 5  # another one reads them
    store.release_claims(live.database, sync_id, first)
    with sync.open_reader_pool(source, chunk_tokens=200, n=1) as pool:
        assert sync.work(
            sync_id, "wiki", pool, live, limit=3, is_over=iter([False, False, False, False, True, True]).__next__
        )
        assert not sync.work(sync_id, "wiki", pool, live)
    report = sync.finish(sync_id, "wiki", live)
    assert (report.status, report.n_added, report.n_chunks) == ("completed", 20, 20)


def test_a_document_that_ends_its_reader_again_and_again_is_given_up(library: Library, folder: Path) -> None:
    source, live = opened(folder), library.active_index
    sync_id = store.open_sync(live.database, "handbook", {}, SyncOrigin.CLOCK)
    diff.prepare(source, sync_id, active_index=live, chunk_tokens=200)
    n_killed = 0
    while items := store.claim(live.database, sync_id, limit=10):
        if any(item.uri == "leave.md" and item.n_claims <= store.MAX_CLAIMS for item in items):
            n_killed += 1
            with live.database.transaction() as transaction:  # as time does
                transaction.execute(update(SyncItemRow).values(claimed_until=None))
            continue
        with sync.open_reader_pool(source, chunk_tokens=200) as pool:
            writer.write([*pool.read(items)], sync_id=sync_id, source="handbook", active_index=live)
    assert n_killed == 3
    report = sync.finish(sync_id, "handbook", live)
    assert [(p.uri, p.cause) for p in report.problems] == [("leave.md", "ended the process that read it 3 times")]
    assert report.n_chunks == 2  # what was claimed together with it is none the worse
    assert "kitchen" in texts(library, "bicycles")


def test_documents_have_readers_of_their_own_where_their_source_says_so(library: Library, folder: Path) -> None:
    class Guarded:
        """The folder; who may read the page about leave is up to the source."""

        name = "guarded"
        readers: frozenset[str] | None = frozenset({"channel:C1"})

        def list(self, known):  # type: ignore[no-untyped-def]
            listing = opened(folder).list(known)
            return [replace(one, readers=self.readers if "leave" in one.uri else None) for one in listing]

        def fetch(self, uri: str):  # type: ignore[no-untyped-def]
            return opened(folder).fetch(uri)

    source = Guarded()
    library.sync(source)
    members = Audience((frozenset({"everyone", "channel:C1"}),))
    assert "30 days" not in texts(library, "annual leave")
    assert "30 days" in "".join(p.text for p in library.search("annual leave", audience=members).passages)
    source.readers = frozenset()
    library.sync(source)
    assert "30 days" not in "".join(p.text for p in library.search("annual leave", audience=members).passages)
    source.readers = None
    report = library.sync(source)
    assert (report.n_unchanged, report.n_chunks) == (2, 0)
    assert "30 days" in texts(library, "annual leave")


def test_a_lost_index_is_made_again(library: Library, open_library: Callable[..., Library], folder: Path) -> None:
    sync_folder(library, str(folder))
    index = Path(library.settings.index_address)
    index.rename(index.with_name("lost"))

    for again in (library, open_library()):  # one that had the lost index open, and one that had not
        assert sync_folder(again, str(folder)).n_changed == (2 if again is library else 0)
        assert "30 days" in texts(again, "annual leave")


def test_a_source_that_is_forgotten_leaves_nothing_behind(
    open_library: Callable[..., Library], folder: Path, tmp_path: Path
) -> None:
    library = open_library(home=tmp_path / "home")
    sync_folder(library, str(folder))
    kept = cache_folder(tmp_path / "home", "handbook")
    kept.mkdir(parents=True)
    (kept / "mirror").write_text("what a source keeps")
    assert library.forget("handbook") == 2
    assert not kept.exists()
    assert library.status().n_chunks == 0


def test_a_document_that_has_become_too_large_is_no_longer_found(library: Library, folder: Path) -> None:
    sync_folder(library, str(folder))
    (folder / "leave.md").write_bytes(b"words " * 1_000_000)
    assert [problem.cause for problem in sync_folder(library, str(folder)).problems] == ["larger than 5 MB"]
    assert "30 days" not in texts(library, "annual leave")


def test_a_path_that_is_no_folder_is_refused_in_one_line(library: Library, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path / "file.md"):
        if path.suffix:
            path.write_text("text")
        with pytest.raises(UserError) as refused:
            sync_folder(library, str(path))
        assert str(path) in str(refused.value)
        assert "\n" not in str(refused.value)


def test_links_out_of_the_folder_and_hidden_files_are_left_out(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "private.md").write_text("The private salary list.")
    (folder / "link.md").symlink_to(tmp_path / "private.md")
    (folder / ".hidden.md").write_text("hidden")
    (folder / ".git").mkdir()
    (folder / ".git" / "notes.md").write_text("hidden")
    (folder / "shown.md").symlink_to(folder / ".git" / "notes.md")
    (folder / "loop").symlink_to(folder)

    assert sync_folder(library, str(folder)).n_added == 2


def test_a_document_that_became_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "private.md").write_text("The private salary list.")
    source = opened(folder)
    assert "leave.md" in {one.uri for one in source.list({})}
    (folder / "leave.md").unlink()
    (folder / "leave.md").symlink_to(tmp_path / "private.md")
    with pytest.raises(FetchProblem, match="leads out of the folder"):
        source.fetch("leave.md")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_documents_of_an_unreadable_folder_are_kept(library: Library, folder: Path) -> None:
    sync_folder(library, str(folder))
    (folder / "places").chmod(0)
    try:
        report = sync_folder(library, str(folder))
    finally:
        (folder / "places").chmod(0o700)
    assert (report.n_removed, [problem.uri for problem in report.problems]) == (0, ["places/"])


def test_a_reader_never_sees_half_a_document(library: Library, folder: Path, tmp_path: Path) -> None:
    """One writer turns a document of two sections back and forth; readers only ever see one of both."""

    def write(colour: str) -> None:
        body = "\n\n".join(f"## Part {i}\n\nThe paint of part {i} is {colour}." for i in range(6))
        (folder / "paint.md").write_text(f"# Paint\n\n{body}")

    write("red")
    sync_folder(library, str(folder))
    done = threading.Event()
    mixed: list[set[str]] = []

    def look() -> None:
        while not done.is_set():
            found = library.search("which paint has the part", audience=EVERYONE).passages
            colours = {c for c in ("red", "blue") for passage in found if f" {c}." in passage.text}
            n_parts = sum(passage.title == "Paint" for passage in found)
            if len(colours) != 1 or n_parts != 6:
                mixed.append(colours)

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for i in range(4):
        write("blue" if i % 2 == 0 else "red")
        sync_folder(library, str(folder))
    done.set()
    for reader in readers:
        reader.join()
    assert mixed == []


def test_changed_reading_reads_everything_in_again(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_folder(library, str(folder))
    other = Library(library.database, IngestSettings(index_uri=library.settings.index_address, chunk_tokens=60))
    assert sync_folder(other, str(folder)).n_changed == 2


def test_the_state_is_told_without_the_index(library: Library, database: Database, folder: Path) -> None:
    assert reports.load_stats(database).problem is not None
    (folder / "empty.md").write_text("")
    sync_folder(library, str(folder))
    now = reports.load_stats(database)

    assert (now.n_documents, now.n_chunks, now.n_problems, now.problem) == (3, 4, 1, None)
    with database.transaction() as transaction:
        assert len(transaction.scalars(select(DocumentRow)).all()) == 3


def test_a_language_without_rules_is_told_of_what_a_sync_has_read(library: Library, folder: Path) -> None:
    (folder / "verlof.md").write_text(
        "# Verlof\n\nElke werknemer heeft dertig vakantiedagen per jaar, en vijf daarvan blijven."
    )
    (folder / "urlaub.md").write_text(
        "# Urlaub\n\nJeder Mitarbeiter hat dreißig Tage Urlaub im Jahr, davon fünf übertragbare."
    )
    report = sync_folder(library, str(folder))
    assert [(notice.uri, notice.language) for notice in report.notices] == [("verlof.md", "nl")]
    assert not report.problems
    assert sync_folder(library, str(folder)).notices == ()
    with library.database.transaction() as transaction:
        documents = reports.load_documents(transaction, report.source)
    languages = {document.uri: document.language for document in documents}
    assert languages == {"leave.md": "en", "places/office.md": "en", "urlaub.md": "de", "verlof.md": "nl"}
    versions = scan.document_versions(library.active_index.current().index)
    chunks = scan.read_chunks(library.active_index.current().index, [*versions])
    assert {chunk.language for chunk in chunks} == {"en", "de", "nl"}
    (found, *_) = library.search("vakantiedagen", audience=Audience()).passages
    assert found.title == "Verlof"
