"""The composition root: what a process gets."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import bot.settings
from agent.errors import SettingsError
from agent.llm.circuit_breaker import LocalBreaker
from agent.settings import AgentSettings
from agent.store.database import Database
from bot.jobs import wiring
from bot.slack.client import SlackClient
from ingest import settings as ingest_settings
from ingest.library import Library
from tests.library import sync_folder
from tools.thread_history import ThreadPort

OWN_TOOL = '''
from agent.tools import ToolContext, ToolResult, tool

@tool()
def throw_dice(*, context: ToolContext) -> ToolResult:
    """Throws a dice."""
    return ToolResult({"pips": 4})
'''


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DOCENT_INDEX_URI", str(tmp_path / "index"))
    ingest_settings.load.cache_clear()
    bot.settings.load.cache_clear()
    yield
    ingest_settings.load.cache_clear()
    bot.settings.load.cache_clear()


def test_without_slack_no_tool_reads_a_thread_and_with_it_one_does(database: Database) -> None:
    terminal = wiring.build(AgentSettings(), database)
    slack = wiring.build(AgentSettings(), database, slack=SlackClient("xoxb-1", "http://127.0.0.1:1/api/"))
    terminal.leases.close()
    slack.leases.close()
    assert set(slack.agent.tools) - set(terminal.agent.tools) == {"thread_history"}
    assert ThreadPort not in terminal.agent.resources


def test_the_breaker_of_the_other_workers_is_used_where_there_is_one(database: Database) -> None:
    breaker = LocalBreaker(1)
    context = wiring.build(AgentSettings(), database, breaker=breaker)
    context.leases.close()
    assert context.agent.breaker is breaker


def test_a_turn_is_recorded_with_what_it_was_answered_with(database: Database) -> None:
    context = wiring.build(AgentSettings(), database)
    metadata, index = context.run_metadata, context.read_index_state()
    context.leases.close()
    assert metadata.keys() == {"model", "release", "prompt_hash", "prompt_version", "settings_hash"}
    assert index
    assert index.embedding_model == "static"
    assert (metadata["model"], metadata["release"]) == ("local/extractive", context.settings.release)
    assert isinstance(context.agent.resources[Library], Library)


def test_the_question_is_searched_for_before_the_model_is_asked() -> None:
    (call,) = wiring.plan_opening_calls("How many days?")
    assert (call.name, call.arguments) == ("search_docs", {"query": "How many days?"})


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("thanks!", []),
        ("what can you do?", ["list_documents"]),
        ("What documents do you know?", ["list_documents"]),
        ("yes", ["search_docs"]),  # it may answer what was asked back
        ("who do I ask?", ["search_docs"]),
    ],
)
def test_small_talk_is_not_searched_for(question: str, names: list[str]) -> None:
    assert [call.name for call in wiring.plan_opening_calls(question)] == names


def test_a_model_without_a_price_is_refused(database: Database) -> None:
    with pytest.raises(SettingsError, match="price"):
        wiring.build(AgentSettings(model="openai/unheard-of", model_prices=""), database)


def test_nothing_can_be_searched_before_documents_are_read_in_unless_there_are_own_tools(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = wiring.build(AgentSettings(), database)
    assert context.lacks_documents(context.read_index_state())
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "dice.py").write_text(OWN_TOOL)
    monkeypatch.setenv("DOCENT_TOOLS", str(tools))
    bot.settings.load.cache_clear()
    with_tools = wiring.build(AgentSettings(), database)
    with_tools.leases.close()
    assert not with_tools.lacks_documents(with_tools.read_index_state())
    monkeypatch.delenv("DOCENT_TOOLS")
    bot.settings.load.cache_clear()
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "leave.md").write_text("# Leave\n\nYou may carry over 5 days.")
    sync_folder(Library(database, ingest_settings.load()), pages)
    assert not context.lacks_documents(context.read_index_state())
    context.leases.close()
