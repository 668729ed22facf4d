"""The Home tab in this process, with work that waits until a test lets it go on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from agent.store.budgets import Budgets
from agent.store.database import Database
from agent.store.tables import BudgetPeriod, BudgetScope
from bot.simulator import Workspace
from bot.slack.block_kit import Message
from bot.slack.channels.settings_cache import SettingsCache
from bot.slack.client import SlackClient
from bot.slack.home.context import HomeContext, SyncControl
from bot.slack.interactions.background import Background, Tell, Work
from bot.slack.membership.audience import AudienceResolver
from bot.slack.membership.directory import SlackDirectory
from bot.slack.membership.operators import Operators
from ingest.access.reader_sets import ReaderSets

LIMITS = {
    (BudgetScope.WORKSPACE, BudgetPeriod.DAY): Decimal(25),
    (BudgetScope.WORKSPACE, BudgetPeriod.MONTH): Decimal(250),
    (BudgetScope.PERSON, BudgetPeriod.DAY): Decimal(2),
}


@dataclass
class HeldBackground(Background):
    """Does nothing before it is told to."""

    held: list[Callable[[], None]] = field(default_factory=list)

    def submit(self, work: Work, tell: Tell) -> None:
        def run() -> None:
            message: Message | None = work()
            if message is not None:
                tell(message)

        self.held.append(run)

    def let_go(self) -> None:
        while self.held:
            self.held.pop(0)()


@pytest.fixture
def background() -> HeldBackground:
    return HeldBackground()


@pytest.fixture
def home(database: Database, workspace: Workspace, slack: SlackClient) -> HomeContext:
    """With two declared sources, of which none is read."""
    directory = SlackDirectory(slack)
    return HomeContext(
        database=database,
        slack=slack,
        audiences=AudienceResolver(directory, ReaderSets(), database),
        operators=Operators(slack, directory, database),
        settings=SettingsCache(),
        syncs=SyncControl(lambda: {"handbook": "1h", "wiki": "never"}, lambda name: True),
        models=["openai/scripted"],
        budgets=Budgets(LIMITS),
        command="/docent",
    )
