"""An answer in the terminal: streamed, with its sources, and as JSON."""

import io
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from agent.errors import UserError
from agent.types import CitedPassage, Passage
from bot.jobs import terminal_reply
from bot.jobs.context import WorkerContext
from bot.jobs.terminal_reply import TerminalReply
from bot.slack.replies.reply import Answer
from tests.scripted_model import ScriptedModel

URL = "https://handbook.example/leave"
SOURCE = CitedPassage(1, Passage("c", "d", "Leave", URL, "", "", 1.0))
FILE = CitedPassage(2, Passage("c", "e", "Notes", "file:///srv/notes.md", "", "", 1.0))


@pytest.fixture
def answer() -> Answer:
    return Answer(uuid4(), f"You have 5 days [[1]]({URL}).", [SOURCE, FILE], notice="A notice.")


def test_text_is_written_as_it_comes_and_the_rest_with_the_sources(answer: Answer) -> None:
    stream = io.StringIO()
    reply = TerminalReply(stream)
    reply.show_text("You have ")
    assert stream.getvalue() == "You have "
    reply.deliver(answer)
    assert stream.getvalue() == (
        f"You have 5 days [1].\n\n[1] Leave — {URL}\n[2] Notes — /srv/notes.md\n\n(A notice.)\n"
    )


def test_an_answer_that_is_another_than_what_was_shown_stands_below_it(answer: Answer) -> None:
    stream = io.StringIO()
    reply = TerminalReply(stream)
    reply.show_text("Let me look that up.")
    reply.reset_text()
    reply.show_text("You have 6")
    reply.deliver(replace(answer, sources=()))
    assert stream.getvalue().startswith("Let me look that up.\n\nYou have 6\n\nYou have 5 days [1].")


def test_the_closest_documents_are_listed_without_numbers(answer: Answer) -> None:
    stream = io.StringIO()
    TerminalReply(stream).deliver(replace(answer, text="Nothing.", sources=(), closest=[SOURCE], notice=""))
    assert stream.getvalue() == f"Nothing.\n\nClosest documents:\n- Leave — {URL}\n"


def test_a_silent_reply_only_keeps_the_answer(answer: Answer) -> None:
    reply = TerminalReply(None)
    reply.show_text("You have ")
    reply.deliver(answer)
    assert reply.answer == answer


def test_a_question_from_the_terminal_is_a_session_and_its_outcome_is_json(
    context: WorkerContext, model: ScriptedModel
) -> None:
    outcome = terminal_reply.ask(context, context.database, "How many days?", user="me", stream=None)
    assert outcome["answer"] == "You can carry over 5 days [1]."
    (source,) = outcome["sources"]
    assert (source["n"], source["title"], source["url"], source["score"]) == (1, "Leave", URL, 0.91)
    assert (outcome["status"], outcome["reason"]) == ("completed", "answered")
    with context.database.transaction() as transaction:
        rows = transaction.execute(text("SELECT id, origin, user_id FROM turns")).all()
    assert [(str(row.id), row.origin, row.user_id) for row in rows] == [(outcome["turn_id"], "cli", "me")]


def test_a_question_that_nobody_answers_is_said_to_be_stored(context: WorkerContext) -> None:
    context.leases.stopping.set()
    with pytest.raises(UserError, match="stored but not answered"):
        terminal_reply.ask(context, context.database, "How many days?", user="me", stream=None)
