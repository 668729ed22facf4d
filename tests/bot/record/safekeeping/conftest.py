"""A record, an index beside it, and a second database with nothing in it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from agent.store.database import Database, normalise_url
from bot.processes.embedded.embedded_servers import Servers
from bot.record.safekeeping.backup.making import PlaceSettings
from bot.settings import BotSettings
from ingest.settings import IngestSettings

MakeDatabase = Callable[[], Database]


@pytest.fixture
def make_database(servers: Servers) -> Iterator[MakeDatabase]:
    """Makes databases without a schema, and drops them afterwards."""
    admin = create_engine(normalise_url(servers.database_url), isolation_level="AUTOCOMMIT")
    made: list[tuple[str, Database]] = []

    def make() -> Database:
        name = f"docent_test_{uuid4().hex[:12]}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        url = make_url(servers.database_url).set(database=name).render_as_string(hide_password=False)
        made.append((name, Database(url, statement_timeout_seconds=30)))
        return made[-1][1]

    yield make
    for name, database in made:
        database.close()
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


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
