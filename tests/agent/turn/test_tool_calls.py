"""The calls of a step: at once, bounded, in order, and never twice where that could do harm."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from agent.errors import Cancelled, DeadlineExceeded
from agent.tools import Asker, ToolContext, ToolResult, tool
from agent.turn.events import Finished, ToolFinished, ToolStarted
from agent.turn.limits import MAX_CALLS_PER_STEP, Limits
from agent.types import Passage
from tests.agent.parts import TOOLS, Asked
from tests.scripted_model import Call, Line, Say, ScriptedModel

Script = Callable[[dict[str, Any]], Line]


@tool()
def slow(seconds: float, *, context: ToolContext) -> ToolResult:
    """Takes its time."""
    time.sleep(seconds)
    passage = Passage(f"s{seconds}", "d", f"After {seconds}", "https://h.example", "", "text", 0.8)
    return ToolResult({"took": seconds}, (passage,))


@tool()
def late(*, context: ToolContext) -> ToolResult:
    """Notices its deadline."""
    raise DeadlineExceeded("too late")


@tool()
def flood(*, context: ToolContext) -> ToolResult:
    """Returns far too much."""
    return ToolResult({"rows": [{"text": "word " * 500}] * 500, "note": "x" * 100_000})


def steps(*lines: Line) -> Script:
    """A line for each request, the last one again and again; a closing request gets an answer."""

    def script(request: dict[str, Any]) -> Line:
        if request.get("tool_choice") == "none":
            return Say("As far as I got [1].")
        n_steps: int = sum(m["role"] == "assistant" for m in request["messages"])
        return lines[min(n_steps, len(lines) - 1)]

    return script


def results(asked: Asked) -> list[dict[str, Any]]:
    rows = asked.query("SELECT content FROM messages WHERE role = 'tool' ORDER BY position")
    return [json.loads(row[0]["content"]) for row in rows]


def test_calls_of_one_step_run_at_once_and_are_numbered_in_their_order(asked: Asked, model: ScriptedModel) -> None:
    all_there = threading.Barrier(4, timeout=120)  # one after the other none would get past it

    @tool()
    def meet(seconds: float, *, context: ToolContext) -> ToolResult:
        """Waits for the others."""
        all_there.wait()
        return slow.call({"seconds": seconds}, context)

    asked.tools = {**TOOLS, "meet": meet}
    model.script = steps(Call([("meet", {"seconds": s}) for s in (0.6, 0.5, 0.4, 0.3)]), Say("Done [2]."))
    events = asked.run(asked.ask())
    titles = {row[0]: row[1] for row in asked.query("SELECT n, title FROM sources")}
    assert titles == {1: "Leave", 2: "After 0.6", 3: "After 0.5", 4: "After 0.4", 5: "After 0.3"}
    ids = [e.call_id for e in events if isinstance(e, ToolStarted | ToolFinished)][2:]
    assert ids[:4] == ids[4:]


@pytest.mark.parametrize("call", [("slow", {"seconds": 30}), ("late", {})])
def test_a_tool_that_takes_too_long_is_left_alone_and_the_model_told(
    asked: Asked, model: ScriptedModel, call: tuple[str, Any]
) -> None:
    asked.tools = {**TOOLS, "slow": slow, "late": late}
    asked.limits = Limits(max_seconds=30, tool_seconds=0.3)
    model.script = steps(Call([call, ("look_up", {"query": "x"})]), Say("5 days [1]."))
    assert asked.answer().reason == "answered"
    first, second = results(asked)
    assert "no result within 0 s" in first["error"]
    assert second["passages"]


def test_a_tool_that_hangs_does_not_keep_a_turn_from_being_stopped(asked: Asked, model: ScriptedModel) -> None:
    hanging = threading.Event()

    @tool()
    def hang(*, context: ToolContext) -> ToolResult:
        """Never returns."""
        hanging.set()
        time.sleep(60)
        return ToolResult()

    def check() -> None:
        if hanging.is_set():
            raise Cancelled("now")

    asked.tools = {**TOOLS, "hang": hang}
    model.script = steps(Call([("hang", {})]))
    turn = asked.ask()
    with pytest.raises(Cancelled):  # long before the tool's deadline, which is after the test's
        asked.run(turn, check)


def test_an_identical_call_is_made_twice_and_then_the_turn_comes_to_its_end(
    asked: Asked, model: ScriptedModel
) -> None:
    model.script = steps(Call([("look_up", {"query": "again"})]))
    end = asked.answer()
    assert (end.text, end.reason) == ("As far as I got [1].", "repeats")
    assert ["passages" in result for result in results(asked)] == [True, True, False]
    assert "in circles" in end.notice


def test_calls_beyond_the_allowed_number_get_an_answer_without_being_made(
    asked: Asked, model: ScriptedModel
) -> None:
    asked.limits = Limits(max_tool_calls=3, max_seconds=30)
    model.script = steps(Call([("look_up", {"query": str(n)}) for n in range(5)]))
    end = asked.answer()
    assert (end.text, end.reason) == ("As far as I got [1].", "calls")
    assert ["passages" in result for result in results(asked)] == [True, True, True, False, False]


def test_a_result_is_cut_to_the_limit_and_stays_json(asked: Asked, model: ScriptedModel) -> None:
    asked.tools = {**TOOLS, "flood": flood}
    asked.limits = Limits(max_tool_result_chars=3_000, max_seconds=30)
    model.script = steps(Call([("flood", {})]), Say("Much [1]."))
    asked.answer()
    (result,) = results(asked)
    assert result["is_shortened"]
    assert len(json.dumps(result)) <= 3_100


def test_the_results_of_one_step_share_their_room(asked: Asked, model: ScriptedModel) -> None:
    asked.tools = {**TOOLS, "flood": flood}
    asked.limits = Limits(max_tool_result_chars=4_000, max_seconds=30, max_repeats=8)
    model.script = steps(Call([("flood", {})] * 8), Say("Much [1]."))
    asked.answer()
    assert sum(len(json.dumps(result)) for result in results(asked)) <= 8_800


def test_a_tool_knows_who_asked_and_where(asked: Asked, model: ScriptedModel) -> None:
    seen: list[Asker] = []

    @tool()
    def look(*, context: ToolContext) -> ToolResult:
        """Looks."""
        seen.append(context.asker)
        return ToolResult()

    asked.tools = {**TOOLS, "look": look}
    model.script = steps(Call([("look", {})]), Say("Done [1]."))
    asked.answer(asked.ask(user="U7"))
    assert seen == [Asker("U7", "T", "C", "cli")]


def test_the_same_lasting_call_is_made_once_in_a_turn(asked: Asked, model: ScriptedModel) -> None:
    sent: list[str] = []

    @tool(is_idempotent=False)
    def send(to: str, *, context: ToolContext) -> ToolResult:
        """Sends."""
        sent.append(to)
        return ToolResult({"sent": to})

    asked.tools = {**TOOLS, "send": send}
    model.script = steps(
        Call([("send", {"to": "Ada"}), ("send", {"to": "Ada"})]),
        Call([("send", {"to": "Ada"}), ("send", {"to": "Grace"})]),
        Say("Sent [1]."),
    )
    assert isinstance(asked.run(asked.ask())[-1], Finished)
    assert sorted(sent) == ["Ada", "Grace"]
    said = [result.get("error", "") for result in results(asked)]
    assert [bool(error) for error in said] == [False, True, True, False]


def test_a_lasting_call_that_was_not_made_is_not_said_to_have_been(asked: Asked, model: ScriptedModel) -> None:
    sent: list[str] = []

    @tool(is_idempotent=False)
    def send(*, context: ToolContext) -> ToolResult:
        """Sends."""
        sent.append("it")
        return ToolResult({"sent": True})

    asked.tools = {**TOOLS, "send": send}
    many = [("look_up", {"query": str(n)}) for n in range(MAX_CALLS_PER_STEP)]
    model.script = steps(Call([*many, ("send", {})]), Call([("send", {})]), Say("Sent [1]."))
    asked.answer()
    assert sent == ["it"]
    assert results(asked)[-1] == {"sent": True}


def test_a_tools_own_words_are_not_taken_for_the_kernels(asked: Asked, model: ScriptedModel) -> None:
    @tool()
    def rows(*, context: ToolContext) -> ToolResult:
        """Rows with unlucky names."""
        return ToolResult({"passages": ["a"], "is_refused": ["b"], "is_weak": True, "n": 1})

    asked.tools = {**TOOLS, "rows": rows}
    asked.limits = Limits(max_seconds=30, max_transcript_tokens=1_000)
    model.script = steps(Call([("rows", {})]), Call([("rows", {})]), Say("Rows."))
    assert asked.answer().reason == "answered"
    assert set(results(asked)[0]) == {"passages_", "is_refused_", "is_weak_", "n"}


@pytest.mark.parametrize("returned", [float("nan"), float("inf"), {1, 2}])
def test_what_is_no_json_is_the_tools_bug(asked: Asked, model: ScriptedModel, returned: Any) -> None:
    @tool()
    def odd(*, context: ToolContext) -> ToolResult:
        """Returns it."""
        return ToolResult({"it": returned})

    asked.tools = {**TOOLS, "odd": odd}
    model.script = steps(Call([("odd", {})]), Say("5 days [1]."))
    assert asked.answer().reason == "answered"
    assert "failed unexpectedly" in results(asked)[0]["error"]


def test_a_tool_that_wants_to_end_the_process_ends_only_itself(asked: Asked, model: ScriptedModel) -> None:
    @tool()
    def leave(*, context: ToolContext) -> ToolResult:
        """Leaves."""
        raise SystemExit(1)

    asked.tools = {**TOOLS, "leave": leave}
    model.script = steps(Call([("leave", {})]), Say("5 days [1]."))
    assert asked.answer().reason == "answered"


def test_a_lasting_call_that_timed_out_is_said_to_be_uncertain(asked: Asked, model: ScriptedModel) -> None:
    @tool(is_idempotent=False)
    def send(*, context: ToolContext) -> ToolResult:
        """Sends, slowly."""
        time.sleep(30)
        return ToolResult()

    asked.tools = {**TOOLS, "send": send}
    asked.limits = Limits(max_seconds=30, tool_seconds=0.2)
    model.script = steps(Call([("send", {})]), Say("Perhaps [1]."))
    asked.answer()
    assert "may have taken effect" in results(asked)[0]["error"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"query": ', "not a JSON object"),
        ('{"query": NaN}', "not a JSON object"),
        ('{"query": 1e999}', "not a JSON object"),
        ('{"query": ' + "[" * 600 + "]" * 600 + "}", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ('{"query": "' + "x" * 20_000 + '"}', "too long"),
        ({"query": 5}, "query"),
        ({"other": "x"}, "query"),
    ],
)
def test_wrong_arguments_get_an_error_the_model_can_act_on(
    asked: Asked, model: ScriptedModel, arguments: Any, said: str
) -> None:
    model.script = steps(Call([("look_up", arguments)]), Say("5 days [1]."))
    assert asked.answer().reason == "answered"
    assert said in results(asked)[0]["error"]
    again = model.requests[-1]["messages"][-2]["tool_calls"][0]["function"]["arguments"]
    assert isinstance(json.loads(again), dict)  # what any provider takes back
    assert len(again) < 10_000


def test_a_call_answered_from_before_counts_like_one_that_is_made(asked: Asked, model: ScriptedModel) -> None:
    @tool(is_idempotent=False)
    def send(to: str, *, context: ToolContext) -> ToolResult:
        """Sends."""
        return ToolResult({"sent": to})

    asked.tools = {"send": send}
    asked.limits = Limits(max_tool_calls=3)
    calls = [("send", {"to": name}) for name in ("Ada", "Ada", "Grace", "Lin")]
    model.script = steps(Call(calls), Say("Sent."))
    asked.run(asked.ask())
    assert [result.get("is_refused") for result in results(asked)] == [None, None, None, "calls"]
    assert [result.get("sent") for result in results(asked)] == ["Ada", None, "Grace", None]
