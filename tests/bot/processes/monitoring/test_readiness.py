"""What /readyz says of each part. Outages and schemas: test_web.py and test_schema_version.py."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from sqlalchemy import text

from agent.clock import now
from agent.store.database import Database
from bot.processes.monitoring import readiness
from bot.processes.monitoring.readiness import FRESH_SECONDS, ReadinessCache, ReadyStatus
from ingest.index.mirror import machines
from ingest.index.mirror.machines import MachineCopy
from tests.conftest import ReadHandbook


@pytest.fixture
def connection(redis_url: str) -> Iterator[redis.Redis]:
    with redis.from_url(redis_url) as connection:
        yield connection


def test_an_index_without_documents_degrades_and_says_what_to_do(
    database: Database, connection: redis.Redis
) -> None:
    state = readiness.check(database, connection)
    assert state["status"] == ReadyStatus.DEGRADED
    assert "docent ingest" in state["index"]
    assert (state["postgres"], state["migrations"], state["redis"]) == ("ok", "ok", "ok")


def test_a_bucket_that_is_away_degrades_and_names_no_machine(
    database: Database, connection: redis.Redis, read_handbook: ReadHandbook, tmp_path: Path
) -> None:
    read_handbook.copy_to(tmp_path, database)
    assert readiness.check(database, connection)["status"] == ReadyStatus.READY
    copy = MachineCopy("attic.internal", 12, 34_000_000, now(), "The bucket cannot be reached.", True, now())
    machines.store(database, "s3://secret/index", copy)
    state = readiness.check(database, connection)
    assert state["status"] == ReadyStatus.DEGRADED
    assert state["index"] == "its bucket is away (1 machine); the copies there go on answering"
    machines.store(database, "s3://secret/index", replace(copy, problem="The disk is full.", is_away=False))
    state = readiness.check(database, connection)
    assert state["index"] == "1 machine cannot keep a copy of it; see 'docent doctor'"
    machines.store(database, "s3://secret/index", replace(copy, problem=None, is_away=False))
    assert readiness.check(database, connection)["status"] == ReadyStatus.READY


def test_questions_can_be_stored_without_redis(database: Database) -> None:
    state = readiness.check(database, redis.Redis(port=1))
    assert (state["status"], state["redis"]) == (ReadyStatus.DEGRADED, "away")


def test_without_postgres_nothing_can_be_stored(connection: redis.Redis) -> None:
    database = Database(f"postgresql://nobody@127.0.0.1:1/{uuid4().hex}")
    state = readiness.check(database, connection)
    database.close()
    assert (state["status"], state["postgres"]) == (ReadyStatus.UNAVAILABLE, "away")
    assert (state["redis"], state["index"]) == ("ok", "ok")


def test_nothing_can_be_stored_in_an_empty_schema(database: Database, connection: redis.Redis) -> None:
    with database.transaction() as transaction:
        revision = transaction.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        transaction.execute(text("DELETE FROM alembic_version"))
    try:
        state = readiness.check(database, connection)
    finally:
        with database.transaction() as transaction:
            transaction.execute(text("INSERT INTO alembic_version VALUES (:r)"), {"r": revision})
    assert state["status"] == ReadyStatus.UNAVAILABLE
    assert state["migrations"].startswith("at None, needs ")


def test_the_state_is_asked_for_once_in_a_moment_and_by_one_thread_at_a_time() -> None:
    now, answers = 0.0, iter(["first", "second", "third"])
    asking, may_answer = threading.Event(), threading.Event()
    may_answer.set()

    def ask() -> Any:
        asking.set()
        assert may_answer.wait(60)
        return next(answers)

    cache: Any = ReadinessCache(ask, clock=lambda: now)
    assert [cache.get(), cache.get()] == ["first", "first"]
    now = FRESH_SECONDS
    assert [cache.get(), cache.get()] == ["second", "second"]
    now = 2 * FRESH_SECONDS
    may_answer.clear()
    asking.clear()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(cache.get)
        assert asking.wait(60)
        assert cache.get() == "second"  # while somebody else waits for Postgres
        may_answer.set()
        assert waiting.result(60) == "third"
