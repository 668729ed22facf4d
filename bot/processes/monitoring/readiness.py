"""Whether a running process can do its work: the answer of ``/readyz``."""

import threading
import time
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import TypedDict

import redis
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from agent import observability
from agent.store.database import Database
from agent.text import count
from bot.processes import schema_version
from bot.processes.schema_version import SchemaState
from ingest.index.mirror import machines
from ingest.sync import reports

OK, AWAY = "ok", "away"
FRESH_SECONDS = 1.0


class ReadyStatus(StrEnum):
    """The overall state."""

    READY = "ready"
    DEGRADED = "degraded"  # answers wait, or this release is behind its database
    UNAVAILABLE = "unavailable"  # questions cannot be stored


class Readiness(TypedDict):
    """The JSON of ``/readyz``: the overall state, and each part as ``ok`` or what is wrong with it."""

    status: ReadyStatus
    postgres: str
    migrations: str
    redis: str
    index: str


class ReadinessCache:
    """Keeps the answer for a moment, and lets one thread at a time ask for the next.

    Anybody may ask ``/readyz`` as often as they like: however long Postgres takes, at most one of the threads that
    acknowledge Slack's events waits for it, and the others give the answer before.
    """

    def __init__(self, ask: Callable[[], Readiness], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._clock = ask, clock
        self._state: Readiness | None = None
        self._fresh_until = 0.0
        self._lock = threading.Lock()

    def get(self) -> Readiness:
        """Returns the state, at most a second older than the last time somebody had to ask."""
        if self._state is not None and (self._clock() < self._fresh_until or self._lock.locked()):
            return self._state
        with self._lock:
            if self._state is None or self._clock() >= self._fresh_until:
                self._state = self._ask()
                self._fresh_until = self._clock() + FRESH_SECONDS
            return self._state


def check(database: Database, connection: redis.Redis) -> Readiness:
    """Asks Postgres and Redis, and returns the state of each part."""
    readiness: Readiness = {
        "status": ReadyStatus.READY,
        "postgres": OK,
        "migrations": OK,
        "redis": OK,
        "index": OK,
    }
    try:
        revision = schema_version.read_revision(database)
        readiness["migrations"] = _describe_migrations(revision)
        can_store = schema_version.compare(revision) in (SchemaState.CURRENT, SchemaState.NEWER)
        if can_store:
            readiness["index"] = _describe_index(database)
    except SQLAlchemyError:
        readiness["postgres"], can_store = AWAY, False
    try:
        connection.ping()
    except redis.RedisError:
        readiness["redis"] = AWAY
    if not can_store:
        readiness["status"] = ReadyStatus.UNAVAILABLE
    elif {readiness["postgres"], readiness["migrations"], readiness["redis"], readiness["index"]} != {OK}:
        readiness["status"] = ReadyStatus.DEGRADED
    return readiness


def _describe_migrations(revision: str | None) -> str:
    state = schema_version.compare(revision)
    if state == SchemaState.CURRENT:
        return OK
    if state == SchemaState.NEWER:
        _warn(str(revision))
        return f"at {revision}, newer than this release ({schema_version.head()})"
    return f"at {revision}, needs {schema_version.head()}"


def _describe_index(database: Database) -> str:
    try:
        return reports.load_stats(database).problem or _describe_copies(database) or OK
    except ProgrammingError:  # a newer schema that keeps this elsewhere
        return "unknown"


def _describe_copies(database: Database) -> str:
    """Says what is wrong with the copies of an index in a bucket; empty if nothing is. Names no host."""
    with database.transaction() as transaction:
        copies = machines.load(transaction)
    if n_away := sum(copy.is_away for copy in copies):
        return f"its bucket is away ({count(n_away, 'machine')}); the copies there go on answering"
    if n_behind := sum(copy.problem is not None for copy in copies):
        return f"{count(n_behind, 'machine')} cannot keep a copy of it; see 'docent doctor'"
    return ""


@cache
def _warn(revision: str) -> None:
    """Logs a newer schema, once per process and revision."""
    observability.log.warning("schema_newer", at=revision, knows=schema_version.head())
