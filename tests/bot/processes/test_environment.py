"""Which servers a command works with."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

import agent.settings
import bot.settings
from agent.errors import UserError
from agent.store.database import Database
from bot.processes import environment, schema_version
from bot.processes.embedded import embedded_servers


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """Settings are read anew, and what a command sets is forgotten afterwards."""
    monkeypatch.setenv("DOCENT_HOME", str(tmp_path / "home"))
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.setenv(name, "")
    agent.settings.load.cache_clear()
    bot.settings.load.cache_clear()
    yield monkeypatch
    agent.settings.load.cache_clear()
    bot.settings.load.cache_clear()


def test_the_operators_servers_are_used_where_they_are_set(
    settings: pytest.MonkeyPatch, database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings.setenv("DATABASE_URL", database_url)
    settings.setenv("REDIS_URL", redis_url)
    with environment.open_database(needs_redis=True) as opened, opened.transaction() as transaction:
        assert transaction.execute(text("SELECT count(*) FROM turns")).scalar_one() == 0
    assert not (tmp_path / "home").exists()


def test_a_database_of_the_operators_is_never_migrated_by_a_command(
    settings: pytest.MonkeyPatch, servers: embedded_servers.Servers
) -> None:
    settings.setenv("DATABASE_URL", servers.database_url)  # without any table
    with pytest.raises(UserError, match="run 'docent migrate'"), environment.open_database():
        pass


def test_without_any_settings_embedded_servers_are_started_and_migrated() -> None:
    with environment.open_database(needs_redis=True) as database:
        assert schema_version.read_revision(database) == schema_version.head()
        assert agent.settings.load().database_url
        assert bot.settings.load().redis_url
        assert os.environ["REDIS_URL"].startswith("redis://")
        environment.migrate(database.url)  # once more: quick, and no error
