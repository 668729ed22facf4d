"""A record, an index beside it, and a second database with nothing in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.store.database import Database
from bot.processes.embedded.embedded_servers import Servers
from bot.record.safekeeping.backup.making import PlaceSettings
from bot.settings import BotSettings
from ingest.settings import IngestSettings
from tests.databases import create_empty

MakeDatabase = Callable[[], Database]


@pytest.fixture
def make_database(servers: Servers) -> Iterator[MakeDatabase]:
    """Makes databases without a schema, and drops them afterwards."""
    with ExitStack() as stack:

        def make() -> Database:
            url = stack.enter_context(create_empty(servers.database_url))
            database = Database(url, statement_timeout_seconds=30)
            stack.callback(database.close)
            return database

        yield make


@pytest.fixture
def configured(tmp_path: Path, redis_url: str) -> PlaceSettings:
    """The settings of the place where backups are made."""
    return configure(tmp_path, "index", redis_url)


@pytest.fixture
def elsewhere(tmp_path: Path, redis_url: str) -> PlaceSettings:
    """The settings of the place where they are restored."""
    return configure(tmp_path, "index-elsewhere", redis_url)


def configure(folder: Path, index: str, redis_url: str) -> PlaceSettings:
    library = IngestSettings(index_uri=str(folder / index), home=folder / "home", config=folder / "docent.toml")
    return PlaceSettings(BotSettings.model_validate({"REDIS_URL": redis_url}), library)
