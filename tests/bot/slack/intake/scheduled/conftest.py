"""Docent with scheduled questions: the command, and what the clock does, at a time that a test moves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.simulator import HELP
from bot.slack.inbox import ReplyAddress
from bot.slack.intake.scheduled.asking import ScheduledAsking
from bot.slack.intake.scheduled.command import ScheduledCommand
from bot.slack.intake.scheduled.rows import Bounds
from bot.slack.intake.scheduled.standing import Standing
from tests.bot.slack.docent import Docent

OPERATOR = "U0OPERATOR1"


@dataclass
class Scheduling:
    """Sets up, and lets time pass; it begins on a Thursday morning."""

    docent: Docent
    bounds: Bounds = field(default_factory=lambda: Bounds(2, 3))
    moment: datetime = datetime(2026, 6, 4, 7, tzinfo=UTC)

    def __post_init__(self) -> None:
        worker = self.docent.worker
        assert worker.slack
        assert worker.audiences
        self.standing = Standing(self.docent.database, worker.slack, worker.audiences, ZoneInfo("UTC"))

    def command(self, user: str, words: str, channel: str = HELP) -> str:
        """What only they read after ``/docent every …``."""
        command = ScheduledCommand(
            self.docent.database,
            self.standing,
            bounds=self.bounds,
            operators=[OPERATOR],
            clock=lambda: self.moment,
        )
        address = ReplyAddress(self.docent.workspace.app.team_id, channel, user, response_url="https://u.example")
        return str(command.answer(address, words)["text"])

    def asking(self, wake: Callable[[Any], None] | None = None) -> ScheduledAsking:
        assert self.docent.worker.slack
        wake = wake or self.docent.woken.append
        return ScheduledAsking(
            self.docent.database, self.docent.worker.slack, self.standing, wake, clock=lambda: self.moment
        )

    def pass_until(self, moment: str) -> int:
        """What the clock does then, and the workers; returns how many questions were asked."""
        self.moment = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        n_asked = self.asking().run()
        self.docent.run()
        return n_asked

    def posts(self, channel: str = HELP) -> list[str]:
        """What the bot posted there outside of threads."""
        bot = self.docent.workspace.app.bot_user_id
        history = self.docent.workspace.history(channel)
        return [message.plain for message in history if message.user == bot and not message.thread_ts]


@pytest.fixture
def scheduling(docent: Docent) -> Scheduling:
    return Scheduling(docent)
