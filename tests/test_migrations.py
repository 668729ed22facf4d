"""The migrations build exactly what the row modules declare."""

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from agent.errors import UserError
from agent.store.database import Database
from bot.processes import environment, schema_version
from tests.system import ROOT


def test_the_rows_need_no_migration_that_is_not_there(database_url: str) -> None:
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = database_url
    command.check(config)


def test_every_migration_can_be_taken_back(database_url: str) -> None:
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = database_url
    try:
        command.downgrade(config, "base")
    finally:
        command.upgrade(config, "head")


def test_a_migration_does_not_make_everybody_wait_for_a_table_in_use(
    database_url: str, database: Database
) -> None:
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = database_url
    command.downgrade(config, "0007")
    try:
        with database.transaction() as transaction:
            transaction.execute(text("LOCK TABLE syncs IN ACCESS SHARE MODE"))  # as any query that reads it
            with pytest.raises(UserError, match="docent migrate"):
                environment.migrate(database_url, lock_timeout="20ms")
        assert schema_version.read_revision(database) == "0007"
    finally:
        environment.migrate(database_url)
    assert schema_version.read_revision(database) == schema_version.head()


def test_the_release_names_the_newest_revision() -> None:
    scripts = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
    assert scripts.get_current_head() == schema_version.head()
