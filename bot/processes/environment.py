"""Where a command works: the servers of ``DATABASE_URL`` and ``REDIS_URL``, else embedded ones under
``DOCENT_HOME``. An embedded database is migrated on the way; a given one only by the release step."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files

from alembic import command
from alembic.config import Config

import agent.settings
import bot.settings
from agent.errors import UserError
from agent.store.database import Database
from bot.processes import schema_version
from bot.processes.embedded import embedded_servers

POOL_SIZE = 10


@contextmanager
def open_database(*, needs_redis: bool = False, statement_timeout_seconds: float = 30) -> Iterator[Database]:
    """A database at the right revision; after it ``bot.settings.load().redis_url`` is set where needed."""
    given = agent.settings.load()
    has_redis = bool(bot.settings.load().redis_url) or not needs_redis
    with ExitStack() as stack:
        if not (given.database_url and has_redis):
            servers = stack.enter_context(embedded_servers.start(given.home))
            _use(servers, has_database=bool(given.database_url))
        url = agent.settings.load().database_url
        assert url
        if not given.database_url:
            migrate(url.get_secret_value())
        database = Database(
            url.get_secret_value(), pool_size=POOL_SIZE, statement_timeout_seconds=statement_timeout_seconds
        )
        stack.callback(database.close)
        schema_version.require(database)
        yield database


def migrate(url: str) -> None:
    """Brings the database to the newest revision; quick when it is there."""
    database = Database(url, pool_size=1)
    try:
        found = schema_version.read_revision(database)
    finally:
        database.close()
    if found == schema_version.head():
        return
    if schema_version.compare(found) == schema_version.SchemaState.NEWER:
        raise UserError(str(schema_version.describe_problem(found)))
    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def _use(servers: embedded_servers.Servers, *, has_database: bool) -> None:
    """Puts the embedded servers where settings are read from; child processes inherit them."""
    if not has_database:
        os.environ["DATABASE_URL"] = servers.database_url
    if not os.environ.get("REDIS_URL"):
        os.environ["REDIS_URL"] = servers.redis_url
    agent.settings.load.cache_clear()
    bot.settings.load.cache_clear()
