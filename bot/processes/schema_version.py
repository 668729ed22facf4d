"""Compares the database's schema with what this release needs.

Migrations expand before they contract, so a release that is one behind its database still works. A running process
therefore goes on when the schema becomes newer; a process that starts refuses any schema but its own.
"""

from enum import StrEnum
from functools import cache
from importlib.resources import files

from psycopg.errors import UndefinedTable
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from agent.errors import UserError
from agent.store.database import Database
from bot.outages import postgres
from bot.outages.command import explain_database

UPGRADE = "run 'docent migrate' (the Procfile's release step)"


class SchemaState(StrEnum):
    """How the database's schema compares with this release."""

    CURRENT = "current"
    EMPTY = "empty"
    OLDER = "older"
    NEWER = "newer"  # or unknown: from a release that this one cannot know


def read_revision(database: Database) -> str | None:
    """Returns the database's revision; None if no migration has run."""
    try:
        with database.transaction() as transaction:
            revision = transaction.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
            return str(revision) if revision else None
    except ProgrammingError as error:
        if isinstance(error.orig, UndefinedTable):
            return None
        raise


def compare(revision: str | None) -> SchemaState:
    """Compares a revision with this release's. Revisions are numbered, so an unknown lower one is older."""
    if revision is None:
        return SchemaState.EMPTY
    if revision == head():
        return SchemaState.CURRENT
    is_before = revision.isdigit() and int(revision) < int(head())
    return SchemaState.OLDER if revision in known_revisions() or is_before else SchemaState.NEWER


def head() -> str:
    """Returns the revision this release works with: the newest that it has a script for."""
    return max(known_revisions())


@cache
def known_revisions() -> frozenset[str]:
    """Returns the revisions this release has scripts for; a script's name begins with its revision, four
    digits."""
    names = (script.name for script in (files("migrations") / "versions").iterdir())
    return frozenset(name.partition("_")[0] for name in names if name.endswith(".py"))


def describe_problem(revision: str | None) -> str | None:
    """Returns why this release does not start with a database at ``revision``, and what to do; None if it does."""
    match compare(revision):
        case SchemaState.CURRENT:
            return None
        case SchemaState.EMPTY:
            return f"The database is empty: {UPGRADE}."
        case SchemaState.OLDER:
            return f"The database is at revision {revision}, this release needs {head()}: {UPGRADE}."
        case SchemaState.NEWER:
            return (
                f"The database is at revision {revision}, this release knows up to {head()}: "
                "deploy the newer release; this one does not start with it."
            )


def require(database: Database) -> None:
    """Raises :class:`UserError` if the schema is not the one this release works with."""
    try:
        revision = read_revision(database)
    except SQLAlchemyError as error:
        if postgres.is_outage(error):
            raise UserError(str(explain_database(error, database.url))) from error
        text_ = f"{postgres.place(database.url)} cannot be read ({type(error).__name__})"
        raise UserError(f"The database {text_}. Check that DATABASE_URL is Docent's own.") from error
    if problem := describe_problem(revision):
        raise UserError(problem)
