"""Opens the database for a command in a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.errors import ModelError, UserError

if TYPE_CHECKING:
    from agent.store.database import Database


@contextmanager
def open_database() -> "Iterator[Database]":
    """Sets up logs and error reports, and opens the database of ``DATABASE_URL`` or else the embedded one."""
    import agent.settings
    from agent import observability
    from bot.processes import environment

    observability.set_up(agent.settings.load(), process="cli")
    with environment.open_database() as database:
        yield database


@contextmanager
def open_index() -> "Iterator[Database]":
    """Opens the database for work on the index, which needs memory limits and may lack its embedding model."""
    from bot.processes import malloc_tuning

    malloc_tuning.limit_arenas()
    with open_database() as database:
        _register_tokens(database)
        try:
            yield database
        except ModelError as error:
            raise UserError(str(error)) from error


def _register_tokens(database: "Database") -> None:
    """Lets sources of type slack read the workspaces that have installed the app."""
    import bot.settings
    from bot.slack.installation import terminal
    from ingest.sources.slackthreads import installed_tokens

    settings = bot.settings.load()
    if settings.has_many_workspaces and settings.token_keys and settings.slack_client_secret:
        installed_tokens.register(terminal.open_tokens(settings, database).read)


def announce(what: str, *, is_quiet: bool = False) -> None:
    """Says on standard error what is being done, at once: what a command imports takes a second or two."""
    if not is_quiet:
        print(what, file=sys.stderr, flush=True)
