"""Whether this process may run against what it finds: the schema's revision, Redis, the index.

Migrations expand before they contract: a release that is one behind its database still works. So a process that
runs goes on when the schema becomes newer, and says so; one that starts does not begin like that.
"""

from enum import StrEnum
from functools import cache
from pathlib import Path

import redis
from psycopg.errors import UndefinedTable
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

import migrations
from agent import observability
from agent.errors import UserError
from agent.store.database import Database
from ingest import stats as library
from migrations import HEAD

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
    if found == HEAD:
        return SchemaState.CURRENT
    is_before = found.isdigit() and HEAD.isdigit() and int(found) < int(HEAD)
    return SchemaState.OLDER if found in known_revisions() or is_before else SchemaState.NEWER


@cache
def known_revisions() -> frozenset[str]:
    """The revisions this release has scripts for; a script's name begins with its revision."""
    scripts = (Path(migrations.__file__).parent / "versions").glob("*.py")
    return frozenset(script.stem.partition("_")[0] for script in scripts)


def describe_problem(found: str | None) -> str | None:
    """Why this release does not start with a database at ``found``, and who is to do what."""
    match compare(found):
        case SchemaState.CURRENT:
            return None
        case SchemaState.EMPTY:
            return f"The database is empty: {UPGRADE}."
        case SchemaState.OLDER:
            return f"The database is at revision {found}, this release needs {HEAD}: {UPGRADE}."
        case SchemaState.NEWER:
            return (
                f"The database is at revision {found}, this release knows up to {HEAD}: "
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
            state["migrations"] = f"at {found}, newer than this release ({HEAD})"
            _warn(str(found))
        elif stands != SchemaState.CURRENT:
            state["migrations"] = f"at {found}, needs {HEAD}"
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
        return library.read(database).problem or "ok"
    except ProgrammingError:  # a newer schema that keeps this elsewhere
        return "unknown"


@cache
def _warn(found: str) -> None:
    """Once per process and revision."""
    observability.log.warning("schema_newer", at=found, knows=HEAD)
