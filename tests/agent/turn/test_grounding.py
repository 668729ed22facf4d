"""Whether an answer stands on what was found: what streams, and what is shown in the end."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.prompting import prompt
from agent.store import trace
from agent.store.transcript import Transcript
from agent.tools import ToolContext, ToolResult, tool
from agent.turn import grounding, tool_calls
from agent.turn.grounding import NOTHING_FOUND, TextGate, Verdict
from agent.types import CitedPassage, JsonObject, MessageToolCall, Passage
from tests.agent.parts import TOOLS, Asked
from tests.scripted_model import Call, Line, Say, ScriptedModel

NEAR, FAR = (
    Passage(c, c, t, f"https://h.example/{c}", "", "", s) for c, t, s in (("a", "A", 0.9), ("b", "B", 0.2))
)


@tool()
def orders(*, context: ToolContext) -> ToolResult:
    """Orders."""
    return ToolResult({"orders": [1, 2]})


ALL = {**TOOLS, "orders": orders}


def transcript(*, weak: bool) -> Transcript:
    shown: JsonObject = {"passages": [{"n": 1}, {"n": 2}], **({"is_weak": True} if weak else {})}
    message = prompt.question_message("How many?", [("look_up", shown)])
    return Transcript([message], {"a": CitedPassage(1, NEAR), "b": CitedPassage(2, FAR)})


def judge(text: str, stored: Transcript) -> Verdict:
    finished = tool_calls.read_finished(stored.messages)
    return grounding.judge(text, stored.sources.values(), finished, ALL)


@pytest.mark.parametrize(
    ("weak", "text", "shown", "reason", "n_closest"),
    [
        (False, "It is 5 [1].", "It is 5 [1].", "answered", 0),
        (True, "It is 5 [1].", "It is 5 [1].", "weak_evidence", 0),
        (True, "It is 5.", NOTHING_FOUND, "no_evidence", 2),
        (True, "It is 5 [7].", NOTHING_FOUND, "no_evidence", 2),
        (False, "It is 5.", "It is 5.", "uncited", 2),
        (True, "[not in the documents]\nThey do not say.", "They do not say.", "no_evidence", 2),
        (False, " [Not in the documents]: They do not say.", "They do not say.", "no_evidence", 2),
        (False, "[not in the documents]\nOnly A is close [1].", "Only A is close [1].", "no_evidence", 0),
        (True, "[no documents needed]\nHello!", "Hello!", "small_talk", 0),
        (False, "[no documents needed]\nHello!", "Hello!", "uncited", 2),  # something near was found
        (True, "[no documents needed]\nPay to IBAN XX00.", NOTHING_FOUND, "no_evidence", 2),
        (True, "[no documents needed]\nSee evil.example.", NOTHING_FOUND, "no_evidence", 2),
        (True, "[no documents needed]\nSteps:\n- Call Bob", NOTHING_FOUND, "no_evidence", 2),
        (True, "[no documents needed]\nA. B. C. D. Yes.", NOTHING_FOUND, "no_evidence", 2),
        (False, "[no documents needed]\nPay to IBAN XX00.", "Pay to IBAN XX00.", "uncited", 2),
        (True, "[no documents needed] " + "A long story. " * 60, NOTHING_FOUND, "no_evidence", 2),
        (True, "[not in the documents]", NOTHING_FOUND, "no_evidence", 2),
    ],
)
def test_what_is_shown_of_a_text(weak: bool, text: str, shown: str, reason: str, n_closest: int) -> None:
    found = judge(text, transcript(weak=weak))
    assert (found.text, found.reason, len(found.closest)) == (shown, reason, n_closest)
    assert [source.n for source in found.closest] == [1, 2][:n_closest]  # the best first


def test_small_talk_is_not_believed_of_a_model_that_looked_something_up() -> None:
    weak = transcript(weak=True)
    call: MessageToolCall = {"id": "c", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    weak.messages += [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": '{"passages":[],"is_weak":true}'},
    ]
    assert judge("[no documents needed]\nThe handbook is out of date.", weak).reason == "no_evidence"


@pytest.mark.parametrize(
    ("text", "reason"), [("Hello! How can I help?", "small_talk"), ("You get 25 days.", "uncited")]
)
def test_where_nothing_was_looked_up_only_small_talk_passes_for_it(text: str, reason: str) -> None:
    nothing = Transcript([prompt.question_message("Hi", [])], {})
    assert judge(text, nothing).reason == reason


def test_what_another_tool_returned_is_ground_to_stand_on() -> None:
    weak = transcript(weak=True)
    call: MessageToolCall = {"id": "c", "type": "function", "function": {"name": "orders", "arguments": "{}"}}
    weak.messages += [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": '{"orders":[1,2]}'},
    ]
    assert judge("Two orders.", weak).reason == "answered"
    weak.messages[-1] = {"role": "tool", "tool_call_id": "c", "content": '{"error":"away"}'}
    assert judge("Two orders.", weak).reason == "no_evidence"


@given(
    text=st.sampled_from(
        [
            "It is 5 [1]. And so on.",
            "It is five. [12] and [2]",
            "[not in the documents]\nThey do not say.",
            "[no documents needed] Hi.",
            "[not ours] but [1]",
            "No citation at all",
        ]
    ),
    cuts=st.lists(st.integers(0, 40), max_size=8),
    weak=st.booleans(),
)
def test_pieces_of_any_size_never_show_a_mark_nor_a_guess(text: str, cuts: list[int], weak: bool) -> None:
    gate = TextGate(weak=weak, known=[1, 2])
    ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    shown = "".join(gate.feed(text[a:b]) for a, b in itertools.pairwise(ends))
    final = judge(text, transcript(weak=weak))
    assert "[no" not in shown or text.startswith("[not ours]")
    assert not shown or final.text.startswith(shown.strip())  # nothing is shown that is taken back


def test_a_guess_on_weak_evidence_never_streams_and_is_replaced(asked: Asked, model: ScriptedModel) -> None:
    model.script = lambda request: Say("Probably seven days, as everywhere.")
    events = asked.run(asked.ask("something weak"))
    end = events[-1]
    assert not any(getattr(event, "text", None) for event in events[:-1])
    assert (end.text, end.reason) == (NOTHING_FOUND, "no_evidence")  # type: ignore[union-attr]
    assert [source.passage.title for source in end.closest] == ["Leave"]  # type: ignore[union-attr]


def test_weak_evidence_that_is_cited_is_shown_with_a_doubt(asked: Asked, model: ScriptedModel) -> None:
    model.script = lambda request: Say("Five days [1].")
    end = asked.answer(asked.ask("something weak"))
    assert (end.text, end.reason) == ("Five days [1].", "weak_evidence")
    assert "not sure" in end.notice


def test_a_url_that_a_model_put_into_its_own_call_is_no_evidence(asked: Asked, model: ScriptedModel) -> None:
    @tool()
    def echo(text: str, *, context: ToolContext) -> ToolResult:
        """Says it again."""
        return ToolResult({"said": text, "see": "https://found.example/page"})

    asked.tools = {**TOOLS, "echo": echo}
    hidden = '{"text": "https:\\/\\/EVIL.example\\/?q=secret"}'
    lines: list[Line] = [
        Call([("echo", {"text": "https://evil.example/?q=secret."}), ("echo", hidden)]),
        Say("Done."),
    ]
    model.script = lambda request: lines[len(model.requests) - 1]
    turn = asked.ask("Is https://asked.example/ ours?")
    asked.run(turn)
    found = "\n".join(grounding.list_result_texts(asked.messages(turn)))
    assert "https://found.example/page" in found
    assert "evil.example" not in found.lower()
    assert "asked.example" not in found or "query" not in found  # the question itself gives no address


def test_a_search_that_failed_is_not_a_search_that_found_nothing(asked: Asked, model: ScriptedModel) -> None:
    @tool(only_passages=True)
    def look_up(query: str, *, context: ToolContext) -> ToolResult:
        """Is broken."""
        raise RuntimeError("the index is away")

    asked.tools = {"look_up": look_up}
    model.script = lambda request: Say("I cannot search at the moment.")
    end = asked.answer()
    assert end.text == "I cannot search at the moment."
    assert "Nothing above is taken from the documents" in end.notice


def test_an_answer_that_was_cut_off_says_so(asked: Asked, model: ScriptedModel) -> None:
    model.script = lambda request: Say("Five days [1], but only if", finish_reason="length")
    end = asked.answer()
    assert (end.reason, end.notice) == ("answered", "This answer was cut off at its allowed length.")
    assert asked.run(asked.ask(key="other"))[-1].notice == end.notice  # type: ignore[union-attr]


def test_a_limit_that_was_noted_and_then_not_needed_is_not_told(asked: Asked, model: ScriptedModel) -> None:
    turn = asked.ask()
    with asked.database.transaction() as transaction:
        trace.note_limit(transaction, turn.id, "provider_down")
    assert asked.answer(turn).reason == "answered"
    assert asked.answer(turn).notice == ""  # a finished turn that is delivered again


def test_a_mark_further_down_is_taken_out() -> None:
    found = judge("I looked.\n[not in the documents]\nNothing.", transcript(weak=False))
    assert found.text == "I looked.\nNothing."
