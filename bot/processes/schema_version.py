"""Whether this process may run against what it finds: the schema's revision, Redis, the index.

Migrations expand before they contract: a release that is one behind its database still works. So a process that
runs goes on when the schema becomes newer, and says so; one that starts does not begin like that.
"""

from enum import StrEnum
from functools import cache
from importlib.resources import files

import redis
from psycopg.errors import UndefinedTable
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from agent import observability
from agent.errors import UserError
from agent.store.database import Database
from ingest.sync import reports

UPGRADE = "run 'docent migrate', or 'alembic upgrade head' (the Procfile's release step)"


class SchemaState(StrEnum):
    """How the database's schema stands to this release."""

    CURRENT = "current"
    EMPTY = "empty"
    OLDER = "older"
    NEWER = "newer"  # or unknown: of a release that this one cannot know


def read_revision(database: Database) -> str | None:
    """The revision the database is at; None where no migration has run."""
    try:
        with database.transaction() as transaction:
            found = transaction.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
            return str(found) if found else None
    except ProgrammingError as error:
        if isinstance(error.orig, UndefinedTable):
            return None
        raise


def compare(found: str | None) -> SchemaState:
    """Revisions are numbered, so that one from before the oldest script is told from one after the newest."""
    if found is None:
        return SchemaState.EMPTY
    if found == head():
        return SchemaState.CURRENT
    is_before = found.isdigit() and int(found) < int(head())
    return SchemaState.OLDER if found in known_revisions() or is_before else SchemaState.NEWER


def head() -> str:
    """Returns the revision this release works with: the newest that it has a script for."""
    return max(known_revisions())


@cache
def known_revisions() -> frozenset[str]:
    """Returns the revisions this release has scripts for; a script's name begins with its revision, four
    digits."""
    names = (script.name for script in (files("migrations") / "versions").iterdir())
    return frozenset(name.partition("_")[0] for name in names if name.endswith(".py"))


def describe_problem(found: str | None) -> str | None:
    """Why this release does not start with a database at ``found``, and who is to do what."""
    match compare(found):
        case SchemaState.CURRENT:
            return None
        case SchemaState.EMPTY:
            return f"The database is empty: {UPGRADE}."
        case SchemaState.OLDER:
            return f"The database is at revision {found}, this release needs {head()}: {UPGRADE}."
        case SchemaState.NEWER:
            return (
                f"The database is at revision {found}, this release knows up to {head()}: "
                "deploy the newer release; this one does not start with it."
            )


def require(database: Database) -> None:
    """Raises :class:`UserError` when the schema is older or newer than this release knows."""
    try:
        found = read_revision(database)
    except SQLAlchemyError as error:
        raise UserError(f"Postgres does not answer ({type(error).__name__}). Check DATABASE_URL.") from error
    if why := describe_problem(found):
        raise UserError(why)


def readiness(database: Database, connection: redis.Redis) -> dict[str, str]:
    """Each part's state. ``unavailable`` means questions cannot be stored; ``degraded`` that answers wait, or that
    this release is behind its database."""
    state = {"postgres": "ok", "migrations": "ok", "redis": "ok", "index": "ok"}
    is_storing = True
    try:
        found = read_revision(database)
        stands = compare(found)
        is_storing = stands in (SchemaState.CURRENT, SchemaState.NEWER)
        if stands == SchemaState.NEWER:
            state["migrations"] = f"at {found}, newer than this release ({head()})"
            _warn(str(found))
        elif stands != SchemaState.CURRENT:
            state["migrations"] = f"at {found}, needs {head()}"
        if is_storing:
            state["index"] = _index(database)
    except SQLAlchemyError:
        state["postgres"], is_storing = "away", False
    try:
        connection.ping()
    except redis.RedisError:
        state["redis"] = "away"
    overall = "ready" if set(state.values()) == {"ok"} else "degraded"
    return {"status": overall if is_storing else "unavailable", **state}


def _index(database: Database) -> str:
    try:
        return reports.load_stats(database).problem or "ok"
    except ProgrammingError:  # a newer schema that keeps this elsewhere
        return "unknown"


@cache
def _warn(found: str) -> None:
    """Once per process and revision."""
    observability.log.warning("schema_newer", at=found, knows=head())
