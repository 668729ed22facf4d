"""A queue in a real Redis, and stored questions."""

from collections.abc import Callable, Iterator

import pytest
from rq import Queue

from agent.store import sessions
from agent.store.database import Database
from agent.store.sessions import StoredQuestion
from bot.jobs import queue
from bot.settings import BotSettings

Ask = Callable[..., StoredQuestion]


@pytest.fixture
def settings(redis_url: str) -> BotSettings:
    return BotSettings(REDIS_URL=redis_url)  # type: ignore[call-arg]


@pytest.fixture
def turn_queue(settings: BotSettings) -> Iterator[Queue]:
    with queue.connect(settings) as connection:
        yield queue.open_turn_queue(settings, connection)


@pytest.fixture
def ask(database: Database) -> Ask:
    """Stores a question."""

    def store(question: str = "How many days?", key: str = "cli:1") -> StoredQuestion:
        with database.transaction() as transaction:
            return sessions.ask(transaction, key=key, user_id="U1", origin="cli", question=question)

    return store
