"""The checks of Postgres, Redis and workers: well, ill, gone, and never answering."""

import socket

import pytest
from redis import Redis
from sqlalchemy import text

from agent.store.database import Database
from bot.doctor import documents, machine, stores
from bot.doctor.context import CheckContext
from bot.processes import schema_version
from tests.system import System, free_port


def test_a_database_at_this_release_is_well(context: CheckContext, database: Database) -> None:
    (finding,) = stores.database(context)
    assert finding.state == "ok"
    assert f"at revision {schema_version.head()}" in finding.text
    assert abs(context.drifts["Postgres"]) < machine.DATE_HEADER_SECONDS


@pytest.mark.parametrize(
    ("revision", "said"),
    [("9999", "deploy the newer release"), ("0000", "run 'docent migrate'"), (None, "is empty")],
)
def test_a_database_at_another_revision_says_who_is_to_do_what(
    context: CheckContext, database: Database, revision: str | None, said: str
) -> None:
    with database.transaction() as transaction:
        transaction.execute(text("DELETE FROM alembic_version"))
        if revision:
            transaction.execute(text("INSERT INTO alembic_version VALUES (:r)"), {"r": revision})
    try:
        (finding,) = stores.database(context)
    finally:
        with database.transaction() as transaction:
            transaction.execute(text("DELETE FROM alembic_version"))
            transaction.execute(text("INSERT INTO alembic_version VALUES (:r)"), {"r": schema_version.head()})
    assert finding.state == "problem"
    assert said in finding.text
    assert [f.state for f in documents.documents(context)] == ["skipped"]


def test_what_keeps_postgres_from_answering_is_told_in_words(context: CheckContext, silent: int) -> None:
    real = context.database_url or ""
    for url, said in (
        (f"postgresql://ada:hunter2@127.0.0.1:{free_port()}/x", "is not listening"),
        (f"postgresql://ada:hunter2@127.0.0.1:{silent}/x", "does not answer in time"),
        (real.replace("docent_test_", "no_such_"), "has no such user or database"),
        (real.replace("docent:", "docent:wrong"), "rejects the user or the password"),
    ):
        context.database_url = url
        (finding,) = stores.database(context)
        assert finding.state == "problem"
        assert said in finding.text
        assert "hunter2" not in str(finding)


def test_redis_that_evicts_is_warned_of(context: CheckContext) -> None:
    with Redis.from_url(context.redis_url or "") as connection:
        before = connection.config_get("maxmemory-policy")["maxmemory-policy"]
        connection.config_set("maxmemory-policy", "allkeys-lru")
        try:
            ok, warning = stores.redis(context)
        finally:
            connection.config_set("maxmemory-policy", str(before))
    assert (ok.state, warning.state) == ("ok", "warning")
    assert "allkeys-lru" in warning.text
    assert "CONFIG SET maxmemory-policy noeviction" in warning.advice


def test_redis_that_keeps_everything_is_well(context: CheckContext) -> None:
    with Redis.from_url(context.redis_url or "") as connection:
        before = connection.config_get("maxmemory-policy")["maxmemory-policy"]
        connection.config_set("maxmemory-policy", "noeviction")
        try:
            findings = list(stores.redis(context))
        finally:
            connection.config_set("maxmemory-policy", str(before))
    assert [finding.state for finding in findings] == ["ok"]
    assert "MB used" in findings[0].text


def test_redis_that_forbids_info_and_config_is_not_called_ill(context: CheckContext) -> None:
    with Redis.from_url(context.redis_url or "") as connection:
        connection.acl_setuser("guest", enabled=True, passwords=["+hunter2"], categories=["+@all"], keys=["*"])
        connection.execute_command("ACL", "SETUSER", "guest", "-info", "-config")
        try:
            at = connection.connection_pool.connection_kwargs
            context.redis_url = f"redis://guest:hunter2@127.0.0.1:{at['port']}/0"
            findings = list(stores.redis(context))
        finally:
            connection.acl_deluser("guest")
    assert [finding.state for finding in findings] == ["ok", "warning"]
    assert "does not report its maxmemory-policy" in findings[1].text
    assert "hunter2" not in str(findings)


def test_what_keeps_redis_from_answering_is_told_in_words(context: CheckContext, silent: int) -> None:
    parts = (context.redis_url or "").rpartition("@")[2]
    for url, said in (
        (f"redis://127.0.0.1:{free_port()}/0", "is not listening"),
        (f"redis://127.0.0.1:{silent}/0", "does not answer in time"),
        (f"redis://:wrong@{parts}", "rejects the user or the password"),
    ):
        context.redis_url = url
        (finding,) = stores.redis(context)
        assert finding.state == "problem"
        assert said in finding.text
    assert [finding.state for finding in stores.workers(context)] == ["skipped"]


def test_running_workers_are_named_by_their_machine(world: System, context: CheckContext) -> None:
    world.start("worker")
    list(stores.redis(context))
    expected = f"1 running, on {socket.gethostname()} (here)"
    world.wait_for(lambda: [finding.text for finding in stores.workers(context)] == [expected])


@pytest.mark.parametrize(("per_worker", "n_findings"), [(20, 0), (1_000, 1)])
def test_fewer_connections_than_the_processes_may_open_are_a_warning(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch, per_worker: int, n_findings: int
) -> None:
    monkeypatch.setattr(stores, "WORKER_CONNECTIONS", per_worker)
    assert list(stores.connections(context)) == []  # nothing answers yet
    list(stores.database(context))
    list(stores.redis(context))
    findings = list(stores.connections(context))
    assert len(findings) == n_findings
    assert all(finding.state == "warning" and "PgBouncer" in finding.advice for finding in findings)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u@127.0.0.1/x", False),
        ("postgresql://u@localhost/x", False),
        ("postgresql://u@[::1]/x", False),
        ("postgresql:///x", False),
        ("postgres://u@db.internal:5432/x", True),
        ("postgresql://u@10.0.0.7/x", True),
    ],
)
def test_a_database_elsewhere_is_told_from_one_here(url: str, expected: bool) -> None:
    assert stores.is_remote(url) is expected
