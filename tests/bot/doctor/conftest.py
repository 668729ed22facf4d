"""A context whose servers answer, one whose documents are indexed, and a server that never answers."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent.settings
import bot.settings
import ingest.settings
from agent.store.database import Database
from bot.doctor.context import CheckContext
from ingest.library import Library
from tests.library import sync_folder
from tests.system import HANDBOOK


@pytest.fixture
def context(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[CheckContext]:
    """A context whose servers answer."""
    context = CheckContext(
        kernel=agent.settings.AgentSettings(home=tmp_path),
        bot=bot.settings.BotSettings(),
        library=ingest.settings.IngestSettings(home=tmp_path),
        database_url=database_url,
        redis_url=redis_url,
    )
    yield context
    if context.database:
        context.database.close()
    if context.redis:
        context.redis.close()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def read_in(context: CheckContext, database: Database, tmp_path: Path) -> CheckContext:
    """A context with a handbook in its index."""
    folder = tmp_path / "pages"
    folder.mkdir()
    for name, content in HANDBOOK.items():
        (folder / name).write_text(content)
    sync_folder(Library(database, context.library), str(folder))
    context.database = Database(database.url)
    return context
