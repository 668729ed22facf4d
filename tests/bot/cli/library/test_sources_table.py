"""The table of sources: indexed ones, declared ones, and what is wrong with them."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from agent.errors import UserError
from agent.store.database import Database
from bot.cli.library import sources_table
from ingest.settings import IngestSettings
from ingest.sync import store
from tests.recorded import set_readers


@pytest.fixture
def settings(tmp_path: Path) -> IngestSettings:
    """Settings with a docent.toml that declares the source 'wiki'."""
    config = tmp_path / "docent.toml"
    config.write_text('[sources.wiki]\nlocation = "pages"\nevery = "15m"\n')
    return IngestSettings(home=tmp_path, config=config)


@pytest.fixture
def handbook(database: Database) -> Database:
    """A database with one document, of the source 'handbook', which has a problem."""
    with database.transaction() as transaction:
        set_readers(transaction, {"everyone"})
        transaction.execute(text("UPDATE documents SET n_chunks = 3, problem = 'is cut off; save it again'"))
    return database


def test_sources_are_those_with_documents_and_those_that_are_declared(
    handbook: Database, settings: IngestSettings
) -> None:
    indexed, declared = sources_table.summarize(handbook, settings)
    assert (indexed.source, indexed.n_documents, indexed.n_chunks, indexed.n_problems) == ("handbook", 1, 3, 1)
    assert (indexed.status, indexed.every) == ("read in", "–")
    assert (declared.source, declared.n_documents, declared.synced_at) == ("wiki", 0, None)
    assert (declared.status, declared.every) == ("not yet synced", "15m")


def test_a_sync_that_failed_is_reported_below_the_table(
    handbook: Database, settings: IngestSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    sync_id = store.open_sync(handbook, "wiki", {}, store.SyncOrigin.COMMAND)
    with handbook.transaction() as transaction:
        store.end(transaction, sync_id, store.SyncStatus.FAILED, "There is no folder.")
    sources_table.show(handbook, settings, source=None, lists_problems=False, as_json=False)
    printed = capsys.readouterr().out
    assert "wiki: failed: There is no folder." in printed
    assert "'docent documents --problems' lists what could not be read" in printed


def test_problems_are_listed_by_source(
    handbook: Database, settings: IngestSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    sources_table.show(handbook, settings, source="handbook", lists_problems=True, as_json=False)
    printed = capsys.readouterr().out
    assert "leave.md: is cut off; save it again." in printed
    assert "wiki" not in printed
    sources_table.show(handbook, settings, source="wiki", lists_problems=True, as_json=False)
    assert "No document has a problem." in capsys.readouterr().out


def test_for_programs_sources_and_problems_are_lists(
    handbook: Database, settings: IngestSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    sources_table.show(handbook, settings, source="handbook", lists_problems=False, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    (source,), (problem,) = printed["sources"], printed["problems"]
    assert (source["n_documents"], source["problem"]) == (1, None)
    assert (problem["uri"], problem["cause"], problem["advice"]) == ("leave.md", "is cut off", "save it again")


def test_an_unknown_source_is_refused(handbook: Database, settings: IngestSettings) -> None:
    with pytest.raises(UserError, match="There is no source 'nowhere'"):
        sources_table.show(handbook, settings, source="nowhere", lists_problems=False, as_json=False)
