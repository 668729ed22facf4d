"""The doctor and docent.toml: what it declares, how its last syncs ended, and what stands still."""

from pathlib import Path

import pytest
from sqlalchemy import text

import agent.settings
import bot.settings
import ingest.settings
from agent.store.database import Database
from bot.doctor import report
from bot.doctor.context import CheckContext
from bot.doctor.sources import sources
from ingest.sync import store


@pytest.fixture
def context(database: Database, database_url: str, tmp_path: Path) -> CheckContext:
    """Somebody with a docent.toml of two sources, one of them in order."""
    (tmp_path / "pages").mkdir()
    config = tmp_path / "docent.toml"
    config.write_text('[sources.pages]\nlocation = "pages"\nevery = "never"\n[sources.gone]\nlocation = "gone"\n')
    context = CheckContext(
        kernel=agent.settings.AgentSettings(home=tmp_path),
        bot=bot.settings.BotSettings(),
        library=ingest.settings.IngestSettings(home=tmp_path, config=config),
        database_url=database_url,
        redis_url="",
    )
    context.database = database
    return context


def told(context: CheckContext) -> list[tuple[str, str]]:
    return [(finding.state, finding.text) for finding in sources(context)]


def test_each_declared_source_is_opened(context: CheckContext, tmp_path: Path) -> None:
    assert told(context) == [
        ("ok", "pages: folder, by hand"),
        ("problem", f"gone: There is no folder {tmp_path}/gone. Check the path."),
    ]


def test_every_problem_of_a_source_stands_on_a_line_of_its_own(
    context: CheckContext, capsys: pytest.CaptureFixture[str]
) -> None:
    config = context.library.config
    config.write_text('[sources.odd]\nlocation = "pages"\ncolour = "red"\nsize = 3\n')
    report.print_findings(sources(context), as_json=False)
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first == f"problem sources    {config} [sources.odd]: there is no option 'colour'."
    assert second == f"{' ' * 19}{config} [sources.odd]: there is no option 'size'."


def test_no_file_is_no_problem_and_a_broken_one_is(context: CheckContext) -> None:
    context.library.config.write_text("[sources")
    ((state, said),) = told(context)
    assert (state, "cannot be read" in said) == ("problem", True)
    context.library.config.unlink()
    assert [state for state, _ in told(context)] == ["ok"]


def test_a_sync_that_ended_badly_is_told_with_the_command_for_it(
    context: CheckContext, database: Database
) -> None:
    for name in ("gone", "by hand"):
        sync_id = store.open_sync(database, name, {}, "command")
        with database.transaction() as transaction:
            store.end(transaction, sync_id, "failed", "There is no folder.")
    found = [finding for finding in sources(context) if finding.state == "warning"]
    assert [(one.text, one.advice) for one in found] == [
        (
            "the last sync of 'by hand' failed: There is no folder.",
            "Run 'docent ingest' for it once that is fixed.",
        ),
        ("the last sync of 'gone' failed: There is no folder.", "Run 'docent sync gone' once that is fixed."),
    ]


def test_a_sync_that_nobody_works_at_is_told(context: CheckContext, database: Database) -> None:
    with database.transaction() as transaction:
        store.request_sync(transaction, "pages", {})
    assert [state for state, _ in told(context)] == ["ok", "problem"]
    with database.transaction() as transaction:  # as time does
        transaction.execute(text("UPDATE syncs SET touched_at = now() - interval '11 minutes'"))
    (finding,) = [finding for finding in sources(context) if finding.state == "warning"]
    assert finding.text.startswith("the sync of 'pages' has made no progress since ")
    assert "docent worker" in finding.advice
