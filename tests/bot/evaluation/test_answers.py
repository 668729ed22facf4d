"""Questions asked, and what is judged of their answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

import agent.settings
from agent.store.database import Database
from bot.evaluation import answers, files
from bot.evaluation.questions import EvalQuestion
from bot.jobs import wiring
from bot.jobs.context import WorkerContext

LEAVE = EvalQuestion(
    id="leave",
    text="How many days can I carry over?",
    grades={"p/leave.md": 1.0},
    groups=(("p/leave.md",),),
    facts=(("5 days",), ("six weeks",)),
)
UNANSWERABLE = EvalQuestion(id="yeti", text="Who feeds the yeti?", is_unanswerable=True)
FOLLOW_UP = EvalQuestion(id="next", text="And then?", earlier=(("How long is leave?", "28 days."),))


@pytest.fixture
def context(handbook: Path, database: Database) -> Iterator[WorkerContext]:
    """A worker without a language model, over the handbook."""
    context = wiring.build(agent.settings.load(), database)
    yield context
    context.leases.close()


def test_an_answer_is_judged_by_its_facts_and_its_files(context: WorkerContext, database: Database) -> None:
    names = files.match(["p/leave.md"], files.list_documents(database))
    answered, refused = answers.ask([LEAVE, UNANSWERABLE], context, names)
    assert "5 days" in answered.text
    assert (answered.status, answered.is_refusal, answered.is_complete) == ("completed", False, False)
    assert (answered.missing, answered.not_shown) == (("six weeks",), ("six weeks",))
    assert (answered.cites_right, answered.cited[0]) == (True, "p/leave.md")
    assert (refused.is_refusal, refused.is_complete, refused.cites_right) == (True, None, None)


def test_earlier_answers_are_the_sessions_history(context: WorkerContext, database: Database) -> None:
    (answered,) = answers.ask([FOLLOW_UP], context, {})
    query = text("""
    SELECT question, answer FROM turns
    WHERE session_id = (SELECT session_id FROM turns WHERE id = :id) ORDER BY seq LIMIT 1
    """)
    with database.transaction() as transaction:
        earlier = transaction.execute(query, {"id": answered.turn_id}).one()
    assert tuple(earlier) == ("How long is leave?", "28 days.")
