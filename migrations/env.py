"""Alembic's entry: the schema is what the row modules declare; the URL comes from the caller or DATABASE_URL."""

import dotenv
from alembic import context
from alembic.util import CommandError
from sqlalchemy import create_engine, pool

from agent import settings
from agent.store.database import Base, normalise_url
from agent.store.tables import TurnRow
from bot.slack.tables import ReplyRow
from ingest.tables import DocumentRow

DECLARED = (TurnRow, ReplyRow, DocumentRow)  # importing their modules declares every table
LOCK_ID = 0x646F63656E74  # "docent": two release phases at once wait for each other


def main() -> None:
    dotenv.load_dotenv()
    given = context.config.attributes.get("url")
    secret = settings.load().database_url
    if not given and not secret:
        raise CommandError("DATABASE_URL is not set; 'docent migrate' migrates the embedded database")
    url = normalise_url(given or secret.get_secret_value())
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
        with context.begin_transaction():
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_ID})")
            context.run_migrations()
    engine.dispose()


main()
