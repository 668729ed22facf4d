"""What is too old is deleted, and nothing else, whatever happens meanwhile."""

import threading
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text

from agent.clock import new_id, now
from agent.store import locks, retention, sessions, trace
from agent.store.database import Database, Transaction
from agent.store.retention import Pruned
from agent.types import Purpose
from tests.recorded import SYSTEM, Recorded, answered, searched_again

DAYS = 30
RECORD = ("turns", "sessions", "messages", "model_calls", "tool_calls", "sources", "feedback", "blobs")


def nobody(transaction: Transaction, turn_ids: Sequence[UUID]) -> None:
    """Nobody else knows of these turns."""


def before() -> datetime:
    return now() - timedelta(days=DAYS)


def prune(database: Database, *, batch_turns: int = 100) -> Pruned | None:
    at = before()
    return retention.prune(database, before=at, day=at.date(), forget=nobody, batch_turns=batch_turns)


def n_rows(database: Database, table: str) -> int:
    with database.transaction() as transaction:
        return int(transaction.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def turns(database: Database) -> set[UUID]:
    with database.transaction() as transaction:
        return set(transaction.scalars(text("SELECT id FROM turns")))


def dangling(database: Database) -> int:
    """Hashes in the requests of remaining calls that lead nowhere."""
    with database.transaction() as transaction:
        return int(
            transaction.execute(
                text("""
                SELECT count(*) FROM model_calls JOIN blobs ON hash = request_hash,
                       jsonb_array_elements_text(body -> 'messages' || jsonb_build_array(body -> 'tools')) AS part
                WHERE NOT EXISTS (SELECT 1 FROM blobs AS named WHERE named.hash = part)""")
            ).scalar_one()
        )


def test_an_old_turn_goes_with_everything_recorded_of_it(database: Database) -> None:
    searched_again(database).rate(1, "Thanks").age(DAYS + 1)
    assert prune(database) == Pruned(n_turns=1, n_sessions=1, n_bodies=9)
    for table in RECORD:
        assert n_rows(database, table) == 0, table
    assert prune(database) == Pruned()


def test_a_newer_turn_of_the_same_session_stays_with_its_number(database: Database) -> None:
    answered(database, "First?").age(DAYS + 1)
    newer = answered(database, "Second?").age(DAYS - 1)
    assert prune(database) == Pruned(n_turns=1, n_bodies=2)  # the question with its evidence, and the request
    assert turns(database) == {newer.id}
    with database.transaction() as transaction:
        asked = sessions.ask(transaction, key="slack:T1:C1:1.1", user_id="U", origin="mention", question="Third?")
        seq = transaction.execute(text("SELECT seq FROM turns WHERE id = :id"), {"id": asked.turn_id})
        assert seq.scalar_one() == 3


def test_what_newer_turns_share_with_old_ones_stays(database: Database) -> None:
    answered(database, key="old").age(DAYS + 1)
    answered(database, key="new")  # the same question: the same instructions, evidence, request and response
    n_blobs = n_rows(database, "blobs")
    assert prune(database) == Pruned(n_turns=1, n_sessions=1)
    assert n_rows(database, "blobs") == n_blobs
    assert dangling(database) == 0


def test_open_turns_stay_however_old(database: Database) -> None:
    running = Recorded.begin(database, key="running")
    running.ask([SYSTEM, running.open()], None)
    running.age(DAYS + 1)
    waiting = Recorded.begin(database, key="waiting").age(DAYS + 1)
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET status = 'waiting' WHERE id = :id"), {"id": waiting.id})
        asked = sessions.ask(transaction, key="queued", user_id="U", origin="mention", question="?")
        older = {"at": now() - timedelta(days=DAYS + 1), "id": asked.turn_id}
        transaction.execute(text("UPDATE turns SET created_at = :at WHERE id = :id"), older)
    assert prune(database) == Pruned()
    assert turns(database) == {running.id, waiting.id, asked.turn_id}


def test_a_turn_that_corrects_an_old_one_stays_and_forgets_it(database: Database) -> None:
    old = answered(database, "Frist?").age(DAYS + 1)
    newer = answered(database, "First?")
    with database.transaction() as transaction:
        pair = {"old": old.id, "id": newer.id}
        transaction.execute(text("UPDATE turns SET supersedes = :old WHERE id = :id"), pair)
    prune(database)
    with database.transaction() as transaction:
        assert transaction.execute(text("SELECT id, supersedes FROM turns")).all() == [(newer.id, None)]


def test_counting_changes_nothing(database: Database) -> None:
    answered(database, "First?").age(DAYS + 1)
    answered(database, "Second?")
    answered(database, key="alone").age(DAYS + 1)
    before_ = [n_rows(database, table) for table in ("turns", "sessions", "blobs")]
    assert retention.count_prunable(database, before=before()) == Pruned(n_turns=2, n_sessions=1)
    assert [n_rows(database, table) for table in ("turns", "sessions", "blobs")] == before_


def test_a_run_killed_between_and_inside_batches_is_finished_by_the_next(database: Database) -> None:
    for i in range(5):
        answered(database, f"Question {i}?", key=str(i)).age(DAYS + 1)

    def killed(transaction: Transaction, turn_ids: Sequence[UUID]) -> None:
        raise KeyboardInterrupt

    assert prune(database, batch_turns=2) == Pruned(n_turns=2, n_sessions=2, n_bodies=4)
    with pytest.raises(KeyboardInterrupt):
        retention.prune(database, before=before(), day=date.min, forget=killed, batch_turns=2)
    assert n_rows(database, "turns") == 3
    assert dangling(database) == 0
    while prune(database, batch_turns=2):
        pass
    assert [n_rows(database, table) for table in ("turns", "sessions", "model_calls", "blobs")] == [0, 0, 0, 0]


def test_one_prunes_at_a_time(database: Database) -> None:
    answered(database).age(DAYS + 1)
    with database.transaction() as transaction:
        locks.lock(transaction, locks.PRUNE)
        assert prune(database) is None
    assert prune(database) == Pruned(n_turns=1, n_sessions=1, n_bodies=5)


def test_a_body_that_a_step_is_about_to_refer_to_stays(database: Database) -> None:
    """The step found it stored already, and commits its reference after the old turn's bodies were looked at."""
    answered(database, key="old").age(DAYS + 1)
    new = Recorded.begin(database, key="new")
    messages = [SYSTEM, new.open()]
    is_written, may_commit = threading.Event(), threading.Event()

    def step() -> None:
        with database.transaction() as transaction:
            trace.open_model_call(
                transaction,
                new.turn,
                call_id=new_id(),
                position=1,
                purpose=Purpose.CLOSING,
                model="openai/scripted",
                request={"messages": [*messages, {"role": "user", "content": "Stop here."}], "tools": []},
                params={},
                reserved_usd=Decimal(0),
            )
            is_written.set()
            assert may_commit.wait(120)

    thread = threading.Thread(target=step)
    thread.start()
    assert is_written.wait(120)
    threading.Timer(0.3, may_commit.set).start()
    assert prune(database)
    thread.join()
    assert turns(database) == {new.id}
    assert dangling(database) == 0


def test_a_question_that_comes_while_its_session_is_deleted_is_kept(database: Database) -> None:
    answered(database).age(DAYS + 1)
    is_asked, may_commit = threading.Event(), threading.Event()

    def ask() -> None:
        with database.transaction() as transaction:
            sessions.ask(transaction, key="slack:T1:C1:1.1", user_id="U", origin="mention", question="And then?")
            is_asked.set()
            assert may_commit.wait(120)

    thread = threading.Thread(target=ask)
    thread.start()
    assert is_asked.wait(120)
    threading.Timer(0.2, may_commit.set).start()
    assert prune(database) == Pruned(n_turns=1, n_bodies=5)
    thread.join()
    with database.transaction() as transaction:
        assert list(transaction.scalars(text("SELECT question FROM turns"))) == ["And then?"]


def test_a_budget_goes_when_its_day_or_month_is_over_as_long(database: Database) -> None:
    day = date(2026, 5, 10)
    rows = [
        ("day", date(2026, 5, 8), 0, False),
        ("day", date(2026, 5, 9), 0, False),
        ("day", date(2026, 5, 10), 0, True),
        ("day", date(2026, 5, 1), 1, True),  # something in flight is held of it
        ("month", date(2026, 5, 1), 0, True),
        ("month", date(2026, 4, 1), 0, False),
    ]
    with database.transaction() as transaction:
        for period, starts_on, held, _ in rows:
            values = {"id": new_id(), "period": period, "starts_on": starts_on, "held": held}
            transaction.execute(
                text("""INSERT INTO budgets (id, scope, subject, period, starts_on, held_usd)
                VALUES (:id, 'workspace', 'T1', :period, :starts_on, :held)"""),
                values,
            )
    pruned = retention.prune(database, before=before(), day=day, forget=nobody)
    assert pruned == Pruned(n_budgets=3)
    with database.transaction() as transaction:
        left = transaction.execute(text("SELECT period, starts_on FROM budgets")).all()
    assert {tuple(row) for row in left} == {(row[0], row[1]) for row in rows if row[3]}
