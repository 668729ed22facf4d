"""Which servers a command uses: ``DATABASE_URL`` and ``REDIS_URL``, else embedded ones under ``DOCENT_HOME``.

Migrates an embedded database; a database of the operator's is migrated by the release step only.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

from psycopg.errors import LockNotAvailable
from sqlalchemy.exc import OperationalError

import agent.settings
import bot.settings
from agent.errors import UserError
from agent.store.database import Database
from bot.processes import private_files, schema_version
from bot.processes.embedded import embedded_servers
from bot.processes.schema_version import SchemaState

if TYPE_CHECKING:
    from alembic.config import Config

POOL_SIZE = 10
IN_USE = (
    "The database was not migrated: a table that has to change was in use for too long. Nothing was changed. Run "
    "'docent migrate' again, when fewer questions are asked and no sync runs."
)


@contextmanager
def open_database(
    *, needs_redis: bool = False, statement_timeout_seconds: float = 30, takes_any_schema: bool = False
) -> Iterator[Database]:
    """Opens a database whose schema this release works with; closes it at the end.

    Starts embedded servers for what is not configured. With ``needs_redis``, ``bot.settings.load().redis_url`` is
    set afterwards. One that ``takes_any_schema`` is neither migrated nor compared. Raises :class:`UserError` if
    the schema is another one or a server does not start::

        with environment.open_database() as database:
            ...
    """
    settings = agent.settings.load()
    private_files.close_to_others(settings.home.expanduser())
    has_redis = bool(bot.settings.load().redis_url) or not needs_redis
    with ExitStack() as stack:
        if not (settings.database_url and has_redis):
            servers = stack.enter_context(embedded_servers.start(settings.home, announce=_announce))
            _configure(servers, has_database=bool(settings.database_url))
        url = agent.settings.load().database_url
        assert url
        if not settings.database_url and not takes_any_schema:
            migrate(url.get_secret_value())
        database = Database(
            url.get_secret_value(), pool_size=POOL_SIZE, statement_timeout_seconds=statement_timeout_seconds
        )
        stack.callback(database.close)
        if not takes_any_schema:
            schema_version.require(database)
        yield database


def migrate(url: str, *, lock_timeout: str | None = None) -> None:
    """Upgrades the database to this release's revision; quick if it is there already.

    Raises :class:`UserError` if the database is newer, or a table was in use for longer than ``lock_timeout`` (as
    Postgres writes it; by default that of ``migrations/env.py``).
    """
    database = Database(url, pool_size=1)
    try:
        revision = schema_version.read_revision(database)
    finally:
        database.close()
    if revision == schema_version.head():
        return
    if schema_version.compare(revision) == SchemaState.NEWER:
        raise UserError(str(schema_version.describe_problem(revision)))
    from alembic import command  # takes half a second, and is seldom needed

    config = make_alembic_config(url=url, **({"lock_timeout": lock_timeout} if lock_timeout else {}))
    try:
        command.upgrade(config, "head")
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            raise UserError(IN_USE) from error
        raise


def make_alembic_config(**attributes: object) -> "Config":
    """Makes Alembic's configuration, with what ``migrations/env.py`` reads: a ``url`` or a ``connection``."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    config.attributes.update(attributes)
    return config


def _announce(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _configure(servers: embedded_servers.Servers, *, has_database: bool) -> None:
    """Sets the environment variables that settings are read from; child processes inherit them."""
    if not has_database:
        os.environ["DATABASE_URL"] = servers.database_url
    if not os.environ.get("REDIS_URL"):
        os.environ["REDIS_URL"] = servers.redis_url
    agent.settings.load.cache_clear()
    bot.settings.load.cache_clear()
