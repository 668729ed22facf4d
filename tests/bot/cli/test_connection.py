"""The database of a command."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

import agent.settings
from agent.store.database import Database
from bot.cli import connection


@pytest.fixture
def _settings(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    agent.settings.load.cache_clear()
    yield
    agent.settings.load.cache_clear()


@pytest.mark.usefixtures("_settings")
def test_a_command_works_on_the_database_of_the_settings(database: Database) -> None:
    query = text("SELECT current_database()")
    with database.transaction() as transaction:
        name = transaction.scalar(query)
    with connection.open_database() as opened, opened.transaction() as transaction:
        assert transaction.scalar(query) == name
