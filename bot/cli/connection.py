"""Opens the database for a command in a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

import agent.settings
from agent import observability
from agent.store.database import Database


@contextmanager
def open_database() -> Iterator[Database]:
    """Sets up logs and error reports, and opens the database of ``DATABASE_URL`` or else the embedded one."""
    from bot.processes import environment

    observability.set_up(agent.settings.load(), process="cli")
    with environment.open_database() as database:
        yield database
