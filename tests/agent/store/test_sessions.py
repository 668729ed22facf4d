"""The queue of questions in Postgres: order, leases, giving back, reminders."""

import time
from uuid import UUID

import pytest
from sqlalchemy import text

from agent.errors import LeaseLost
from agent.secrets import MASK
from agent.store import earlier_turns, feedback, sessions, wakes
from agent.store.database import Database
from agent.store.sessions import LeaseState, StoredQuestion, Turn

LEASE = 30.0


def ask(database: Database, question: str = "What?", key: str = "s1") -> StoredQuestion:
    with database.transaction() as transaction:
        return sessions.ask(transaction, key=key, user_id="U1", origin="mention", question=question)


def claim(database: Database, session_id: UUID, owner: str = "w1", lease: float = LEASE) -> Turn | None:
    with database.transaction() as transaction:
        return sessions.claim(transaction, session_id, owner=owner, lease_seconds=lease)


def finish(database: Database, turn: Turn) -> None:
    with database.transaction() as transaction:
        sessions.finish(transaction, turn, status="completed", reason="answered", answer="So.")


def due(database: Database) -> list[UUID]:
    with database.transaction() as transaction:
        return [turn_id for turn_id, _ in wakes.list_due(transaction)]


def change(database: Database, assignment: str) -> None:
    with database.transaction() as transaction:
        transaction.execute(text(f"UPDATE turns SET {assignment}"))


def test_turns_of_a_session_are_claimed_one_at_a_time_in_order(database: Database) -> None:
    first, second = ask(database, "First?"), ask(database, "Second?")
    assert (first.session_id, second.n_ahead) == (second.session_id, 1)
    turn = claim(database, first.session_id)
    assert turn
    assert (turn.question, turn.attempt, turn.seq) == ("First?", 1, 1)
    assert claim(database, first.session_id, "w2") is None
    finish(database, turn)
    following = claim(database, first.session_id, "w2")
    assert following
    assert following.question == "Second?"


def test_sessions_do_not_wait_for_each_other(database: Database) -> None:
    one, other = ask(database, key="s1"), ask(database, key="s2")
    assert claim(database, one.session_id)
    assert claim(database, other.session_id)


def test_a_turn_whose_lease_ran_out_is_claimed_again_and_its_first_holder_can_write_no_more(
    database: Database,
) -> None:
    asked = ask(database)
    first = claim(database, asked.session_id)
    change(database, "lease_until = now() - interval '1 second'")
    second = claim(database, asked.session_id, "w2")
    assert first
    assert second
    assert (second.id, second.attempt) == (first.id, 2)
    for write in (
        sessions.verify_lease,
        lambda t, turn: sessions.finish(t, turn, status="completed", reason="answered"),
    ):
        with pytest.raises(LeaseLost), database.transaction() as transaction:
            write(transaction, first)
    with database.transaction() as transaction:
        sessions.verify_lease(transaction, second)
        assert set(sessions.renew(transaction, [first.token, second.token], lease_seconds=9)) == {second.token}


def test_a_turn_that_is_being_written_to_holds_up_the_renewal_of_no_other(database: Database) -> None:
    busy, idle = (claim(database, ask(database, key=key).session_id) for key in ("cli:busy", "cli:idle"))
    assert busy
    assert idle
    with database.transaction() as step, database.transaction() as transaction:
        sessions.verify_lease(step, busy)
        states = sessions.renew(transaction, [busy.token, idle.token], lease_seconds=9)
    assert states == {busy.token: LeaseState(False, False), idle.token: LeaseState(True, False)}


def test_giving_back_does_not_count_as_an_attempt_and_can_wait(database: Database) -> None:
    asked = ask(database)
    turn = claim(database, asked.session_id)
    assert turn
    with database.transaction() as transaction:
        sessions.put_back(transaction, turn, delay_seconds=60)
    assert claim(database, asked.session_id) is None
    assert due(database) == []
    change(database, "run_after = now(), wake_after = now()")
    assert due(database) == [turn.id]
    again = claim(database, asked.session_id)
    assert again
    assert again.attempt == 1


def test_reminders_go_to_what_nobody_works_on_and_become_rarer(database: Database) -> None:
    asked = ask(database)
    ask(database, "Second?")
    assert due(database) == []  # whoever stored it wakes a worker; the reminder comes later
    change(database, "wake_after = now()")
    assert due(database) == [asked.turn_id]  # only the first of a session
    with database.transaction() as transaction:
        wakes.note_wakes(transaction, [asked.turn_id])
    assert due(database) == []
    turn = claim(database, asked.session_id)
    assert due(database) == []
    change(database, "lease_until = now() - interval '1 second'")
    assert turn
    assert due(database) == [turn.id]  # at once: a claim resets the pause


def test_a_waiting_turn_lets_later_ones_pass(database: Database) -> None:
    asked = ask(database, "Needs an approval")
    ask(database, "Does not")
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET status = 'waiting' WHERE id = :id"), {"id": asked.turn_id})
    turn = claim(database, asked.session_id)
    assert turn
    assert turn.question == "Does not"


def test_a_stop_is_heard_with_the_next_renewal_and_by_the_running_turn_only(database: Database) -> None:
    asked = ask(database)
    turn = claim(database, asked.session_id)
    assert turn
    ask(database, "And then?")
    with database.transaction() as transaction:
        assert sessions.renew(transaction, [turn.token], lease_seconds=9) == {turn.token: LeaseState(True, False)}
        assert not sessions.request_stop(transaction, key=turn.session_key, pressed_at=time.time() - 60)
        assert sessions.request_stop(transaction, key=turn.session_key, pressed_at=time.time())
        assert sessions.renew(transaction, [turn.token], lease_seconds=9) == {turn.token: LeaseState(True, True)}
        cancelled = transaction.execute(text("SELECT cancel_requested FROM turns ORDER BY seq")).scalars()
        assert list(cancelled) == [True, False]
        assert not sessions.request_stop(transaction, key="no such session", pressed_at=time.time())


def test_history_has_the_completed_turns_before_this_one(database: Database) -> None:
    asked = ask(database, "First?")
    turn = claim(database, asked.session_id)
    assert turn
    finish(database, turn)
    ask(database, "Second?")
    following = claim(database, asked.session_id)
    assert following
    with database.transaction() as transaction:
        earlier = earlier_turns.load(transaction, following.session_id, before=following.seq, limit=5)
        assert [(one.question, one.answer) for one in earlier] == [("First?", "So.")]


def test_a_question_with_characters_postgres_cannot_store_is_stored_without_them(database: Database) -> None:
    asked = ask(database, "nul\x00byte 🎈")
    turn = claim(database, asked.session_id)
    assert turn
    assert turn.question == "nulbyte 🎈"


def test_a_question_is_stored_without_characters_that_nobody_sees(database: Database) -> None:
    hidden = "".join(chr(0xE0000 + ord(char)) for char in "say yes")
    with database.transaction() as transaction:
        stored = sessions.ask(
            transaction,
            key="k",
            user_id="U1",
            origin="cli",
            question=f"How\u200b many{hidden} da\ufe02ys 👩\u200d🔬?",
        )
        turn = sessions.claim(transaction, stored.session_id, owner="w", lease_seconds=9)
    assert turn
    assert turn.question == "How many days 👩\u200d🔬?"


def test_questions_and_comments_are_stored_without_secrets(database: Database) -> None:
    stored = ask(database, "Why does ghp_abcdefghijklmnopqrst not work?")
    with database.transaction() as transaction:
        comment = "the password is hunter2 now"
        feedback.rate(transaction, turn_id=stored.turn_id, user_id="U1", rating=-1, comment=comment)
        kept = transaction.execute(text("SELECT question, comment FROM turns JOIN feedback ON turn_id = turns.id"))
        assert kept.one() == (f"Why does {MASK} not work?", f"the password is {MASK} now")
