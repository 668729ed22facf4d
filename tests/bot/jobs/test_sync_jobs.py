"""Syncs that nobody asks for: the clock, the workers, and what happens when these die."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ingest.settings
from agent.store import locks
from agent.store.database import Database
from agent.types import Audience
from bot.cli.library import sources_table
from bot.simulator import ADA, HELP
from ingest import lock_names
from ingest.library import Library
from ingest.sync import store
from ingest.sync.store import SyncOrigin
from tests.system import QUESTION, System

PARENTS = "How many days of parental leave does every employee have?"


@pytest.fixture
def wiki(world: System) -> Path:
    """A declared source with one document, synced every second."""
    folder = world.folder / "wiki"
    folder.mkdir()
    (folder / "parents.md").write_text("# Parents\n\nEvery employee has 77 days of parental leave.\n")
    declare(world, '[sources.wiki]\nlocation = "wiki"\nlink = "https://wiki.example/{path}"\nevery = "1s"\n')
    world.env |= {"DOCENT_SYNC_LEASE_SECONDS": "3"}
    return folder


@pytest.fixture
def search(world: System) -> Callable[[str], str]:
    """What a search of another process finds."""
    library = Library(world.database, ingest.settings.IngestSettings(index_uri=world.env["DOCENT_INDEX_URI"]))
    return lambda query: "\n".join(passage.text for passage in library.search(query, audience=Audience()).passages)


def declare(world: System, content: str) -> None:
    (world.folder / "docent.toml").write_text(content)
    world.env["DOCENT_CONFIG"] = str(world.folder / "docent.toml")


def ended(world: System, source: str, n: int = 1) -> list[Any]:
    """Waits for so many ended syncs of a source."""
    statement = "SELECT * FROM syncs WHERE source = :source AND ended_at IS NOT NULL ORDER BY started_at"
    return world.wait_for(lambda: rows if len(rows := world.query(statement, source=source)) >= n else None)


def answer(world: System, question: str) -> str:
    """What the bot answers in a new thread."""
    ts = world.workspace.person(ADA).mention(HELP, question)
    n_before = len(world.turns("completed"))
    world.wait_for_turns(n_before + 1)
    return world.wait_for(lambda: next((r.plain for r in world.replies(HELP, ts) if r.plain), None))


def test_declared_sources_are_synced_without_anybody_doing_anything(
    world: System, wiki: Path, search: Callable[[str], str]
) -> None:
    """New, changed, restricted and removed documents, as a running worker answers from them."""
    world.start("web", "worker", "clock")
    (first, *_) = ended(world, "wiki")
    assert (first.origin, first.status, first.n_added, first.n_chunks) == ("clock", "completed", 1, 1)
    assert "77 days" in answer(world, PARENTS)

    (wiki / "parents.md").write_text("# Parents\n\nEvery employee has 88 days of parental leave.\n")
    world.wait_for(lambda: "88 days" in search(PARENTS))
    assert "88 days" in answer(world, PARENTS)

    declared = (world.folder / "docent.toml").read_text()
    declare(world, declared + 'readers = ["channel:C0THER"]\n')
    world.wait_for(lambda: "88 days" not in search(PARENTS))
    assert "88 days" not in answer(world, PARENTS)
    declare(world, declared)
    world.wait_for(lambda: "88 days" in search(PARENTS))

    (wiki / "parents.md").unlink()
    (wiki / "other.md").write_text("# Bicycles\n\nBicycles are parked in the yard.\n")
    world.wait_for(lambda: "yard" in search("bicycles"))
    assert "88 days" not in answer(world, PARENTS)
    assert "28 days" in search(QUESTION)  # the source that a command read in is as it was
    superseded = ("interrupted", "other readers were declared")  # of a sync that was under way then
    assert {(row.status, row.problem) for row in ended(world, "wiki", 3)} - {superseded} == {("completed", None)}


@pytest.mark.parametrize("n_kills", [1, pytest.param(3, marks=pytest.mark.soak)])
def test_documents_of_a_killed_worker_are_read_by_another_each_once(
    world: System, wiki: Path, search: Callable[[str], str], n_kills: int
) -> None:
    n_documents = 150 * n_kills
    for i in range(n_documents):
        (wiki / f"{i:03d}.md").write_text(f"# Rule {i}\n\nThe rule of the wiki has the number {i:03d}.\n")
    declare(world, '[sources.wiki]\nlocation = "wiki"\n')
    world.start("worker", "clock")
    for _ in range(n_kills):
        n_before = read_so_far(world)
        world.wait_for(lambda n=n_before: read_so_far(world) > n)  # type: ignore[misc]
        world.kill("worker")
        assert "The rule of the wiki has the number" in search("rule of the wiki")
        world.start("worker")

    (row,) = ended(world, "wiki")
    assert (row.status, row.n_added, row.n_done, row.problem) == (
        "completed",
        n_documents + 1,
        n_documents + 1,
        None,
    )
    assert world.query("SELECT 1 FROM documents WHERE source = 'wiki' AND problem IS NOT NULL") == []
    assert chunks(world, "wiki") == n_documents + 1
    assert "number 149." in search("rule 149 of the wiki")


def test_a_deploy_in_the_middle_of_a_sync_gives_its_documents_back(world: System, wiki: Path) -> None:
    for i in range(200):
        (wiki / f"{i:03d}.md").write_text(f"# Rule {i}\n\nThe rule of the wiki has the number {i:03d}.\n")
    declare(world, '[sources.wiki]\nlocation = "wiki"\n')
    world.start("worker", "clock")
    world.wait_for(lambda: read_so_far(world) > 0)
    world.stop("worker")
    assert world.query("SELECT 1 FROM sync_items WHERE claimed_until IS NOT NULL") == []
    world.start("worker")
    (row,) = ended(world, "wiki")
    assert (row.status, row.n_done, chunks(world, "wiki")) == ("completed", 201, 201)


def test_questions_are_answered_while_many_sources_are_read(world: System, wiki: Path) -> None:
    """More syncs than a process has threads for questions."""
    text = []
    for name in range(4):
        folder = world.folder / f"source-{name}"
        folder.mkdir()
        for i in range(50):
            (folder / f"{i}.md").write_text(f"# Rule {i}\n\nThe rule of {name} has the number {i}.\n" * 20)
        text.append(f'[sources.source-{name}]\nlocation = "source-{name}"\n')
    declare(world, "".join(text))
    world.env |= {"DOCENT_CONCURRENCY": "1"}
    world.start("web", "worker", "clock")
    world.wait_for(lambda: world.query("SELECT 1 FROM syncs WHERE status = 'reading'"))
    with locks.acquire(world.database, lock_names.INDEX):  # so that no sync can end meanwhile
        assert "5 days" in answer(world, QUESTION)
        assert world.query("SELECT 1 FROM syncs WHERE ended_at IS NULL")
    for name in range(4):
        ended(world, f"source-{name}")


def test_a_source_that_fails_is_told_and_stops_no_other(
    world: System, wiki: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declare(
        world,
        '[sources.gone]\nlocation = "nowhere"\nevery = "1s"\n[sources.empty]\nlocation = "empty"\n'
        '[sources.odd]\nlocation = "wiki"\ncolour = 2026-01-31\n[sources.wiki]\nlocation = "wiki"\n',
    )
    (world.folder / "empty").mkdir()
    world.start("worker", "clock")
    ended(world, "gone", 2)
    (wiki_,), (odd,), (empty,) = ended(world, "wiki"), ended(world, "odd"), ended(world, "empty")

    assert (wiki_.status, odd.status, empty.status) == ("completed", "failed", "stopped")
    assert odd.problem == "the source 'odd': there is no option 'colour'."
    assert (wiki_.options, odd.options) == ({"location": str(wiki)}, {})
    (said, *_) = [line for line in (world.folder / "worker-0.log").read_text().splitlines() if "gone" in line]
    assert "sync_failed" in said
    assert "There is no folder" in said
    world.stop("clock")
    world.wait_for(lambda: not world.query("SELECT 1 FROM syncs WHERE ended_at IS NULL"))
    settings = ingest.settings.IngestSettings(config=world.folder / "docent.toml")
    sources_table.show(world.database, settings, source=None, lists_problems=False, as_json=False)
    said = capsys.readouterr().out
    assert f"gone: failed: There is no folder {world.folder}/nowhere. Check the path." in said
    assert "empty: stopped: No documents were found in 'empty', so nothing was changed." in said


def test_a_file_that_becomes_unreadable_is_complained_of_once(world: System, wiki: Path) -> None:
    declare(world, "[sources")
    world.start("worker", "clock")
    log = world.folder / "clock-0.log"
    world.wait_for(lambda: "sources_unusable" in log.read_text())
    declare(world, '[sources.wiki]\nlocation = "wiki"\n')
    ended(world, "wiki")
    assert log.read_text().count("sources_unusable") == 1


def test_a_sync_that_a_killed_command_left_open_does_not_keep_the_clock_from_it(
    world: System, wiki: Path, database: Database
) -> None:
    store.open_sync(database, "wiki", {}, SyncOrigin.COMMAND)  # and its process is gone, and with it the lock
    world.start("worker", "clock")
    first, second = ended(world, "wiki", 2)[:2]
    assert (first.status, first.problem) == ("interrupted", "its process ended")
    assert (second.origin, second.status) == ("clock", "completed")


def read_so_far(world: System) -> int:
    return int(world.query("SELECT coalesce(sum(n_done), 0) FROM syncs WHERE source = 'wiki'")[0][0])


def chunks(world: System, source: str) -> int:
    library = Library(world.database, ingest.settings.IngestSettings(index_uri=world.env["DOCENT_INDEX_URI"]))
    return library.active_index.current().index.n_chunks(source)
