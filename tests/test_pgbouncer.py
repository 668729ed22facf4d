"""Docent behind PgBouncer in transaction mode, where a connection is no session: timeouts, locks, answers."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from agent.settings import AgentSettings
from agent.store import locks
from agent.store.database import Database
from bot.doctor import stores
from bot.doctor.context import CheckContext
from bot.settings import BotSettings
from bot.simulator import ADA, HELP
from ingest.settings import IngestSettings
from tests import pgbouncer
from tests.system import QUESTION, System

N_THREADS = 12  # several times as many as there are connections


@pytest.fixture
def pooled_url(database: Database) -> Iterator[str]:
    with pgbouncer.pool(database.url) as url:
        yield url


@pytest.fixture
def pooled(pooled_url: str) -> Iterator[Database]:
    database = Database(pooled_url, pooling="transaction", statement_timeout_seconds=30)
    yield database
    database.close()


def test_many_threads_share_few_connections_with_the_options_of_each(pooled_url: str) -> None:
    slow = Database(pooled_url, pooling="transaction", statement_timeout_seconds=30, pool_size=N_THREADS)
    quick = Database(pooled_url, pooling="transaction", statement_timeout_seconds=7, pool_size=N_THREADS)
    ask = text("SELECT current_setting('statement_timeout'), current_setting('TimeZone'), :n + 1")

    def work(n: int) -> tuple[str, str, int]:
        database = slow if n % 2 else quick
        with database.transaction() as transaction:
            timeout, zone, following = transaction.execute(ask, {"n": n}).one()
        return timeout, zone, following

    with ThreadPoolExecutor(N_THREADS) as threads:
        found = list(threads.map(work, range(300)))
    assert found == [("30s" if n % 2 else "7s", "UTC", n + 1) for n in range(300)]
    slow.close()
    quick.close()


def test_a_statement_that_takes_too_long_is_ended(pooled_url: str) -> None:
    database = Database(pooled_url, pooling="transaction", statement_timeout_seconds=0.2)
    with pytest.raises(OperationalError, match="statement timeout"), database.transaction() as transaction:
        transaction.execute(text("SELECT pg_sleep(60)"))
    database.close()


def test_a_lock_is_one_holder_s_until_it_lets_go(pooled: Database, database: Database) -> None:
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with locks.acquire(pooled, "a"):
            held.set()
            let_go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    for each in (pooled, database):  # behind the pooler, and past it
        for _ in range(pgbouncer.N_CONNECTIONS * 2):  # whichever connection it gets
            with locks.try_acquire(each, "a") as is_ours:
                assert not is_ours
    let_go.set()
    thread.join()
    with locks.try_acquire(database, "a") as is_ours:
        assert is_ours
    with pytest.raises(ZeroDivisionError), locks.acquire(pooled, "a"):
        raise ZeroDivisionError
    with locks.try_acquire(pooled, "a") as is_ours:
        assert is_ours


def test_questions_are_answered_behind_it(world: System) -> None:
    with pgbouncer.pool(world.env["DATABASE_URL"]) as url:
        world.env |= {"DATABASE_URL": url, "DOCENT_DATABASE_POOLING": "transaction"}
        world.start("web", "worker", "clock")
        for _ in range(4):
            world.workspace.person(ADA).mention(HELP, QUESTION)
        turns = world.wait_for_turns(4)
    assert {turn.reason for turn in turns} == {"answered"}


def test_the_doctor_names_the_setting_that_is_missing(database: Database, redis_url: str) -> None:
    def examine(url: str, pooling: str) -> list[str]:
        kernel = AgentSettings.model_validate({"database_pooling": pooling})
        context = CheckContext(
            kernel=kernel, bot=BotSettings(), library=IngestSettings(), database_url=url, redis_url=redis_url
        )
        findings = [*stores.database(context), *stores.redis(context), *stores.connections(context)]
        if context.database:
            context.database.close()
        return [f"{finding.state}: {finding.text} {finding.advice}" for finding in findings]

    with pgbouncer.pool(database.url) as url:
        (refused, *_) = examine(url, "session")
        assert "problem" in refused
        assert "DOCENT_DATABASE_POOLING=transaction" in refused
        well, *_, last = examine(url, "transaction")
        assert well.startswith("ok")
        assert "shares its connections" in last
    with pgbouncer.pool(
        database.url, mode="session", settings="ignore_startup_parameters = options, statement_timeout"
    ) as url:
        _, warning, *_ = examine(url, "session")
        assert "without a time limit" in warning
