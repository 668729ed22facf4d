"""A turn once more: on what its tools gave then, or live; beside what it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from agent.errors import UserError
from agent.settings import AgentSettings
from agent.store import sessions
from agent.store.database import Database
from bot.cli import comparison
from bot.jobs import answering, terminal_reply, wiring
from bot.jobs.context import WorkerContext
from bot.record import replay, session_query
from bot.record.replay import TurnSummary
from ingest import settings as ingest_settings
from ingest.library import Library
from tests.library import sync_folder
from tests.scripted_model import Call, Line, Say, ScriptedModel
from tests.system import HANDBOOK, QUESTION


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(_script) as scripted:
        yield scripted


@pytest.fixture
def at(
    database: Database, model: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerContext]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("DOCENT_INDEX_URI", str(tmp_path / "index"))
    ingest_settings.load.cache_clear()
    (tmp_path / "pages").mkdir()
    for name, content in HANDBOOK.items():
        (tmp_path / "pages" / name).write_text(content)
    sync_folder(
        Library(database, ingest_settings.load()), str(tmp_path / "pages"), link="https://h.example/{path}"
    )
    settings = AgentSettings(
        model="openai/scripted", model_api_base=model.base_url, model_prices="openai/scripted=1/1"
    )
    made = wiring.build(settings, database)
    yield made
    made.leases.close()
    ingest_settings.load.cache_clear()


def ask(at: WorkerContext, database: Database, question: str = QUESTION) -> str:
    outcome = terminal_reply.ask(at, database, question, user="U", stream=None)
    return str(outcome["turn_id"])


def test_the_prompts_of_a_replay_are_the_recorded_ones_byte_for_byte(
    at: WorkerContext, database: Database, model: ScriptedModel
) -> None:
    turn = ask(at, database)
    both = replay.run(at, database, turn, model=None, is_live=False)
    n = len(model.requests) // 2
    assert n == 2
    assert model.requests[:n] == model.requests[n:]
    assert _what_counts(both["recorded"]) == _what_counts(both["replayed"])
    assert both["recorded"]["sources"]
    assert both["recorded"]["cost_usd"] > 0
    assert both["n_calls_not_recorded"] == 0


def test_a_replay_needs_no_documents_and_live_tools_do(
    at: WorkerContext, database: Database, model: ScriptedModel
) -> None:
    turn = ask(at, database)
    Library(database, ingest_settings.load()).forget("pages")
    recorded = replay.run(at, database, turn, model=None, is_live=False)["replayed"]
    live = replay.run(at, database, turn, model=None, is_live=True)["replayed"]
    assert (recorded["reason"], live["reason"]) == ("answered", "no_evidence")


def test_a_call_that_was_not_recorded_is_said_to_be_none(
    at: WorkerContext, database: Database, model: ScriptedModel
) -> None:
    turn = ask(at, database)
    model.script = lambda request: (
        Say("5 days [1].")
        if request["messages"][-1]["role"] == "tool"
        else Call([("read_document", {"document": "Travel"})])
    )
    both = replay.run(at, database, turn, model=None, is_live=False)
    assert both["n_calls_not_recorded"] == 1
    assert "it has no result" in model.requests[-1]["messages"][-1]["content"]


def test_another_model_answers_beside_the_first(
    at: WorkerContext, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    turn = ask(at, database)
    with ScriptedModel(lambda request: Say("At most five [1].")) as other:
        at_prices = at.settings.model_copy(update={"model_prices": "free,openai/scripted=1/1"})
        both = replay.run(
            WorkerContext(**{**vars(at), "settings": at_prices}),
            database,
            turn,
            model=f"openai/other@{other.base_url}",
            is_live=False,
        )
    assert (both["recorded"]["model"], both["replayed"]["model"]) == ("openai/scripted", "openai/other")
    comparison.print_comparison(both, as_json=False)
    printed = capsys.readouterr().out
    assert "openai/other" in printed
    assert "At most five" in printed


def test_a_follow_up_is_replayed_with_what_was_said_before_it(
    at: WorkerContext, database: Database, model: ScriptedModel
) -> None:
    first = ask(at, database)
    told = session_query.load(database, first)
    with database.transaction() as transaction:
        sessions.ask(transaction, key=told["key"], user_id="U", origin="cli", question="And in days?")
    answering.work(at, UUID(told["id"]), lambda _: terminal_reply.TerminalReply(None))
    model.requests.clear()
    replay.run(at, database, told["id"], model=None, is_live=False)
    said = [message["content"] for message in model.requests[0]["messages"][1:3]]
    assert said[0] == QUESTION
    assert model.requests[0]["messages"][3]["content"].startswith("And in days?")


def test_what_never_looked_anything_up_cannot_be_replayed(at: WorkerContext, database: Database) -> None:
    turn = ask(at, database, "x" * 9_000)
    with pytest.raises(UserError, match="nothing to replay"):
        replay.run(at, database, turn, model=None, is_live=False)


def _script(request: dict[str, Any]) -> Line:
    if "last_question" in request["messages"][-1]["content"]:
        return Say("And how many days is that?")
    if request["messages"][-1]["role"] == "tool" or not request.get("tools"):
        return Say("You can carry over 5 days [1].")
    return Call([("search_docs", {"query": "carry over leave"})])


def _what_counts(turn: TurnSummary) -> dict[str, object]:
    return {name: value for name, value in turn.items() if name not in ("turn_id", "model_ms", "tool_ms")}
