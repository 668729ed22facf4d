"""A queue in a real Redis, stored questions, and what a worker answers them with; the model is scripted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from rq import Queue

from agent.llm.pricing import FREE
from agent.llm.request import Model
from agent.settings import AgentSettings
from agent.store import sessions
from agent.store.database import Database
from agent.store.sessions import StoredQuestion
from agent.turn.config import AgentConfig
from agent.turn.limits import Limits
from bot.jobs import queue
from bot.jobs.context import WorkerContext
from bot.jobs.leases.held import Leases
from bot.settings import BotSettings
from bot.slack.replies.reply import Answer, Reply
from bot.slack.replies.task_cards import TaskCard
from tests.agent.parts import TOOLS, opening
from tests.scripted_model import Say, ScriptedModel

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


@dataclass
class RecordingReply(Reply):
    """Keeps what it was asked to show; ``on_deliver`` may fail, as Slack does."""

    on_deliver: Callable[[Answer], None] = lambda answer: None
    on_text: Callable[[str], None] = lambda text: None
    statuses: list[str] = field(default_factory=list)
    cards: list[TaskCard] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    n_retracted: int = 0

    def show_status(self, text: str) -> None:
        self.statuses.append(text)

    def show_card(self, card: TaskCard) -> None:
        self.cards.append(card)

    def show_text(self, text: str) -> None:
        self.texts.append(text)
        self.on_text(text)

    def retract(self) -> None:
        self.n_retracted += 1

    def deliver(self, answer: Answer) -> None:
        self.on_deliver(answer)
        self.answers.append(answer)


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda request: Say("You can carry over 5 days [1].")) as scripted:
        yield scripted


@pytest.fixture
def context(
    database: Database, model: ScriptedModel, turn_queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerContext]:
    """With a scripted model and a tool that finds one passage; without Slack and without documents."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    leases = Leases(database, lease_seconds=30, longest_seconds=60)
    yield WorkerContext(
        settings=AgentSettings(max_attempts=2),
        database=database,
        agent=AgentConfig(database, [Model("openai/scripted", model.base_url, price=FREE)], TOOLS, Limits()),
        plan_opening_calls=opening,
        leases=leases,
        slack=None,
        turn_queue=turn_queue,
        run_metadata={"model": "openai/scripted", "index_version": "7"},
    )
    leases.close()
