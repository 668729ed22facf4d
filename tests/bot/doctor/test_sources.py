"""The doctor and docent.toml: what it declares, how its last syncs ended, and what stands still."""

from pathlib import Path

import pytest
from sqlalchemy import text

import agent.settings
import bot.settings
import ingest.settings
from agent.errors import UserError
from agent.store.database import Database
from bot.doctor import report
from bot.doctor.context import CheckContext
from bot.doctor.sources import sources
from ingest.library import Library
from ingest.sync import store
from ingest.sync.store import SyncOrigin, SyncStatus
from tests.library import sync_folder


@pytest.fixture
def declared(database: Database, database_url: str, tmp_path: Path) -> CheckContext:
    """A context with a docent.toml of two sources, one of them in order."""
    (tmp_path / "pages").mkdir()
    config = tmp_path / "docent.toml"
    config.write_text('[sources.pages]\nlocation = "pages"\nevery = "never"\n[sources.gone]\nlocation = "gone"\n')
    declared = CheckContext(
        kernel=agent.settings.AgentSettings(home=tmp_path),
        bot=bot.settings.BotSettings(),
        library=ingest.settings.IngestSettings(home=tmp_path, config=config),
        database_url=database_url,
        redis_url="",
    )
    declared.database = database
    return declared


def told(declared: CheckContext) -> list[tuple[str, str]]:
    return [(finding.state, finding.text) for finding in sources(declared)]


def test_each_declared_source_is_opened(declared: CheckContext, tmp_path: Path) -> None:
    assert told(declared) == [
        ("ok", "pages: folder, by hand"),
        ("problem", f"gone: There is no folder {tmp_path}/gone. Check the path."),
    ]


def test_every_problem_of_a_source_stands_on_a_line_of_its_own(
    declared: CheckContext, capsys: pytest.CaptureFixture[str]
) -> None:
    config = declared.library.config
    config.write_text('[sources.odd]\nlocation = "pages"\ncolour = "red"\nsize = 3\n')
    report.print_findings(sources(declared), as_json=False)
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first == f"problem sources    {config} [sources.odd]: there is no option 'colour'."
    assert second == f"{' ' * 19}{config} [sources.odd]: there is no option 'size'."


def test_no_file_is_no_problem_and_one_that_is_broken_or_named_and_missing_is(
    declared: CheckContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared.library.config.write_text("[sources")
    ((state, said),) = told(declared)
    assert (state, "cannot be read" in said) == ("problem", True)
    declared.library.config.unlink()
    ((state, said),) = told(declared)
    assert (state, "which DOCENT_CONFIG names" in said) == ("problem", True)
    monkeypatch.chdir(tmp_path)
    declared.library = ingest.settings.IngestSettings(home=tmp_path)
    assert [state for state, _ in told(declared)] == ["ok"]


def test_a_sync_that_ended_badly_is_told_with_the_command_for_it(
    declared: CheckContext, database: Database
) -> None:
    for name in ("gone", "by hand"):
        sync_id = store.open_sync(database, name, {}, SyncOrigin.COMMAND)
        with database.transaction() as transaction:
            store.end(transaction, sync_id, SyncStatus.FAILED, "There is no folder.")
    found = [finding for finding in sources(declared) if finding.state == "warning"]
    assert [(one.text, one.advice) for one in found] == [
        (
            "the last sync of 'by hand' failed: There is no folder.",
            "Run 'docent ingest' for it once that is fixed.",
        ),
        ("the last sync of 'gone' failed: There is no folder.", "Run 'docent sync gone' once that is fixed."),
    ]


def test_a_sync_that_nobody_works_at_is_told(declared: CheckContext, database: Database) -> None:
    with database.transaction() as transaction:
        store.request_sync(transaction, "pages", {})
    assert [state for state, _ in told(declared)] == ["ok", "problem"]
    with database.transaction() as transaction:  # as time does
        transaction.execute(text("UPDATE syncs SET touched_at = now() - interval '11 minutes'"))
    (finding,) = [finding for finding in sources(declared) if finding.state == "warning"]
    assert finding.text.startswith("the sync of 'pages' has made no progress since ")
    assert "docent worker" in finding.advice


def test_sources_that_cannot_be_used_are_named(read_in: CheckContext, tmp_path: Path) -> None:
    config = tmp_path / "docent.toml"
    read_in.library = ingest.settings.IngestSettings(home=tmp_path, config=config)
    config.write_text("")
    assert [finding.state for finding in sources(read_in)] == ["ok"]
    config.write_text("[sources.pages]\nlocation='pages'\n[sources.gone]\nlocation='gone'\n[sources.odd]\nlink=1")
    findings = list(sources(read_in))
    assert [finding.state for finding in findings] == ["ok", "problem", "problem"]
    assert "There is no folder" in findings[1].text
    assert "[sources.odd]" in findings[2].text
    config.write_text("[sources.pages\n")
    (broken,) = sources(read_in)
    assert broken.state == "problem"


def test_a_sync_that_ended_badly_is_told(read_in: CheckContext, database: Database, tmp_path: Path) -> None:
    for page in (tmp_path / "pages").iterdir():
        page.unlink()
    with pytest.raises(UserError):
        sync_folder(Library(database, read_in.library), str(tmp_path / "pages"))
    *_, warning = sources(read_in)
    assert warning.state == "warning"
    assert "stopped: No documents were found" in warning.text


def test_a_change_of_readers_that_a_failed_sync_holds_up_is_a_problem(
    read_in: CheckContext, database: Database, tmp_path: Path
) -> None:
    config = tmp_path / "docent.toml"
    read_in.library = ingest.settings.IngestSettings(home=tmp_path, config=config)
    config.write_text('[sources.pages]\nlocation = "pages"\n')
    assert [finding.state for finding in sources(read_in)] == ["ok"]
    config.write_text('[sources.pages]\nlocation = "pages"\nreaders = ["channel:C1"]\n')
    *_, waiting = sources(read_in)
    assert (waiting.state, waiting.advice) == ("warning", "Run 'docent sync pages'.")
    for page in (tmp_path / "pages").iterdir():
        page.unlink()
    with pytest.raises(UserError):
        sync_folder(Library(database, read_in.library), str(tmp_path / "pages"), readers=["channel:C1"])
    *_, waiting = sources(read_in)
    assert waiting.state == "problem"
    assert waiting.text.startswith("other readers are declared for ")
    assert "its last sync stopped: No documents were found" in waiting.text
    assert "Run 'docent sync pages' once that is fixed" in waiting.advice


def test_a_source_that_is_declared_no_more_is_told(
    read_in: CheckContext, database: Database, tmp_path: Path
) -> None:
    config = tmp_path / "docent.toml"
    read_in.library = ingest.settings.IngestSettings(home=tmp_path, config=config)
    config.write_text("")
    assert [finding.state for finding in sources(read_in)] == ["ok"]  # everything is read in by hand
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE syncs SET origin = 'clock'"))
    *_, gone = sources(read_in)
    assert (gone.state, gone.advice) == ("warning", "Declare it, or remove it: docent forget 'pages'")
    assert "'pages' is not declared; its " in gone.text
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE syncs SET origin = 'command'"))
    (tmp_path / "other").mkdir()
    config.write_text('[sources.other]\nlocation = "other"\n')
    assert [finding.state for finding in sources(read_in)] == ["ok", "warning"]
