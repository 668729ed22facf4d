"""The migrations build exactly what the row modules declare."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from bot.processes import schema_version
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


def test_the_release_names_the_newest_revision() -> None:
    scripts = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
    assert scripts.get_current_head() == schema_version.head()
