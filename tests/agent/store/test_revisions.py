"""What becomes of a turn whose question is changed, stopped or taken back, by how far it is."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from agent.errors import LeaseLost, QuestionEdited
from agent.store import earlier_turns, revisions, sessions
from agent.store.database import Database
from agent.store.sessions import Turn

QUEUED = "status = 'queued'"
RUNNING = "status = 'running'"
ENDED = "status = 'completed', reason = 'answered'"
WITHDRAWN = "status = 'running', reason = 'withdrawn'"


def ask(database: Database, question: str = "How many days?", **options: Any) -> UUID:
    with database.transaction() as transaction:
        stored = sessions.ask(transaction, key="s", user_id="U1", origin="mention", question=question, **options)
    return stored.turn_id


def claim(database: Database) -> Turn:
    with database.transaction() as transaction:
        (session_id,) = transaction.scalars(text("SELECT id FROM sessions")).all()
        turn = sessions.claim(transaction, session_id, owner="test", lease_seconds=60)
    assert turn
    return turn


def update(database: Database, changes: str) -> None:
    with database.transaction() as transaction:
        transaction.execute(text(f"UPDATE turns SET {changes}"))


def read(database: Database) -> tuple[Any, ...]:
    with database.transaction() as transaction:
        return tuple(
            transaction.execute(text("SELECT question, edited_question, cancel_requested FROM turns")).one()
        )


@pytest.mark.parametrize(
    ("state", "edits", "said", "row"),
    [
        (QUEUED, ["B"], "queued", ("B", None, False)),
        (QUEUED, ["B", "B"], None, ("B", None, False)),
        (RUNNING, ["B"], "running", ("A", "B", True)),
        (RUNNING, ["B", "A"], "running", ("A", "A", True)),  # it has begun with B, perhaps
        (RUNNING, ["A"], None, ("A", None, False)),
        (ENDED, ["B"], "completed", ("A", "B", False)),
        (ENDED, ["B", "C"], "completed", ("A", "C", False)),
        (ENDED, ["B", "A"], None, ("A", None, False)),  # which is answered
        (WITHDRAWN, ["B"], None, ("A", None, False)),
    ],
)
def test_an_edit_changes_what_is_asked(
    database: Database, state: str, edits: list[str], said: str | None, row: tuple[Any, ...]
) -> None:
    turn_id = ask(database, "A")
    update(database, state)
    for edit in edits:
        with database.transaction() as transaction:
            outcome = revisions.correct(transaction, turn_id, edit)
    assert (outcome, read(database)) == (said, row)


def test_a_turn_that_was_edited_cannot_end_before_it_began_again(database: Database) -> None:
    turn_id = ask(database)
    turn = claim(database)
    with database.transaction() as transaction:
        revisions.correct(transaction, turn_id, "How many weeks?")
    with pytest.raises(QuestionEdited), database.transaction() as transaction:
        sessions.finish(transaction, turn, status="completed", reason="answered", answer="5 days")
    with pytest.raises(QuestionEdited), database.transaction() as transaction:
        revisions.check(transaction, turn)
    update(database, "lease_token = NULL, lease_until = NULL")
    turn = claim(database)  # after a crash
    assert turn.is_edited
    with database.transaction() as transaction:
        assert revisions.begin_again(transaction, turn) == "How many weeks?"
    assert read(database) == ("How many weeks?", None, False)
    with database.transaction() as transaction:
        sessions.finish(transaction, turn, status="completed", reason="answered", answer="1 week")


def test_who_lost_the_turn_does_not_begin_it_again(database: Database) -> None:
    turn_id = ask(database)
    turn = claim(database)
    with database.transaction() as transaction:
        revisions.correct(transaction, turn_id, "How many weeks?")
    update(database, "lease_token = gen_random_uuid()")
    with pytest.raises(LeaseLost), database.transaction() as transaction:
        revisions.begin_again(transaction, turn)
    with pytest.raises(LeaseLost), database.transaction() as transaction:
        sessions.finish(transaction, turn, status="completed", reason="answered")


def test_a_stop_after_an_edit_stops_and_an_edit_after_a_stop_begins_again(database: Database) -> None:
    turn_id = ask(database)
    turn = claim(database)
    with database.transaction() as transaction:
        revisions.correct(transaction, turn_id, "How many weeks?")
        (stopped,) = revisions.stop(transaction, [turn_id], "U1")
    assert (stopped.has_ended, read(database)) == (False, ("How many days?", None, True))
    with database.transaction() as transaction:
        assert revisions.begin_again(transaction, turn) is None
        revisions.correct(transaction, turn_id, "How many weeks?")
        assert revisions.begin_again(transaction, turn) == "How many weeks?"


@pytest.mark.parametrize(
    ("state", "user", "n_stopped", "status"),
    [(QUEUED, "U1", 1, "cancelled"), (RUNNING, "U1", 1, "running"), (ENDED, "U1", 0, "completed"),
     (QUEUED, "U2", 0, "queued"), (RUNNING, "U2", 0, "running")],
)  # fmt: skip
def test_only_the_asker_stops_and_what_waits_ends_at_once(
    database: Database, state: str, user: str, n_stopped: int, status: str
) -> None:
    turn_id = ask(database)
    update(database, state)
    with database.transaction() as transaction:
        stopped = revisions.stop(transaction, [turn_id], user)
        after = transaction.scalar(text("SELECT status FROM turns"))
    assert (len(stopped), after) == (n_stopped, status)


def test_what_was_asked_again_is_no_part_of_the_conversation(database: Database) -> None:
    first = ask(database, "A")
    for question in ("B", "C"):
        ask(database, question, supersedes=first)
    ask(database, "D")
    update(database, "status = 'completed', answer = question || '!'")
    with database.transaction() as transaction:
        (session_id,) = transaction.scalars(text("SELECT id FROM sessions")).all()
        known = {
            before: [one.question for one in earlier_turns.load(transaction, session_id, before=before, limit=9)]
            for before in (2, 3, 4, 5)
        }
    assert known == {2: [], 3: [], 4: ["C"], 5: ["C", "D"]}
