"""A tag is gone back to after a sync that went wrong; rights and deletions since then win."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from agent.errors import UserError
from agent.store.database import Database
from agent.types import Audience
from ingest.index import lancedb_runtime, versions
from ingest.library import Library
from ingest.sync.agreement import comparison, tags
from ingest.tables import DocumentRow
from tests.library import sync_folder

HR = Audience((frozenset({"everyone", "group:S0HR"}),))


@pytest.fixture
def synced(library: Library, folder: Path) -> Library:
    sync_folder(library, folder, source_name="handbook")
    return library


def sync(library: Library, folder: Path, **how: object) -> None:
    sync_folder(library, folder, source_name="handbook", **how)  # type: ignore[arg-type]


def ask(library: Library, query: str, audience: Audience | None = None) -> str:
    return "\n".join(p.text for p in library.search(query, audience=audience or Audience()).passages)


def agrees(library: Library) -> bool:
    return not comparison.compare(library.active_index).counts


def test_tags_are_made_listed_and_deleted(synced: Library) -> None:
    active = synced.active_index
    assert tags.list_tags(active) == []
    made = tags.create_tag(active, "before-the-move")
    assert (made.name, made.n_chunks) == ("before-the-move", synced.status().n_chunks)
    assert made.made_at
    assert tags.list_tags(active) == [made]
    with pytest.raises(UserError, match="already"):
        tags.create_tag(active, "before-the-move")
    with pytest.raises(UserError, match="no tag 'other'"):
        tags.delete_tag(active, "other")
    tags.delete_tag(active, "before-the-move")
    assert tags.list_tags(active) == []


@pytest.mark.parametrize("name", ["", "a b", "../up", "ä", ".hidden", "x" * 61, "docent-backup-1"])
def test_a_name_that_cannot_be_is_refused(synced: Library, name: str) -> None:
    with pytest.raises(UserError, match="cannot be the name of a tag"):
        tags.create_tag(synced.active_index, name)


def test_there_is_nothing_to_tag_before_anything_was_read_in(library: Library) -> None:
    with pytest.raises(UserError, match="No documents have been read in yet"):
        tags.create_tag(library.active_index, "empty")


def test_a_wrong_text_is_gone_back_on_until_the_next_sync(
    synced: Library, folder: Path, database: Database
) -> None:
    tags.create_tag(synced.active_index, "good")
    (folder / "leave.md").write_text("# Leave\n\nThere is no annual leave at all any more.\n")
    (folder / "new.md").write_text("# New\n\nCanteen lunch costs nine euros.\n")
    sync(synced, folder)
    assert "no annual leave at all" in ask(synced, "annual leave")
    done = tags.restore_tag(synced.active_index, "good")
    assert (done.n_brought_back, done.n_taken_out, done.n_gone, done.sources) == (1, 1, 0, {"handbook"})
    assert "30 days of annual leave" in ask(synced, "annual leave")
    assert "no annual leave at all" not in ask(synced, "annual leave")
    assert "nine euros" not in ask(synced, "canteen lunch")
    assert agrees(synced)
    again = tags.restore_tag(synced.active_index, "good")
    assert (again.n_brought_back, again.n_taken_out) == (0, 0)
    sync(synced, folder)  # the source is what counts in the end
    assert "no annual leave at all" in ask(synced, "annual leave")
    assert "nine euros" in ask(synced, "canteen lunch")
    assert agrees(synced)


def test_one_that_is_killed_leaves_nothing_wrong(
    synced: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the index and the rows."""
    tags.create_tag(synced.active_index, "good")
    (folder / "leave.md").write_text("# Leave\n\nThere is no annual leave at all any more.\n")
    (folder / "new.md").write_text("# New\n\nCanteen lunch costs nine euros.\n")
    sync(synced, folder)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(tags, "_describe", die)
        with pytest.raises(KeyboardInterrupt):
            tags.restore_tag(synced.active_index, "good")
    assert "30 days of annual leave" in ask(synced, "annual leave")
    assert agrees(synced)
    tags.restore_tag(synced.active_index, "good")
    sync(synced, folder)
    assert "no annual leave at all" in ask(synced, "annual leave")
    assert "nine euros" in ask(synced, "canteen lunch")
    assert agrees(synced)


def test_what_was_deleted_since_stays_deleted(synced: Library, folder: Path) -> None:
    tags.create_tag(synced.active_index, "good")
    (folder / "leave.md").unlink()
    sync(synced, folder)
    done = tags.restore_tag(synced.active_index, "good")
    assert (done.n_brought_back, done.n_gone) == (0, 1)
    assert "annual leave" not in ask(synced, "annual leave")
    assert agrees(synced)


def test_what_was_forgotten_since_stays_forgotten(synced: Library) -> None:
    tags.create_tag(synced.active_index, "good")
    synced.forget("handbook")
    assert tags.restore_tag(synced.active_index, "good").n_gone == 2
    assert ask(synced, "annual leave") == ""
    assert agrees(synced)


@pytest.mark.parametrize("is_changed", [True, False])
def test_nobody_gets_a_right_back(synced: Library, folder: Path, is_changed: bool) -> None:
    """Neither to a text that was for everyone when it was tagged, nor to one that has changed since."""
    tags.create_tag(synced.active_index, "good")
    if is_changed:
        (folder / "leave.md").write_text("# Leave\n\nAnnual leave is a matter of the works council now.\n")
    sync(synced, folder, readers=["group:S0HR"])
    tags.restore_tag(synced.active_index, "good")
    assert ask(synced, "annual leave") == ""
    assert "30 days of annual leave" in ask(synced, "annual leave", HR)
    assert agrees(synced)


def test_a_text_that_was_for_few_is_not_for_all_because_the_page_is_now(synced: Library, folder: Path) -> None:
    (folder / "leave.md").write_text("# Leave\n\nRedundancies of annual leave staff are planned in secret.\n")
    sync(synced, folder, readers=["group:S0HR"])
    tags.create_tag(synced.active_index, "secret")
    (folder / "leave.md").write_text("# Leave\n\nAnnual leave is 30 days.\n")
    sync(synced, folder)
    tags.restore_tag(synced.active_index, "secret")
    assert "in secret" not in ask(synced, "annual leave")
    assert "in secret" in ask(synced, "annual leave", HR)
    sync(synced, folder)
    assert "30 days" in ask(synced, "annual leave")


def test_a_tagged_version_survives_when_the_index_is_tidied_up(
    synced: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an hour: versions without a tag are dropped with every sync, and LanceDB refuses that with one."""
    monkeypatch.setattr(versions, "KEEP_VERSIONS", timedelta(milliseconds=1))
    monkeypatch.setattr(lancedb_runtime, "TAG_MARGIN", timedelta(seconds=1))
    active = synced.active_index
    tags.create_tag(active, "good")
    for n in range(3):
        (folder / "leave.md").write_text(f"# Leave\n\nAnnual leave is {n} days.\n")
        sync(synced, folder)
    assert [tag.name for tag in tags.list_tags(active)] == ["good"]
    tags.restore_tag(active, "good")
    assert "30 days of annual leave" in ask(synced, "annual leave")
    n_kept = count_versions(synced)
    tags.delete_tag(active, "good")
    (folder / "leave.md").write_text("# Leave\n\nAnnual leave is short.\n")
    sync(synced, folder)
    assert count_versions(synced) < n_kept


def count_versions(library: Library) -> int:
    return len(library.active_index.current().index.read(lambda table: table.list_versions()))


def test_a_tag_is_not_gone_back_to_while_a_sync_is_open(synced: Library, database: Database) -> None:
    tags.create_tag(synced.active_index, "good")
    with database.transaction() as transaction:
        transaction.execute(
            text(
                "INSERT INTO syncs (id, source, options, origin, status) "
                "VALUES (gen_random_uuid(), 'wiki', '{}', 'command', 'reading')"
            )
        )
    with pytest.raises(UserError, match=r"A sync of 'wiki' is open.*docent check --repair"):
        tags.restore_tag(synced.active_index, "good")


def test_a_document_that_is_brought_back_has_the_title_of_its_text(
    synced: Library, folder: Path, database: Database
) -> None:
    tags.create_tag(synced.active_index, "good")
    (folder / "leave.md").write_text("# Holidays\n\nNone.\n")
    sync(synced, folder)
    tags.restore_tag(synced.active_index, "good")
    with database.transaction() as transaction:
        row = DocumentRow
        titles = transaction.scalars(select(row.title).where(row.uri == "leave.md")).all()
    assert titles == ["Leave"]
