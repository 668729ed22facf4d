"""``docent check``: each thing is broken by hand, found, and mended."""

from decimal import Decimal
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from rq import Queue
from sqlalchemy import select, text

from agent.clock import new_id
from agent.store import locks
from agent.store.database import Database
from bot.jobs import queue
from bot.jobs.queue import SyncJob
from bot.record.safekeeping.backup.making import PlaceSettings
from bot.record.safekeeping.check import documents, everything, money, questions
from bot.record.safekeeping.check.finding import CheckedPart
from bot.settings import BotSettings
from ingest.index import lock_names
from ingest.index.active_index import ActiveIndex
from ingest.library import Library
from ingest.tables import DocumentRow
from tests.command import Docent
from tests.library import sync_folder
from tests.recorded import Recorded, answered
from tests.system import HANDBOOK, ForkServer

UTC = ZoneInfo("UTC")


def execute(database: Database, statement: str, **values: object) -> list[object]:
    with database.transaction() as transaction:
        result = transaction.execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else []  # type: ignore[attr-defined]


@pytest.fixture
def turn_queue(configured: PlaceSettings) -> Queue:
    return queue.open_turn_queue(configured.bot, queue.connect(configured.bot))


@pytest.fixture
def sync_queue(configured: PlaceSettings) -> Queue:
    return queue.open_sync_queue(configured.bot, queue.connect(configured.bot))


@pytest.fixture
def library(database: Database, configured: PlaceSettings, tmp_path: Path) -> Library:
    folder = tmp_path / "manual"
    folder.mkdir()
    for name, content in HANDBOOK.items():
        (folder / name).write_text(content)
    library = Library(database, configured.ingest)
    sync_folder(library, folder)
    return library


def faults(part: CheckedPart) -> list[tuple[int, bool]]:
    return [(fault.n, fault.is_repaired) for fault in part.faults]


# Questions


def test_a_question_that_a_dead_worker_holds_is_set_free(database: Database, turn_queue: Queue) -> None:
    turn = Recorded.begin(database)
    assert faults(questions.check_questions(database, turn_queue, repairs=False)) == []
    execute(database, "UPDATE turns SET lease_until = now() - interval '10 minutes'")
    assert faults(questions.check_questions(database, turn_queue, repairs=False)) == [(1, False)]
    part = questions.check_questions(database, turn_queue, repairs=True)
    assert (part.looked_at, faults(part), part.is_well) == ("1 open question", [(1, True)], True)
    assert queue.list_waiting(turn_queue) == {str(turn.turn.session_id)}
    assert execute(database, "SELECT lease_token, lease_until FROM turns") == [(None, None)]
    assert faults(questions.check_questions(database, turn_queue, repairs=False)) == []


def test_a_question_that_no_worker_was_told_of_wakes_one(database: Database, turn_queue: Queue) -> None:
    turn = Recorded.begin(database)
    execute(database, "UPDATE turns SET status = 'queued', lease_until = NULL, lease_token = NULL, "
            "run_after = now() - interval '1 hour', wake_after = now() - interval '1 hour'")  # fmt: skip
    assert faults(questions.check_questions(database, turn_queue, repairs=False)) == [(1, False)]
    questions.check_questions(database, turn_queue, repairs=True)
    assert queue.list_waiting(turn_queue) == {str(turn.turn.session_id)}
    assert faults(questions.check_questions(database, turn_queue, repairs=False)) == []


def test_a_question_whose_wake_up_waits_for_a_busy_worker_is_well(database: Database, turn_queue: Queue) -> None:
    turn = Recorded.begin(database)
    execute(database, "UPDATE turns SET status = 'queued', lease_until = NULL, lease_token = NULL, "
            "run_after = now() - interval '1 hour', wake_after = now() - interval '1 hour'")  # fmt: skip
    queue.wake(turn_queue, [turn.turn.session_id])
    assert faults(questions.check_questions(database, turn_queue, repairs=False)) == []


def test_wake_ups_of_nothing_are_deleted_and_others_stay(
    database: Database, turn_queue: Queue, sync_queue: Queue
) -> None:
    turn = answered(database)
    known_sync, unknown = new_id(), new_id()
    execute(database, "INSERT INTO syncs (id, source, options, origin, status) "
            "VALUES (:id, 'wiki', '{}', 'clock', 'queued')", id=known_sync)  # fmt: skip
    queue.wake(turn_queue, [turn.turn.session_id, unknown])
    for sync_id in (known_sync, unknown, queue.VERIFIED_ID):
        queue.enqueue_sync(sync_queue, SyncJob.BEGIN, sync_id)
    assert faults(questions.check_wake_ups(database, turn_queue, sync_queue, repairs=False)) == [(2, False)]
    questions.check_wake_ups(database, turn_queue, sync_queue, repairs=True)
    part = questions.check_wake_ups(database, turn_queue, sync_queue, repairs=False)
    assert (part.looked_at, faults(part)) == ("3 wake-ups", [])
    assert queue.list_waiting(turn_queue) == {str(turn.turn.session_id)}
    assert queue.list_waiting(sync_queue) == {str(known_sync), str(queue.VERIFIED_ID)}


# Syncs


@pytest.mark.parametrize("origin", ["command", "clock"])
def test_a_sync_that_nobody_works_on_is_ended(library: Library, database: Database, origin: str) -> None:
    execute(database, "INSERT INTO syncs (id, source, options, origin, status) "
            "VALUES (gen_random_uuid(), 'wiki', '{}', :origin, 'reading')", origin=origin)  # fmt: skip
    active = library.active_index
    assert faults(questions.check_syncs(active, lease_seconds=60, repairs=False)) == []
    execute(database, "UPDATE syncs SET touched_at = now() - interval '1 hour' WHERE source = 'wiki'")
    assert faults(questions.check_syncs(active, lease_seconds=60, repairs=False)) == [(1, False)]
    questions.check_syncs(active, lease_seconds=60, repairs=True)
    assert execute(database, "SELECT status FROM syncs WHERE source = 'wiki'") == [("interrupted",)]


def test_a_sync_whose_command_still_runs_is_left_alone(library: Library, database: Database) -> None:
    execute(
        database,
        "INSERT INTO syncs (id, source, options, origin, status, touched_at) "
        "VALUES (gen_random_uuid(), 'wiki', '{}', 'command', 'listing', now() - interval '1 hour')",
    )
    with locks.acquire(database, lock_names.source("wiki")):
        assert faults(questions.check_syncs(library.active_index, lease_seconds=60, repairs=True)) == []


# Money


def spend(database: Database, cost_usd: str = "0.50") -> Recorded:
    """A turn whose model call is recorded with a cost, and counted by no budget."""
    turn = answered(database)
    execute(database, "UPDATE model_calls SET cost_usd = :usd", usd=Decimal(cost_usd))
    return turn


def test_money_that_no_budget_has_counted_is_counted(database: Database) -> None:
    spend(database)
    part = money.check_budgets(database, UTC, repairs=False)
    assert faults(part) == [(5, False)]  # of a person, a channel and the workspace, by day and month
    assert "$0.00 of $0.50" in part.faults[0].text
    money.check_budgets(database, UTC, repairs=True)
    assert faults(money.check_budgets(database, UTC, repairs=False)) == []
    assert execute(database, "SELECT DISTINCT spent_usd::float FROM budgets") == [(0.5,)]
    execute(database, "UPDATE budgets SET spent_usd = 0.1 WHERE scope = 'workspace' AND period = 'month'")
    assert faults(money.check_budgets(database, UTC, repairs=False)) == [(1, False)]


def test_money_of_questions_that_were_deleted_stays_counted(database: Database) -> None:
    spend(database)
    money.check_budgets(database, UTC, repairs=True)
    execute(database, "DELETE FROM turns")
    assert faults(money.check_budgets(database, UTC, repairs=True)) == []
    assert execute(database, "SELECT DISTINCT spent_usd::float FROM budgets") == [(0.5,)]


def test_money_of_last_month_and_of_other_days_is_not_asked_of_today(database: Database) -> None:
    spend(database).age(40)
    assert faults(money.check_budgets(database, UTC, repairs=False)) == []


def test_held_money_is_what_open_calls_hold(database: Database) -> None:
    turn, budget = Recorded.begin(database), new_id()
    execute(database, "INSERT INTO budgets (id, scope, subject, period, starts_on, held_usd) "
            "VALUES (:id, 'workspace', 'T1', 'day', current_date, 0.7)", id=budget)  # fmt: skip
    execute(database, "INSERT INTO budget_holds (id, turn_id, lease_token, purpose, usd, budget_ids) "
            "VALUES (gen_random_uuid(), :turn, :token, 'call', 0.2, ARRAY[CAST(:id AS uuid)])",
            turn=turn.id, token=turn.turn.token, id=budget)  # fmt: skip
    assert faults(money.check_budgets(database, UTC, repairs=False)) == [(1, False)]
    money.check_budgets(database, UTC, repairs=True)
    assert execute(database, "SELECT held_usd::float FROM budgets") == [(0.2,)]
    assert faults(money.check_budgets(database, UTC, repairs=False)) == []


# Verified answers


def verify(database: Database) -> UUID:
    id_ = new_id()
    execute(
        database,
        "INSERT INTO verified_answers (id, question, answer, author, place, readers, status) VALUES "
        "(:id, 'Who waters the plants?', 'Grace does.', 'U1', '{\"team\": \"T1\"}', '[\"everyone\"]', 'active')",
        id=id_,
    )
    return id_


def test_a_verified_answer_that_the_index_lacks_is_indexed(library: Library, database: Database) -> None:
    active, id_ = library.active_index, verify(database)
    assert faults(documents.check_verified(active, chunk_tokens=220, repairs=False)) == [(1, False)]
    documents.check_verified(active, chunk_tokens=220, repairs=True)
    assert faults(documents.check_verified(active, chunk_tokens=220, repairs=False)) == []
    active.current().index.remove([id_.hex])  # the row says that it is there
    assert faults(documents.check_documents(active, repairs=True)) == [(1, True)]
    documents.check_verified(active, chunk_tokens=220, repairs=True)
    assert faults(documents.check_documents(active, repairs=False)) == []


def test_a_verified_answer_that_was_withdrawn_is_taken_out(library: Library, database: Database) -> None:
    active, id_ = library.active_index, verify(database)
    documents.check_verified(active, chunk_tokens=220, repairs=True)
    execute(database, "UPDATE verified_answers SET status = 'withdrawn' WHERE id = :id", id=id_)
    assert faults(documents.check_verified(active, chunk_tokens=220, repairs=False)) == [(1, False)]
    documents.check_verified(active, chunk_tokens=220, repairs=True)
    assert execute(database, "SELECT count(*) FROM documents WHERE id = :id", id=id_) == [(0,)]


# All of it


def test_everything_is_well_after_questions_were_answered(library: Library, configured: PlaceSettings) -> None:
    parts = everything.check(library.database, configured)
    assert [part.name for part in parts if not part.is_well] == []
    assert [part.looked_at for part in parts][1] == "4 documents"


def test_an_outage_of_redis_holds_up_no_other_part(library: Library, configured: PlaceSettings) -> None:
    away = PlaceSettings(BotSettings.model_validate({"REDIS_URL": "redis://127.0.0.1:9"}), configured.ingest)
    parts = {part.name: part for part in everything.check(library.database, away)}
    assert parts[questions.WAKE_UPS].looked_at == "not looked at"
    assert not parts[questions.WAKE_UPS].is_well
    assert parts[documents.DOCUMENTS].is_well


def test_the_command_says_what_is_wrong_mends_it_and_exits_by_it(
    zygote: ForkServer, library: Library, redis_url: str, configured: PlaceSettings, tmp_path: Path
) -> None:
    index = configured.ingest.index_address
    env = {"DATABASE_URL": library.database.url, "REDIS_URL": redis_url, "DOCENT_INDEX_URI": index}
    docent = Docent(zygote, tmp_path, env)
    assert docent("check").code == 0
    with library.database.transaction() as transaction:
        id_ = transaction.scalars(select(DocumentRow.id).where(DocumentRow.uri == "leave.md")).one()
    ActiveIndex(library.database, configured.ingest).current().index.remove([id_.hex])
    found = docent("check")
    assert found.code == 1
    assert "1 document without passages in the index: manual: leave.md" in found.out
    assert "--repair: the next sync reads it again" in found.out
    mended = docent("check", "--repair")
    assert mended.code == 0
    assert "repaired: the next sync reads it again" in mended.out
    after = docent("check", "--json")
    assert after.code == 0
    assert after.json["is_well"]
    assert "1 document waits to be read in by the next sync" in str(after.json)
