"""The weekly report in a channel, and the reminders that go with it.

Promises one report a week, whatever crashes: see :mod:`.notices`. A week in which nothing was asked that the
channel may know of posts nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from zoneinfo import ZoneInfo

import agent.settings
from agent import observability
from agent.errors import ReplyError
from agent.store.database import Database
from agent.translation import speech
from agent.types import Audience
from bot.record import export_scope
from bot.record.reports import notices, wording
from bot.record.reports.questions import UnansweredQuestion
from bot.record.reports.reminders import Reminders
from bot.record.reports.report import make_report
from bot.record.reports.scope import ReportScope
from bot.slack.client import SlackClient, SlackRefused
from bot.slack.interactions.feedback import source_owners
from bot.slack.membership import locales
from bot.slack.membership.audience import AudienceResolver
from bot.slack.membership.directory import SlackDirectory
from ingest.access.reader_sets import ReaderSets

WEEK = timedelta(days=7)
MAX_TRIES = 3  # of a report whose readers change while it is made; then it is tried again later


@dataclass(frozen=True)
class WeeklyReport:
    """Posts in ``channel``; ``is_public`` tells which channels every full member may read.

    ``workspace`` is the one of it, where many have installed the app: the report tells of nothing else.
    """

    database: Database
    slack: SlackClient
    audiences: AudienceResolver
    channel: str
    zone: ZoneInfo
    is_public: Callable[[str], bool]
    source_owners: Mapping[str, str]
    workspace: str = ""

    def publish(self, due: datetime) -> None:
        """Posts the report of the week before ``due`` unless that was done, and sends the reminders that are due.

        Raises :class:`agent.errors.ReplyError` where Slack refuses or is away; may be repeated.
        """
        place = f"{self.workspace}/{self.channel}" if self.workspace else self.channel
        subject = f"report:{place}:{due.astimezone(self.zone):%Y-%m-%d}"
        if notice := notices.begin(self.database, subject):
            is_posted = self._post(notice, due)
            notices.complete(self.database, notice)
            observability.log.info("report_made", channel=self.channel, is_posted=is_posted)
        reminders = Reminders(
            self.database, self.slack, self.audiences, self.is_public, self.source_owners, self.workspace
        )
        if n_reminded := reminders.send(due):
            observability.log.info("owners_reminded", n=n_reminded)

    def _post(self, notice: notices.Notice, due: datetime) -> bool:
        """Posts the report; returns False where there is nothing to say.

        Who comes in while it is made has it made anew: it names no document that they may not read.
        """
        since = due.astimezone(self.zone) - WEEK  # of the clock on the wall
        readers = self._look_up_readers()
        for _ in range(MAX_TRIES):
            scope = ReportScope(self.is_public, readers, self.channel, self.workspace or None)
            report = make_report(self.database, since, due, scope, partial(find_link, self.slack))
            readers_before, readers = readers, self._look_up_readers()
            if readers == readers_before:
                break
        else:
            raise ReplyError("who is in the report's channel changes while it is made", is_transient=True)
        if not report.asked.n_asked:
            return False
        with speech.speak(locales.choose("")):  # many read it, and nobody asked
            message = wording.to_message(report, self.zone)
        notices.send(self.slack, notice, self.channel, message)
        return True

    def _look_up_readers(self) -> Audience:
        return self.audiences.of_reader(f"channel:{self.channel}")


def build(database: Database, slack: SlackClient, *, workspace: str, channel: str) -> WeeklyReport:
    """Builds that of a channel; ``workspace`` is "" for the one of the token."""
    return WeeklyReport(
        database,
        slack,
        AudienceResolver(SlackDirectory(slack, workspace), ReaderSets(), database, workspace),
        channel,
        ZoneInfo(agent.settings.load().time_zone),
        cache(partial(export_scope.is_public, slack)),
        source_owners.load(workspace),
        workspace,
    )


def find_link(slack: SlackClient, question: UnansweredQuestion) -> str | None:
    """Returns the address of a question's message; None where there is none any more."""
    if question.ts is None:
        return None
    try:
        told = slack.call(
            "chat.getPermalink", is_repeatable=True, channel=question.channel, message_ts=question.ts
        )
        return str(told["permalink"])
    except SlackRefused as error:
        if error.is_transient:
            raise
        observability.log.info("question_not_linked", code=error.code)
        return None
