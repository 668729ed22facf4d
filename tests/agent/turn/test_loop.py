"""The bounded loop, with a scripted model over HTTP and tools of the test's own."""

import itertools
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from agent.errors import Cancelled, DeadlineExceeded, LeaseLost
from agent.llm.client import CallPolicy
from agent.llm.request import Model
from agent.settings import EXTRACTIVE_MODEL
from agent.store import sessions
from agent.store.database import Database
from agent.store.sessions import Turn
from agent.store.transcript import load_transcript
from agent.tools import Tool, ToolContext, ToolResult, tool
from agent.turn import loop
from agent.turn.config import AgentConfig, OpeningCall
from agent.turn.events import Event, Finished, Waiting
from agent.turn.limits import Limits
from agent.types import Message, Passage
from tests.agent.parts import shown
from tests.scripted_model import Break, Call, Fail, Hang, Line, Say, ScriptedModel

LIMITS = Limits(max_seconds=30)
PASSAGE = Passage("c1", "d1", "Leave", "https://handbook.example/leave", "Annual", "Carry over 5 days.", 0.91)


@tool(only_passages=True)
def look_up(query: str, *, context: ToolContext) -> ToolResult:
    """Looks something up."""
    return ToolResult({"found": 1}, (PASSAGE,))


@tool()
def break_down(*, context: ToolContext) -> ToolResult:
    """Has a bug."""
    raise RuntimeError("the secret detail")


@tool()
def take_long(*, context: ToolContext) -> ToolResult:
    """Runs out of time."""
    raise DeadlineExceeded("too late")


TOOLS: dict[str, Tool] = {t.name: t for t in (look_up, break_down, take_long)}


@pytest.fixture
def turn(database: Database) -> Turn:
    with database.transaction() as transaction:
        asked = sessions.ask(transaction, key="s", user_id="U", origin="cli", question="How many days?")
    with database.transaction() as transaction:
        turn = sessions.claim(transaction, asked.session_id, owner="test", lease_seconds=60)
    assert turn
    return turn


def opening(question: str) -> list[OpeningCall]:
    return [OpeningCall("look_up", {"query": "days"})]


def run(
    database: Database,
    turn: Turn,
    model: ScriptedModel,
    limits: Limits = LIMITS,
    *,
    check: Callable[[], None] = lambda: None,
    patience: CallPolicy = CallPolicy(n_retries=1),  # noqa: B008  frozen
) -> list[Event]:
    kit = AgentConfig(database, [Model("openai/scripted", model.base_url)], TOOLS, limits, patience)
    return list(loop.TurnRun(turn, kit, check).events(opening))


def finished(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def transcript(database: Database, turn: Turn) -> list[Message]:
    with database.transaction() as transaction:
        return load_transcript(transaction, turn.id).messages


def calls(database: Database) -> list[tuple[str, str]]:
    with database.transaction() as transaction:
        rows = transaction.execute(text("SELECT purpose, status FROM model_calls ORDER BY id"))
        return [(row[0], row[1]) for row in rows]


def test_the_evidence_of_the_opening_call_stands_in_the_persons_message(
    database: Database, turn: Turn, model: ScriptedModel
) -> None:
    events = run(database, turn, model)
    end = finished(events)
    assert (end.text, end.reason, end.notice) == ("5 days [1].", "answered", "")
    assert [source.n for source in end.sources] == [1]
    assert shown(events) == "5 days [1]."
    (request,) = model.requests
    assert [m["role"] for m in request["messages"]] == ["system", "user"]
    assert '"n":1' in request["messages"][1]["content"]
    assert request["temperature"] == 0
    assert {t["function"]["name"] for t in request["tools"]} == set(TOOLS)


def test_the_same_question_twice_gives_byte_identical_prompts(database: Database, model: ScriptedModel) -> None:
    for key in ("a", "b"):
        with database.transaction() as transaction:
            asked = sessions.ask(transaction, key=key, user_id="U", origin="cli", question="How many?")
        with database.transaction() as transaction:
            turn = sessions.claim(transaction, asked.session_id, owner="test", lease_seconds=60)
        assert turn
        run(database, turn, model)
    assert json.dumps(model.requests[0]) == json.dumps(model.requests[1])
    with database.transaction() as transaction:
        hashes = transaction.execute(text("SELECT DISTINCT request_hash FROM model_calls")).all()
    assert len(hashes) == 1


def test_an_answer_that_cites_nothing_says_so(database: Database, turn: Turn, model: ScriptedModel) -> None:
    model.script = lambda request: Say("Probably 7 days [4].")
    end = finished(run(database, turn, model))
    assert (end.reason, end.sources) == ("no_evidence", ())
    assert "Nothing above is taken from the documents" in end.notice


def test_a_tool_with_a_bug_is_reported_and_the_model_told_no_detail(
    database: Database, turn: Turn, model: ScriptedModel
) -> None:
    lines: list[Line] = [Call([("break_down", {})]), Say("5 days [1].")]
    model.script = lambda request: lines[len(model.requests) - 1]
    finished(run(database, turn, model))
    result = json.loads(model.requests[1]["messages"][-1]["content"])
    assert "failed unexpectedly" in result["error"]
    assert result["error_id"].startswith("E-")
    assert "secret" not in json.dumps(model.requests)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(max_steps=3), "steps"),
        (Limits(max_tokens=7_400, max_completion_tokens=2_000), "tokens"),
        (Limits(max_seconds=6), "time"),
    ],
)
def test_every_limit_buys_one_closing_call_without_tools(
    database: Database, turn: Turn, model: ScriptedModel, limits: Limits, reason: str
) -> None:
    def script(request: dict[str, Any]) -> Line:
        if request.get("tool_choice") == "none":
            return Say("As far as I got [1].")
        time.sleep(1 if reason == "time" else 0)
        return Call([("look_up", {"query": str(len(model.requests))})])

    model.script = script
    end = finished(run(database, turn, model, limits))
    assert (end.reason, end.text) == (reason, "As far as I got [1].")
    assert "incomplete" in end.notice
    assert calls(database)[-1] == ("closing", "completed")
    assert len(model.requests) <= limits.max_steps
    assert model.requests[-1]["tools"]  # listed, for the prompt's prefix stays the same


@pytest.mark.parametrize(
    "line",
    [
        Fail(401),
        Fail(400),
        Fail(429, {"Retry-After": "0"}),
        Fail(500),
        Break("some text"),
        Say(""),
        Call([("look_up", {"query": "x"})] * 3),
        Call([("look_up", '{"query": ')]),
        Call([("", {})]),
        Call([("look_up", {"query": "x" * 100_000})]),
        Say("\ud83d lone \x00 surrogate [1]."),
        Say("filtered", finish_reason="content_filter"),
    ],
)
def test_whatever_the_model_does_the_turn_ends_within_its_limits(
    database: Database, turn: Turn, model: ScriptedModel, line: Line
) -> None:
    model.script = lambda request: line
    end = finished(run(database, turn, model, Limits(max_steps=4, max_seconds=30)))
    assert end.text
    messages = transcript(database, turn)
    assert messages[-1]["role"] == "assistant"
    asked = [call["id"] for m in messages for call in m.get("tool_calls") or ()]
    answered = [m["tool_call_id"] for m in messages if m["role"] == "tool"]
    assert asked == answered
    assert all(status != "started" for _, status in calls(database))


@pytest.mark.parametrize(("status", "n_requests"), [(401, 1), (400, 1), (429, 2), (503, 2)])
def test_only_transient_failures_are_tried_again(
    database: Database, turn: Turn, model: ScriptedModel, status: int, n_requests: int
) -> None:
    model.script = lambda request: Fail(status)
    end = finished(run(database, turn, model))
    assert end.reason == "provider_down"
    assert "cannot be reached" in end.notice
    assert end.text == "Quoted: 5 days [1]."
    assert len(model.requests) == n_requests
    assert calls(database) == [("step", "failed"), ("fallback", "completed")]


@pytest.mark.parametrize("error", [Cancelled, LeaseLost])
def test_a_cancellation_and_a_lost_lease_pass_through(
    database: Database, turn: Turn, model: ScriptedModel, error: type[Exception]
) -> None:
    def check() -> None:
        if model.requests:
            raise error("now")

    with pytest.raises(error):
        run(database, turn, model, check=check)


def test_a_cancelled_answer_is_not_written_to_its_end(
    database: Database, turn: Turn, model: ScriptedModel
) -> None:
    model.script = lambda request: Say("word " * 400, seconds=60)
    polls = itertools.count()

    def check() -> None:
        if model.requests and next(polls) > 5:
            raise Cancelled("now")

    with pytest.raises(Cancelled):
        run(database, turn, model, check=check)
    assert model.hung_up.wait(120)


def test_a_model_that_says_nothing_is_left_when_the_time_is_over(
    database: Database, turn: Turn, model: ScriptedModel
) -> None:
    silent = threading.Event()
    model.script = lambda request: Hang(silent)
    events = run(database, turn, model, Limits(max_seconds=2))
    silent.set()
    end = finished(events)
    assert (end.reason, end.text) == ("time", "Quoted: 5 days [1].")
    assert any(isinstance(event, Waiting) for event in events)


def test_a_finished_turn_is_not_run_again(database: Database, turn: Turn, model: ScriptedModel) -> None:
    first = finished(run(database, turn, model))
    again = finished(run(database, replace(turn, has_record=True), model))
    assert (again.text, len(model.requests)) == (first.text, 1)
    assert [source.n for source in again.sources] == [1]


def test_earlier_turns_of_the_session_are_in_the_prompt(
    database: Database, turn: Turn, model: ScriptedModel
) -> None:
    run(database, turn, model)
    with database.transaction() as transaction:
        sessions.finish(transaction, turn, status="completed", reason="answered", answer="5 days [1].")
        asked = sessions.ask(transaction, key="s", user_id="U", origin="cli", question="And sick leave?")
    with database.transaction() as transaction:
        second = sessions.claim(transaction, asked.session_id, owner="test", lease_seconds=60)
    assert second
    run(database, second, model)
    said = [(m["role"], m["content"].split("\n")[0]) for m in model.requests[-1]["messages"][1:]]
    assert said == [("user", "How many days?"), ("assistant", "5 days."), ("user", "And sick leave?")]


def test_the_local_model_says_that_no_model_is_configured(database: Database, turn: Turn) -> None:
    kit = AgentConfig(database, [Model(EXTRACTIVE_MODEL)], TOOLS, LIMITS)
    end = finished(list(loop.TurnRun(turn, kit, lambda: None).events(opening)))
    assert end.text == "Quoted: 5 days [1]."
    assert "No language model is configured" in end.notice
