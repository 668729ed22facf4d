"""Alembic's entry point: it applies the scripts, and compares the database with the tables that the code declares.

The URL comes from ``config.attributes["url"]`` (``docent migrate``, tests) or from ``DATABASE_URL`` (``alembic``);
``config.attributes["connection"]`` is one that has a transaction open (``docent restore``).
"""

import dotenv
from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, pool

from agent import settings
from agent.store import locks
from agent.store.database import Base, normalise_url
from agent.store.tables import TurnRow
from bot.slack.installation.tables import WorkspaceRow
from bot.slack.tables import ReplyRow
from ingest.tables import DocumentRow
from ingest.verified.tables import VerifiedAnswerRow

DECLARED = (TurnRow, ReplyRow, WorkspaceRow, DocumentRow, VerifiedAnswerRow)  # importing declares every table

# Everybody waits behind a migration that waits for a table: better it fails, and is run again. All is rolled back.
LOCK_TIMEOUT = "5s"


def main() -> None:
    """Runs the scripts that Alembic chose, in one transaction: that of the caller's connection, if it gave one."""
    if connection := context.config.attributes.get("connection"):
        _run(connection)
        return
    # Nothing is prepared on the server: a pooler between may give its connection to somebody else afterwards.
    engine = create_engine(_url(), poolclass=pool.NullPool, connect_args={"prepare_threshold": None})
    with engine.connect() as connection:
        _run(connection)
    engine.dispose()


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        locks.lock(connection, locks.MIGRATIONS)
        timeout = context.config.attributes.get("lock_timeout", LOCK_TIMEOUT)
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{timeout}'")
        context.run_migrations()


def _url() -> str:
    dotenv.load_dotenv()
    if url := context.config.attributes.get("url"):
        return normalise_url(url)
    if url := settings.load().database_url:
        return normalise_url(url.get_secret_value())
    raise CommandError("DATABASE_URL is not set; 'docent migrate' migrates the embedded database")


main()
