"""Whether this process may run against what it finds: the schema's revision, Redis, the index."""

import redis
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from agent.database import Database
from agent.errors import UserError
from ingest import state as library
from migrations import HEAD

UPGRADE = "run 'alembic upgrade head' (the Procfile's release step)"


def revision(database: Database) -> str | None:
    """The revision the database is at; None where no migration has run."""
    try:
        with database.transaction() as transaction:
            found = transaction.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
            return str(found) if found else None
    except ProgrammingError:
        return None


def require(database: Database) -> None:
    """Raises :class:`UserError` when the schema is older or newer than this release knows."""
    try:
        found = revision(database)
    except SQLAlchemyError as error:
        raise UserError(f"Postgres does not answer ({type(error).__name__}). Check DATABASE_URL.") from error
    if found is None:
        raise UserError(f"The database is empty: {UPGRADE}.")
    if found != HEAD:
        raise UserError(
            f"The database is at revision {found}, this release needs {HEAD}: {UPGRADE}, "
            "or start the release that belongs to the database."
        )


def readiness(database: Database, connection: redis.Redis) -> dict[str, str]:
    """Each part's state. ``unavailable`` means questions cannot be stored; ``degraded`` that answers wait."""
    state = {"postgres": "ok", "migrations": "ok", "redis": "ok", "index": "ok"}
    try:
        found = revision(database)
        if found != HEAD:
            state["migrations"] = f"at {found}, needs {HEAD}"
        else:
            state["index"] = library.read(database).problem or "ok"
    except SQLAlchemyError:
        state["postgres"] = "away"
    try:
        connection.ping()
    except redis.RedisError:
        state["redis"] = "away"
    if state["postgres"] != "ok" or state["migrations"] != "ok":
        overall = "unavailable"
    else:
        overall = "ready" if set(state.values()) == {"ok"} else "degraded"
    return {"status": overall, **state}
