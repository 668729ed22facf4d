"""What every web process tells of the whole deployment, from Postgres and Redis as they are."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import redis
from rq import Queue
from sqlalchemy import text

from agent.clock import new_id, now
from agent.store import sessions
from agent.store.budgets import Budgets
from agent.store.database import Database
from agent.store.tables import BudgetPeriod, BudgetScope
from bot.jobs import queue
from bot.processes.monitoring.deployment import FRESH_SECONDS, Deployment
from bot.settings import BotSettings
from bot.slack.installation import workspace_budgets
from ingest.index.mirror import machines
from ingest.index.mirror.machines import MachineCopy
from ingest.settings import IngestSettings
from tests.proxy import Proxy

DAY, MONTH = BudgetPeriod.DAY, BudgetPeriod.MONTH
LIMITS = {
    (BudgetScope.PERSON, DAY): Decimal(2),
    (BudgetScope.WORKSPACE, DAY): Decimal(25),
    (BudgetScope.WORKSPACE, MONTH): Decimal(250),
}
_SPEND = text("""
INSERT INTO budgets (id, scope, subject, period, starts_on, spent_usd, held_usd)
VALUES (:id, :scope, :subject, :period, :starts_on, :spent, :held)
""")
_SYNC = text("""
INSERT INTO syncs (id, source, options, origin, status, started_at, ended_at)
VALUES (:id, :source, '{}', 'clock', CAST(:status AS text), now() - make_interval(secs => :age),
        CASE WHEN CAST(:status AS text) NOT IN ('queued', 'reading') THEN now() - make_interval(secs => :age) END)
""")
Readings = dict[str, dict[tuple[str, ...], float]]


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def deployment(database: Database, redis_url: str, tmp_path: Path) -> Iterator[Deployment]:
    settings = BotSettings.model_validate({"REDIS_URL": redis_url})
    connection = queue.connect(settings)
    config = tmp_path / "docent.toml"
    config.write_text(
        '[sources.wiki]\nlocation = "a"\nevery = "15m"\n[sources.old]\nlocation = "b"\nevery = "never"\n'
    )
    yield Deployment(
        database,
        connection,
        [
            ("turns", queue.open_turn_queue(settings, connection)),
            ("syncs", queue.open_sync_queue(settings, connection)),
        ],
        Budgets(LIMITS),
        IngestSettings(config=config),
        clock=Clock(),
    )
    connection.close()


def read(deployment: Deployment) -> Readings:
    """Reads anew."""
    clock = deployment.clock
    assert isinstance(clock, Clock)
    clock.now += FRESH_SECONDS
    return {one.metric.name: {tuple(labels): n for labels, n in one.values} for one in deployment.read()}


def test_questions_are_counted_by_what_they_wait_for(deployment: Deployment, database: Database) -> None:
    nothing = read(deployment)
    states = [("waiting",), ("answering",), ("postponed",)]
    assert nothing["docent_questions_open"] == dict.fromkeys(states, 0)
    assert nothing["docent_oldest_waiting_seconds"] == {(): 0}
    with database.transaction() as transaction:
        for key in ("a", "b", "c", "d"):
            stored = sessions.ask(transaction, key=key, user_id="U1", origin="mention", question="?")
            if key in ("c", "d"):
                turn = sessions.claim(transaction, stored.session_id, owner="w", lease_seconds=60)
                assert turn
                if key == "d":
                    sessions.put_back(transaction, turn, delay_seconds=60)
        transaction.execute(text("UPDATE turns SET created_at = now() - interval '90 s' WHERE status = 'queued'"))
    told = read(deployment)
    assert told["docent_questions_open"] == dict(zip(states, (2, 1, 1), strict=True))
    assert 90 <= told["docent_oldest_waiting_seconds"][()] < 150
    with database.transaction() as transaction:  # its worker is dead
        transaction.execute(
            text("UPDATE turns SET lease_until = now() - interval '1 s' WHERE lease_token IS NOT NULL")
        )
    assert read(deployment)["docent_questions_open"] == dict(zip(states, (3, 0, 1), strict=True))


def test_budgets_tell_what_is_left_of_the_tightest_and_how_many_are_used_up(
    deployment: Deployment, database: Database
) -> None:
    untouched = read(deployment)
    assert untouched["docent_budget_left_usd"] == {("day",): 25, ("month",): 250}
    today = deployment.budgets.clock().date()
    rows: list[tuple[str, str, BudgetPeriod, str | int, int]] = [
        ("workspace", "T1:", DAY, 20, 1),
        ("workspace", "T2:", DAY, 1, 1),
        ("workspace", "T1:", MONTH, 300, 0),
        ("person", "T1:U1", DAY, "1.995", 0),
        ("person", "T1:U2", DAY, 1, 0),
        ("channel", "T1:C1", MONTH, 1000, 0),  # which has no limit
    ]
    with database.transaction() as transaction:
        for scope, subject, period, spent, held in rows:
            starts_on = today if period is DAY else today.replace(day=1)
            key = {"id": new_id(), "scope": scope, "subject": subject, "period": period, "starts_on": starts_on}
            transaction.execute(_SPEND, key | {"spent": Decimal(spent), "held": held})
        workspace_budgets.store(transaction, "T2", "workspace", "day", Decimal(3), changed_by="test")
    told = read(deployment)
    assert told["docent_budget_left_usd"] == {("day",): 1, ("month",): 0}  # of T2, of T1
    assert told["docent_budget_limit_usd"] == {("day",): 3, ("month",): 250}
    used_up = {key for key, n in told["docent_budgets_used_up"].items() if n}
    assert used_up == {("person", "day"), ("workspace", "month")}


def test_sources_tell_how_old_they_are_and_how_old_they_should_be(
    deployment: Deployment, database: Database
) -> None:
    syncs = [
        ("wiki", "completed", 7200),
        ("wiki", "failed", 60),
        ("wiki", "reading", 1),
        ("old", "failed", 90),
        ("old", "completed", 30),
        ("new", "queued", 1),
    ]
    with database.transaction() as transaction:
        for source, status, age in syncs:
            values = {"id": new_id(), "source": source, "status": status, "age": age}
            transaction.execute(_SYNC, values)
    told = read(deployment)
    assert {labels: round(n, -2) for labels, n in told["docent_sync_age_seconds"].items()} == {
        ("wiki",): 7200,
        ("old",): 0,
    }
    assert told["docent_sync_failed"] == {("wiki",): 1, ("old",): 0, ("new",): 0}
    assert told["docent_sync_interval_seconds"] == {("wiki",): 900}


def test_what_is_away_is_missing_and_the_rest_is_told(deployment: Deployment, database: Database) -> None:
    proxy = Proxy(database.url)
    deployment.database = Database(proxy.url)
    assert read(deployment)["docent_dependency_up"] == {("postgres",): 1, ("redis",): 1}
    proxy.go_away()
    told = read(deployment)
    assert told["docent_dependency_up"] == {("postgres",): 0, ("redis",): 1}
    assert "docent_workers" in told
    assert "docent_questions_open" not in told
    deployment.database.close()
    deployment.database = database
    deployment.connection.close()
    nowhere = redis.Redis(port=1, socket_connect_timeout=1)
    deployment.queues = [("turns", Queue("docent", connection=nowhere))]
    told = read(deployment)
    assert told["docent_dependency_up"] == {("postgres",): 1, ("redis",): 0}
    assert "docent_workers" not in told
    proxy.close()


def test_machines_tell_how_old_their_copy_of_the_index_is_and_what_keeps_it_old(
    deployment: Deployment, database: Database
) -> None:
    assert read(deployment)["docent_index_copy_age_seconds"] == {}
    copied_at = now() - timedelta(seconds=90)
    for host, at, problem in (
        ("one", copied_at, None),
        ("two", copied_at, "The disk is full."),
        ("new", None, None),
    ):
        copy = MachineCopy(host, 7, 1000, at, problem, False, now())
        machines.store(database, "s3://bucket/index", copy)
    gone = MachineCopy("gone", 6, 1000, copied_at, "stopped", False, now() - timedelta(hours=1))
    machines.store(database, "s3://bucket/index", gone)
    told = read(deployment)
    assert told["docent_index_copy_behind"] == {("one",): 0, ("two",): 1, ("new",): 0}
    ages = told["docent_index_copy_age_seconds"]
    assert set(ages) == {("one",), ("two",)}
    assert 90 <= ages["one",] < 150


def test_answers_are_kept_for_some_seconds(deployment: Deployment, database: Database) -> None:
    before = read(deployment)
    with database.transaction() as transaction:
        sessions.ask(transaction, key="a", user_id="U1", origin="mention", question="?")
    assert {one.metric.name for one in deployment.read()} == set(before)
    kept = {one.metric.name: dict(one.values) for one in deployment.read()}
    assert kept["docent_questions_open"][("waiting",)] == 0
    assert read(deployment)["docent_questions_open"][("waiting",)] == 1


def test_a_docent_toml_that_cannot_be_read_costs_the_intervals_alone(deployment: Deployment) -> None:
    deployment.library.config.write_text("sources = nonsense")
    told = read(deployment)
    assert told["docent_sync_interval_seconds"] == {}
    assert told["docent_dependency_up"][("postgres",)] == 1
