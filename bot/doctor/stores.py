"""Checks Postgres, Redis, and the workers registered in Redis."""

import ipaddress
import socket
import time
from collections.abc import Iterator
from typing import Any

from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Worker
from rq.serializers import JSONSerializer
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from agent.errors import SettingsError
from agent.store.database import Database, normalise_url
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, FindingState
from bot.jobs import queue
from bot.outages import postgres
from bot.outages import redis as redis_outages
from bot.processes import schema_version

TIMEOUT_SECONDS = 2  # for connecting, and for each answer
POLICY = "noeviction"
FULL = 0.8  # of Redis' memory
PROCESS_CONNECTIONS = 20  # a pool of 10 and as many over it, when busy
WORKER_CONNECTIONS = PROCESS_CONNECTIONS + 2  # that of the leases
POOLED = "a pooler shares its connections among transactions (DOCENT_DATABASE_POOLING=transaction)"
LOST_OPTIONS = "A pooler before Postgres drops the options that Docent sets: statements run without a time limit."
KEEP_OPTIONS = "Set DOCENT_DATABASE_POOLING=transaction, which sets them in each transaction."
_SERVER = text(
    "SELECT current_setting('server_version'), extract(epoch FROM clock_timestamp()), "
    "current_setting('statement_timeout')"
)
_ALLOWED = text(
    "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
)


def database(context: CheckContext) -> Iterator[Finding]:
    """Checks that Postgres answers and has a revision that this release can use."""
    if not context.database_url:
        yield Finding("database", FindingState.SKIPPED, "no database yet")
        return
    try:
        url = normalise_url(context.database_url)
    except SettingsError:
        yield Finding("database", FindingState.SKIPPED, "DATABASE_URL is not valid")
        return
    connection = Database(
        url,
        pool_size=1,
        connect_timeout_seconds=TIMEOUT_SECONDS,
        statement_timeout_seconds=TIMEOUT_SECONDS,
        pooling=context.kernel.database_pooling,
    )
    try:
        with connection.transaction() as transaction:
            before = time.time()
            version, there, timeout = transaction.execute(_SERVER).one()
            context.drifts["Postgres"] = (before + time.time()) / 2 - float(there)
        revision = schema_version.read_revision(connection)
    except SQLAlchemyError as error:
        connection.close()
        outage = postgres.explain(error, url)
        yield Finding("database", FindingState.PROBLEM, outage.text, outage.advice)
        return
    at = f"PostgreSQL {str(version).split()[0]} at {postgres.place(url)}"
    if why := schema_version.describe_problem(revision):
        connection.close()
        yield Finding("database", FindingState.PROBLEM, f"{at}. {why}")
        return
    context.database = connection
    yield Finding("database", FindingState.OK, f"{at}, at revision {revision}")
    if timeout != f"{TIMEOUT_SECONDS}s":
        yield Finding("database", FindingState.WARNING, LOST_OPTIONS, KEEP_OPTIONS)


def redis(context: CheckContext) -> Iterator[Finding]:
    """Checks that Redis answers, never evicts, and has memory left."""
    if not context.redis_url:
        yield Finding("redis", FindingState.SKIPPED, "no Redis yet")
        return
    try:
        connection = Redis.from_url(
            context.redis_url,
            socket_connect_timeout=TIMEOUT_SECONDS,
            socket_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        connection.ping()
    except (exceptions.RedisError, OSError, ValueError) as error:
        outage = redis_outages.explain(error, context.redis_url)
        until = "Until it is back, questions are stored, and answered late when the clock wakes a worker."
        yield Finding("redis", FindingState.PROBLEM, outage.text, f"{outage.advice} {until}")
        return
    context.redis = connection
    facts = _info(connection)
    version = facts.get("valkey_version") or facts.get("redis_version") or "(unknown version)"
    kind = "Valkey" if facts.get("valkey_version") else "Redis"
    used, most = facts.get("used_memory"), facts.get("maxmemory")
    memory = f"{used / 1e6:.0f} MB used" if isinstance(used, int) else "memory unknown (INFO is not allowed)"
    memory += f" of {most / 1e6:.0f}" if most else ""
    yield Finding(
        "redis", FindingState.OK, f"{kind} {version} at {redis_outages.place(context.redis_url)}; {memory}"
    )
    yield from _policy(facts)
    if used and most and used > most * FULL:
        yield Finding(
            "redis",
            FindingState.WARNING,
            "Redis' memory is nearly full.",
            "Give it more, or see what else it stores.",
        )


def workers(context: CheckContext) -> Iterator[Finding]:
    """Lists the worker processes that are registered in Redis."""
    if not context.redis:
        yield Finding("workers", FindingState.SKIPPED, "no Redis")
        return
    jobs = queue.open_turn_queue(context.bot, context.redis)
    running = Worker.all(queue=jobs, serializer=JSONSerializer)
    context.worker_hosts = sorted({worker.hostname for worker in running if worker.hostname})
    if running:
        on = ", ".join(host + (" (here)" if host == socket.gethostname() else "") for host in context.worker_hosts)
        yield Finding("workers", FindingState.OK, f"{len(running)} running, on {on or 'unknown machines'}")
    else:
        yield Finding("workers", FindingState.OK, "none is running (start one: docent worker)")


def connections(context: CheckContext) -> Iterator[Finding]:
    """Compares what the running workers, a web process and a clock may open with what Postgres allows.

    A pooler that gives each transaction a connection opens those that it was told to.
    """
    if context.kernel.database_pooling == "transaction":
        yield Finding("database", FindingState.OK, POOLED)
        return
    if not (context.database and context.redis):
        return
    jobs = queue.open_turn_queue(context.bot, context.redis)
    n_workers = max(1, len(Worker.all(queue=jobs, serializer=JSONSerializer)))
    n_needed = n_workers * WORKER_CONNECTIONS + 2 * PROCESS_CONNECTIONS
    with context.database.transaction() as transaction:
        n_allowed = int(transaction.execute(_ALLOWED).scalar_one())
    if n_needed > n_allowed:
        yield Finding(
            "database",
            FindingState.WARNING,
            f"Postgres allows {n_allowed} connections; worker processes ({n_workers}), a web process and a clock "
            f"may open {n_needed} when they are busy.",
            "Raise max_connections, start fewer processes (docent worker --processes N), or put PgBouncer between "
            "with pool_mode = transaction, and set DOCENT_DATABASE_POOLING=transaction.",
        )


def is_remote(database_url: str) -> bool:
    """Returns whether the database is on another machine, so that several machines may share it."""
    host = make_url(normalise_url(database_url)).host
    if not host or host.startswith("/") or host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def _policy(facts: dict[str, Any]) -> Iterator[Finding]:
    policy = facts.get("maxmemory_policy")
    if policy is None:
        yield Finding(
            "redis",
            FindingState.WARNING,
            "Redis does not report its maxmemory-policy.",
            f"Make sure that it is {POLICY} (in the provider's console).",
        )
    elif policy != POLICY:
        yield Finding(
            "redis",
            FindingState.WARNING,
            f"Redis' maxmemory-policy is {policy}: when memory is short it drops wake-ups, and answers come late.",
            f"Run 'redis-cli CONFIG SET maxmemory-policy {POLICY}', write it into redis.conf too, or set it in "
            "the provider's console.",
        )


def _info(connection: Redis) -> dict[str, Any]:
    """Returns Redis' INFO; where a host forbids it, what CONFIG says, or nothing."""
    try:
        return dict(connection.info())
    except exceptions.RedisError:
        pass
    try:
        return {"maxmemory_policy": connection.config_get("maxmemory-policy").get("maxmemory-policy")}
    except exceptions.RedisError:
        return {}
