"""Postgres, Redis, and the workers that told Redis of themselves."""

import ipaddress
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

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
from bot.doctor.finding import Finding
from bot.jobs import queue
from bot.processes import schema_version

TIMEOUT_SECONDS = 2  # for connecting, and for each answer
POLICY = "noeviction"
FULL = 0.8  # of Redis' memory
FAILURES = (  # what libpq and redis-py say, and what it means
    (("password authentication", "WRONGPASS", "invalid username-password"), "refuses the user or the password"),
    (("NOAUTH", "no password supplied", "Authentication required"), "wants a password"),
    (("does not exist",), "has no such user or database"),
    (("refused",), "is not listening at this address"),
    (("resolve", "Name or service", "nodename", "not known"), "has a host name that nobody knows"),
    (("SSL", "certificate", "TLS"), "does not agree on encryption (TLS)"),
    (("too many", "remaining connection slots", "max number of clients"), "has no connection left"),
    (("expired", "timed out", "Timeout"), "gives no answer"),
)
UNKNOWN_FAILURE = "does not answer"


def database(who: CheckContext) -> Iterator[Finding]:
    """Reachable, and at which revision."""
    if not who.database_url:
        yield Finding("database", "skipped", "no database yet")
        return
    try:
        url = normalise_url(who.database_url)
    except SettingsError:
        yield Finding("database", "skipped", "DATABASE_URL cannot be read")
        return
    place = _place(make_url(url))
    connection = Database(
        url, pool_size=1, connect_timeout_seconds=TIMEOUT_SECONDS, statement_timeout_seconds=TIMEOUT_SECONDS
    )
    try:
        with connection.transaction() as transaction:
            before = time.time()
            query = text("SELECT current_setting('server_version'), extract(epoch FROM clock_timestamp())")
            version, there = transaction.execute(query).one()
            who.drifts["Postgres"] = (before + time.time()) / 2 - float(there)
        found = schema_version.revision(connection)
    except SQLAlchemyError as error:
        connection.close()
        advice = f"Check DATABASE_URL ({place}), that the server runs, and that this machine may reach it."
        yield Finding("database", "problem", f"PostgreSQL {_why(error)}.", advice)
        return
    at = f"PostgreSQL {str(version).split()[0]} at {place}"
    if why := schema_version.problem(found):
        connection.close()
        yield Finding("database", "problem", f"{at}. {why}")
        return
    who.database = connection
    yield Finding("database", "ok", f"{at}, at revision {found}")


def redis(who: CheckContext) -> Iterator[Finding]:
    """Reachable, keeps what it is given, has room."""
    if not who.redis_url:
        yield Finding("redis", "skipped", "no Redis yet")
        return
    parts = urlsplit(who.redis_url)
    place = f"{parts.hostname}:{parts.port or 6379}" if parts.scheme != "unix" else parts.path
    try:
        connection = Redis.from_url(
            who.redis_url,
            socket_connect_timeout=TIMEOUT_SECONDS,
            socket_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        connection.ping()
    except (exceptions.RedisError, OSError, ValueError) as error:
        advice = (
            f"Check REDIS_URL ({place}). Until it is back, questions are stored and answered late, by the clock."
        )
        yield Finding("redis", "problem", f"Redis {_why(error)}.", advice)
        return
    who.redis = connection
    facts = _info(connection)
    version = facts.get("valkey_version") or facts.get("redis_version") or "of unknown version"
    kind = "Valkey" if facts.get("valkey_version") else "Redis"
    used, most = facts.get("used_memory"), facts.get("maxmemory")
    memory = f"{used / 1e6:.0f} MB used" if isinstance(used, int) else "memory unknown (INFO is not allowed)"
    memory += f" of {most / 1e6:.0f}" if most else ""
    yield Finding("redis", "ok", f"{kind} {version} at {place}; {memory}")
    yield from _policy(facts)
    if used and most and used > most * FULL:
        yield Finding(
            "redis", "warning", "Redis' memory is nearly full.", "Give it more, or look what else lies in it."
        )


def workers(who: CheckContext) -> Iterator[Finding]:
    """Which worker processes Redis has heard of lately."""
    if not who.redis:
        yield Finding("workers", "skipped", "no Redis")
        return
    jobs = queue.of(who.bot, who.redis)
    found = Worker.all(queue=jobs, serializer=JSONSerializer)
    who.worker_hosts = sorted({worker.hostname for worker in found if worker.hostname})
    if found:
        on = ", ".join(host + (" (here)" if host == socket.gethostname() else "") for host in who.worker_hosts)
        yield Finding("workers", "ok", f"{len(found)} running, on {on or 'unknown machines'}")
    else:
        yield Finding("workers", "ok", "none is running now (docent worker)")


def is_remote(database_url: str) -> bool:
    """Whether the database is not on this machine, so that others may share it."""
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
            "warning",
            "Redis does not tell its maxmemory-policy.",
            f"Make sure that it is {POLICY} (in the provider's console).",
        )
    elif policy != POLICY:
        yield Finding(
            "redis",
            "warning",
            f"Redis' maxmemory-policy is {policy}: short of memory, it drops wake-ups, and answers come late.",
            f"Run 'redis-cli CONFIG SET maxmemory-policy {POLICY}', write it into redis.conf too, or set it in "
            "the provider's console.",
        )


def _info(connection: Redis) -> dict[str, Any]:
    """Hosted Redis may forbid INFO; then what CONFIG tells, or nothing."""
    try:
        return dict(connection.info())
    except exceptions.RedisError:
        pass
    try:
        return {"maxmemory_policy": connection.config_get("maxmemory-policy").get("maxmemory-policy")}
    except exceptions.RedisError:
        return {}


def _place(url: Any) -> str:
    return f"{url.host or 'a local socket'}:{url.port or 5432}/{url.database or ''}"


def _why(error: Exception) -> str:
    said = f"{error} {type(error).__name__}"
    return next((why for signs, why in FAILURES if any(sign in said for sign in signs)), UNKNOWN_FAILURE)
