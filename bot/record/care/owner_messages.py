"""Tells owners what people say of their documents, by direct message: the passage, and what was asked, if they may
read that.

Promises a few messages per owner and day, and the rest of a day in one the next day; that nothing is told twice;
and that an owner sees no document, and no question, that they may not read. What no owner can be told is left to
the operators' report.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from agent import observability
from agent.clock import now
from agent.store.database import Database
from agent.text import cut, shorten
from agent.translation import speech
from agent.translation.speech import mark, say
from agent.types import EVERYONE, Audience
from bot.record.reports import notices
from bot.slack.block_kit import Block, LayoutMessage, Message, TextMessage, mrkdwn
from bot.slack.client import SlackClient, SlackRefused
from bot.slack.inbox import Origin
from bot.slack.interactions import recorded_answer
from bot.slack.interactions.feedback.feedback_form import FAULTS
from bot.slack.interactions.feedback.source_reports import SourceFault
from bot.slack.membership import locales
from bot.slack.membership.audience import AudienceResolver
from bot.slack.membership.directory import SlackDirectory
from bot.slack.replies import direct_message
from bot.slack.replies.closing import sources
from bot.slack.replies.closing.sources import SourceEntry
from bot.slack.replies.output_filter import clean_label
from bot.slack.replies.text.markdown import escape
from bot.slack.replies.text.splitting import pack_blocks
from ingest.access import reader_sets

MAX_A_DAY = 5  # messages to one owner; what comes then waits for the next day
MAX_LISTED = 10
LOOK_SECONDS = 20
SECTION_CHARS = 3_000  # Slack's limit
PASSAGE_CHARS, QUESTION_CHARS, COMMENT_CHARS = 300, 200, 300
LEAD = mark("People who read answers of mine say this of documents that you look after:")
SOMEBODY = mark("somebody")
IN_THREADS = frozenset({Origin.MENTION, Origin.THREAD, Origin.REACTION, Origin.CHANNEL})  # read by members


@dataclass(frozen=True)
class PendingReport:
    """A report that its owner was not told of."""

    id: UUID
    turn_id: UUID
    document_id: str
    user_id: str
    fault: SourceFault
    comment: str
    question: str
    origin: str
    channel: str | None
    ts: str | None  # of the question's message
    title: str
    url: str


_OWNERS = text("""
SELECT owner, count(DISTINCT told_at) FILTER (WHERE told_at >= :today)
FROM source_reports JOIN turns ON turns.id = turn_id
WHERE owner <> '' AND (:workspace = '' OR workspace = :workspace) GROUP BY owner
HAVING bool_or(told_at IS NULL)
""")
_PENDING = text("""
SELECT r.id, r.turn_id, r.document_id, r.user_id, r.kind, coalesce(r.comment, ''), turns.question, turns.origin,
       turns.channel, (SELECT place ->> 'ts' FROM deliveries WHERE turn_id = turns.id ORDER BY id LIMIT 1),
       s.title, s.url
FROM source_reports r JOIN turns ON turns.id = r.turn_id
JOIN LATERAL (SELECT title, url FROM sources WHERE turn_id = r.turn_id AND sources.document_id = r.document_id
              ORDER BY is_cited DESC, n LIMIT 1) AS s ON true
WHERE owner = :owner AND told_at IS NULL AND (:workspace = '' OR workspace = :workspace) ORDER BY r.id
""")
_TOLD = text("UPDATE source_reports SET told_at = :at WHERE id = ANY(:ids)")
_LEAVE = text("UPDATE source_reports SET owner = '' WHERE id = ANY(:ids)")


@dataclass(frozen=True)
class OwnerMessages:
    """Sends them in one workspace: of what was asked in ``workspace``, where many have installed the app."""

    database: Database
    slack: SlackClient
    audiences: AudienceResolver
    directory: SlackDirectory
    zone: ZoneInfo
    workspace: str = ""

    def send(self, at: datetime | None = None) -> int:
        """Sends what is due; returns how many. Raises :class:`agent.errors.ReplyError` where Slack is away."""
        moment = (at or now()).astimezone(self.zone)
        today = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        with self.database.transaction() as transaction:
            owners = transaction.execute(_OWNERS, {"today": today, "workspace": self.workspace}).all()
        return sum(self._tell(owner, moment) for owner, n_today in owners if n_today < MAX_A_DAY)

    def _tell(self, owner: str, at: datetime) -> bool:
        with self.database.transaction() as transaction:
            values = {"owner": owner, "workspace": self.workspace}
            pending = [_make(row) for row in transaction.execute(_PENDING, values)]
        if not pending:
            return False
        try:
            audience = self.audiences.of_reader(f"user:{owner}")
            told, left = self._split(pending, audience)
            is_sent = bool(told) and self._send(owner, told, audience)
        except SlackRefused as error:
            if error.is_transient:
                raise
            observability.log.warning("owner_not_told", owner=owner, code=error.code)
            told, left, is_sent = [], pending, False
        with self.database.transaction() as transaction:
            transaction.execute(_TOLD, {"ids": [one.id for one in told], "at": at})
            transaction.execute(_LEAVE, {"ids": [one.id for one in left]})
        return is_sent

    def _split(
        self, pending: Sequence[PendingReport], audience: Audience
    ) -> tuple[list[PendingReport], list[PendingReport]]:
        """Returns the reports about documents that the owner may read, and the others."""
        with self.database.transaction() as transaction:
            hidden = reader_sets.find_unreadable(transaction, {one.document_id for one in pending}, audience)
        told = [one for one in pending if one.document_id not in hidden]
        return told, [one for one in pending if one.document_id in hidden]

    def _send(self, owner: str, told: Sequence[PendingReport], audience: Audience) -> bool:
        notice = notices.begin(
            self.database, f"source-reports:{notices.name_person(owner, self.workspace)}:{told[-1].id}"
        )
        if notice is None:
            return False
        with self.database.transaction() as transaction:
            spoken = locales.find_speech(transaction, self.workspace, owner)
        channel = direct_message.open_channel(self.slack, owner)
        with speech.speak(spoken):
            notices.send(self.slack, notice, channel, self._build(owner, told, audience))
        notices.complete(self.database, notice)
        return True

    def _build(self, owner: str, told: Sequence[PendingReport], audience: Audience) -> Sequence[Message]:
        shown, n_more = cut(told, MAX_LISTED)
        lines = [self._format(one, owner, audience) for one in shown]
        return _to_forms([*lines, *([say("… and {n} more", n=n_more)] if n_more else [])])

    def _format(self, report: PendingReport, owner: str, audience: Audience) -> str:
        may_read = self._may_read(report, owner, audience)
        who = f"<@{report.user_id}>" if may_read else say(SOMEBODY)
        name = sources.link(SourceEntry(clean_label(report.title), report.url, report.document_id))
        lines = [say("• {name} is *{fault}*, says {who}.", name=name, fault=say(FAULTS[report.fault]), who=who)]
        if passage := self._find_passage(report):
            lines.append(f"> {escape(shorten(clean_label(passage), PASSAGE_CHARS))}")
        if may_read:
            asked = f"“{escape(shorten(clean_label(report.question), QUESTION_CHARS))}”"
            link = self._find_link(report)
            linked = mark("Asked was <{link}|this>: {question}") if link else mark("Asked was {question}")
            lines.append(say(linked, link=escape(link), question=asked))
            if report.comment:
                comment = escape(shorten(clean_label(report.comment), COMMENT_CHARS))
                lines.append(say("They wrote: {comment}", comment=comment))
        return "\n".join(lines)

    def _may_read(self, report: PendingReport, owner: str, audience: Audience) -> bool:
        """Returns whether the owner may read the conversation in which the answer was given."""
        if report.channel is None or report.origin not in IN_THREADS:
            return False
        place = self.directory.find_channel(report.channel, time.monotonic() + LOOK_SECONDS)
        if place is None:
            return False
        is_member = all(EVERYONE in member for member in audience.members)
        return owner in place.members or (place.is_public and is_member)

    def _find_passage(self, report: PendingReport) -> str:
        """Returns the cited passage of the document, as it was found then."""
        with self.database.transaction() as transaction:
            recorded = recorded_answer.load(transaction, report.turn_id)
            texts = recorded_answer.read_texts(recorded_answer.load_steps(transaction, report.turn_id))
        cited = recorded.sources if recorded else ()
        numbers = [source.n for source in cited if source.passage.document_id == report.document_id]
        return next((texts[n] for n in numbers if texts.get(n)), "")

    def _find_link(self, report: PendingReport) -> str:
        if report.ts is None:
            return ""
        try:
            told = self.slack.call(
                "chat.getPermalink", is_repeatable=True, channel=report.channel, message_ts=report.ts
            )
        except SlackRefused as error:
            if error.is_transient:
                raise
            return ""
        return str(told["permalink"])


def _make(row: Sequence[object]) -> PendingReport:
    values = list(row)
    values[4] = SourceFault(str(values[4]))
    return PendingReport(*values)  # type: ignore[arg-type]


def _to_forms(lines: Sequence[str]) -> Sequence[Message]:
    texts = [say(LEAD), *lines]
    blocks: list[Block] = [
        {"type": "section", "text": mrkdwn(section)} for section in pack_blocks(texts, SECTION_CHARS)
    ]
    layout: LayoutMessage = {"blocks": blocks, "text": say(LEAD)}
    plain: TextMessage = {"text": "\n\n".join(texts)}
    return [layout, plain]
