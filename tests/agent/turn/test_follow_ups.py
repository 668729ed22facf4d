"""A question that leans on earlier ones is made to stand alone for the search; the prompt has the talk itself."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from agent.llm.request import Model
from agent.prompting import prompt
from agent.settings import EXTRACTIVE_MODEL
from agent.turn import loop
from agent.turn.limits import Limits
from tests.agent.parts import PRICE, Asked, budgets, opening
from tests.scripted_model import Fail, Line, Say, ScriptedModel
from tools.extractive.rules import taking_up


def rule(question: str, earlier: Any) -> str:
    return f"{earlier[-1]} / {question}"


def is_rewriting(request: dict[str, Any]) -> bool:
    return "tools" not in request and '"last_question"' in request["messages"][-1]["content"]


@pytest.fixture
def follow_up(asked: Asked, model: ScriptedModel) -> Any:
    """The session's second turn; the model answers, and rewrites with ``says``."""

    def make(says: Line) -> Any:
        model.script = lambda request: says if is_rewriting(request) else Say("5 days [1].")
        asked.kit_options = {**asked.kit_options, "rewrite_follow_up": rule}
        first = asked.ask("Who may carry over leave?")
        asked.run(first)
        asked.finish(first, "All employees [[1]](https://h.example/leave), see [the form](https://h.example/f).")
        return asked.ask("And how do I ask for it?")

    return make


def searched(asked: Asked) -> str:
    rows = asked.query("SELECT arguments FROM tool_calls WHERE position = -1 ORDER BY id DESC LIMIT 1")
    return str(rows[0][0]["query"])


def test_the_model_makes_it_stand_alone_for_the_search(asked: Asked, model: ScriptedModel, follow_up: Any) -> None:
    turn = follow_up(Say('"How do I ask for carrying over leave?"\n'))
    asked.run(turn)
    assert searched(asked) == "How do I ask for carrying over leave?"
    rewriting, answering = model.requests[-2:]
    given = json.loads(rewriting["messages"][-1]["content"])
    assert given["conversation"] == [
        {"question": "Who may carry over leave?", "answer": "All employees, see the form."}
    ]
    said = [(m["role"], m["content"].split("\n")[0]) for m in answering["messages"][1:]]
    assert said == [
        ("user", "Who may carry over leave?"),
        ("assistant", "All employees, see the form."),
        ("user", "And how do I ask for it?"),  # as it was asked; only the search sees the other
    ]
    purposes = asked.query("SELECT purpose FROM model_calls WHERE turn_id = :id ORDER BY id", id=turn.id)
    assert [row[0] for row in purposes] == ["standalone", "step"]


@pytest.mark.parametrize("says", [Fail(400), Say(" "), Say("word " * 500)])
def test_where_the_model_does_not_the_rule_does(asked: Asked, follow_up: Any, says: Line) -> None:
    asked.run(follow_up(says))
    assert searched(asked) == "Who may carry over leave? / And how do I ask for it?"


def test_without_money_for_it_the_rule_does(asked: Asked, model: ScriptedModel, follow_up: Any) -> None:
    turn = follow_up(Say("Never said"))
    asked.price = PRICE
    asked.kit_options = {"budgets": budgets(person_day=0), "rewrite_follow_up": rule}
    model.requests.clear()
    assert asked.answer(turn).reason == "budget"
    assert searched(asked) == "Who may carry over leave? / And how do I ask for it?"
    assert model.requests == []


def test_without_a_language_model_the_rule_does(asked: Asked, follow_up: Any) -> None:
    turn = follow_up(Say("Never said"))
    asked.models = [Model(EXTRACTIVE_MODEL)]
    asked.run(turn)
    assert searched(asked) == "Who may carry over leave? / And how do I ask for it?"


def test_what_was_rewritten_is_not_asked_for_again_after_a_crash(
    asked: Asked, model: ScriptedModel, follow_up: Any
) -> None:
    turn = follow_up(Say("How do I ask for carrying over leave?"))
    events = loop.TurnRun(turn, asked.kit, lambda: None).events(opening)
    while not is_rewriting(model.requests[-1]) or not asked.query(
        "SELECT 1 FROM model_calls WHERE purpose = 'standalone' AND status = 'completed'"
    ):
        next(events)
    events.close()  # type: ignore[attr-defined]
    asked.query("UPDATE turns SET lease_token = NULL, lease_until = NULL WHERE id = :id RETURNING 1", id=turn.id)
    asked.run(asked.claim(turn.session_id))
    assert sum(is_rewriting(request) for request in model.requests) == 1
    assert searched(asked) == "How do I ask for carrying over leave?"


@pytest.mark.parametrize("is_local", [True, False])
def test_a_yes_asks_what_was_offered_below_the_answer(
    asked: Asked, model: ScriptedModel, follow_up: Any, is_local: bool
) -> None:
    """The offer is a whole question, so no model is asked what it means; the model sees that it was offered."""
    follow_up(Say("Never said"))
    asked.query("UPDATE turns SET offered = 'How do I ask for leave?' WHERE seq = 1 RETURNING 1")
    asked.query("UPDATE turns SET question = 'yes please' WHERE seq = 2 RETURNING 1")
    asked.kit_options = {**asked.kit_options, "take_up": taking_up.take_up}
    (session_id,) = asked.query("SELECT session_id FROM turns WHERE seq = 2")[0]
    asked.query("UPDATE turns SET lease_token = NULL, lease_until = NULL WHERE seq = 2 RETURNING 1")
    if is_local:
        asked.models = [Model(EXTRACTIVE_MODEL)]
    asked.run(asked.claim(session_id))
    assert searched(asked) == "How do I ask for leave?"
    assert not any(is_rewriting(request) for request in model.requests)
    if not is_local:
        before = model.requests[-1]["messages"][2]["content"]
        assert before == "All employees, see the form.\n\nYou might also ask: How do I ask for leave?"


def test_where_nothing_was_offered_the_talk_stays_as_it_was(
    asked: Asked, model: ScriptedModel, follow_up: Any
) -> None:
    turn = follow_up(Say("How do I ask for carrying over leave?"))
    asked.query("UPDATE turns SET offered = 'How do I ask for leave?' WHERE seq = 1 RETURNING 1")
    asked.kit_options = {**asked.kit_options, "take_up": taking_up.take_up}
    asked.run(turn)
    assert model.requests[-1]["messages"][2]["content"] == "All employees, see the form."


def test_a_first_question_needs_no_rewriting(asked: Asked, model: ScriptedModel) -> None:
    asked.run(asked.ask())
    assert len(model.requests) == 1


def test_the_prompts_are_byte_identical_for_the_same_answers(asked: Asked, model: ScriptedModel) -> None:
    """Two conversations of two turns: every request the second time is the first time's, byte for byte."""
    model.script = lambda request: Say("Days again?") if is_rewriting(request) else Say("5 days [1].")
    recorded = []
    for _ in range(2):
        with asked.database.transaction() as transaction:
            transaction.execute(text("TRUNCATE sessions CASCADE"))
        model.requests.clear()
        for question in ("How many days?", "And again?"):
            turn = asked.ask(question)
            asked.run(turn)
            asked.finish(turn)
        recorded.append([json.dumps(request) for request in model.requests])
    assert recorded[0] == recorded[1]
    assert len(recorded[0]) == 3


def test_the_instructions_are_files_with_a_version_that_is_not_sent() -> None:
    assert prompt.version().isdigit()
    assert "<!--" not in prompt.system() + prompt.standalone()
    assert len(prompt.system_hash()) == 64


def test_a_conversation_that_does_not_fit_still_gets_its_answer(asked: Asked, model: ScriptedModel) -> None:
    asked.limits = Limits(max_seconds=30, max_transcript_tokens=2_600)
    for n in range(5):
        turn = asked.ask(f"Question {n}? " + "word " * 300)
        asked.run(turn)
        asked.finish(turn, "An answer. " + "More of it. " * 200)
    assert asked.answer(asked.ask("And now?")).reason == "answered"
    last = model.requests[-1]["messages"]
    assert last[-1]["content"].startswith("And now?")
    assert any(m["content"] == "An answer." for m in last)
