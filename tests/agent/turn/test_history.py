"""Which earlier answers of a session the model is shown, for whom."""

from collections.abc import Iterable

import pytest

from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.tools import ToolContext, ToolResult, tool
from agent.types import Audience, Passage
from tests.agent.parts import Asked
from tests.scripted_model import Say, ScriptedModel

CODE, LUNCH = "What is the code of the safe?", "When is lunch?"
STAFF, VISITORS = Audience((frozenset({"everyone", "group:S1"}),)), Audience((frozenset({"guests"}),))


@tool(only_passages=True)
def look_up(query: str, *, context: ToolContext) -> ToolResult:
    """Finds a document of the question's last word."""
    name = query.rstrip("?").rpartition(" ")[2]
    return ToolResult({"found": 1}, (Passage(f"{name}-1", name, name, "", "", f"About {name}.", 0.9),))


@tool()
def list_titles(*, context: ToolContext) -> ToolResult:
    """Lists titles."""
    return ToolResult({"titles": ["The code of the safe"]})


@pytest.fixture
def talk(asked: Asked) -> Asked:
    """The document about the safe is for staff."""

    def find_unreadable(transaction: Transaction, ids: Iterable[str], audience: Audience) -> frozenset[str]:
        return frozenset() if audience == STAFF else frozenset(ids) & {"safe"}

    asked.tools = {"look_up": look_up, "list_titles": list_titles}
    asked.kit_options = {"find_unreadable": find_unreadable, "asks_model_to_rewrite": False}
    return asked


def ask(talk: Asked, question: str, audience: Audience) -> Turn:
    turn = talk.ask(question)
    object.__setattr__(turn, "audience", audience)
    talk.query(
        "UPDATE turns SET audience = CAST(:audience AS jsonb) WHERE id = :id RETURNING 1",
        audience=str(audience.as_json()).replace("'", '"'),
        id=turn.id,
    )
    return turn


def answer(talk: Asked, model: ScriptedModel, question: str, audience: Audience, says: str) -> str:
    """Asks, and returns the prompt."""
    model.script = lambda request: Say(says)
    turn = ask(talk, question, audience)
    talk.run(turn)
    talk.finish(turn, says)
    return str(model.requests[-1]["messages"][1:])


def test_an_answer_is_shown_to_those_who_may_read_what_it_rests_on(talk: Asked, model: ScriptedModel) -> None:
    answer(talk, model, CODE, STAFF, "It is 4711 [1].")
    assert "4711" in answer(talk, model, LUNCH, STAFF, "At noon [1].")
    assert "4711" not in answer(talk, model, LUNCH, VISITORS, "At noon [1].")


def test_an_answer_that_repeats_an_earlier_one_rests_on_the_same(talk: Asked, model: ScriptedModel) -> None:
    answer(talk, model, CODE, STAFF, "It is 4711 [1].")
    answer(talk, model, LUNCH, STAFF, "At noon [1], and as I said, the code is 4711.")
    answer(talk, model, "When is dinner?", STAFF, "At seven [1]; the code is still 4711.")
    said = answer(talk, model, LUNCH, VISITORS, "At noon [1].")
    assert "4711" not in said
    assert "At noon" in answer(talk, model, "When is tea?", VISITORS, "At four [1].")  # which rests on lunch alone
    assert "still 4711" in answer(talk, model, LUNCH, STAFF, "At noon [1].")


def test_an_answer_from_more_than_passages_is_shown_to_those_who_may_read_as_much(
    talk: Asked, model: ScriptedModel
) -> None:
    turn = ask(talk, "What is there?", STAFF)
    talk.run(turn)
    talk.query(
        "INSERT INTO tool_calls (id, turn_id, position, call_id, name, arguments, result, is_error) "
        "VALUES (:id, :id, 0, 'c', 'list_titles', '{}', '{}', false) RETURNING 1",
        id=turn.id,
    )
    talk.finish(turn, "There is one about a safe.")
    both = Audience((frozenset({"everyone", "group:S1", "channel:C1"}),))
    assert "about a safe" in answer(talk, model, LUNCH, STAFF, "At noon [1].")
    assert "about a safe" in answer(talk, model, LUNCH, both, "At noon [1].")
    assert "about a safe" not in answer(talk, model, LUNCH, Audience(), "At noon [1].")


def test_an_answer_that_told_of_a_document_is_left_out_once_that_may_not_be_read(
    talk: Asked, model: ScriptedModel
) -> None:
    turn = ask(talk, "What is there?", STAFF)
    talk.run(turn)
    talk.query(
        "INSERT INTO tool_calls (id, turn_id, position, call_id, name, arguments, result, is_error) VALUES "
        "(:id, :id, 0, 'c', 'list_titles', '{}', CAST(:result AS jsonb), false) RETURNING 1",
        id=turn.id,
        result='{"documents": [{"document_id": "safe"}]}',
    )
    talk.finish(turn, "There is one about a safe.")
    assert "about a safe" in answer(talk, model, LUNCH, STAFF, "At noon [1].")
    talk.kit_options["find_unreadable"] = lambda transaction, ids, audience: frozenset(ids) & {"safe"}
    assert "about a safe" not in answer(talk, model, LUNCH, STAFF, "At noon [1].")
