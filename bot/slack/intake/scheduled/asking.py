"""What the clock does about scheduled questions: asks those whose time has come, and pauses those that cannot be.

Promises that each time is asked once, also with two clocks or where one dies: the question is stored with the
next time, under a key of its own. What a stopped clock missed is asked once when it starts again. Where Slack
cannot say whether setter and channel are still there, the question waits.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.clock import now
from agent.errors import ReplyError
from agent.store.database import Database
from agent.store.sessions import StoredQuestion
from agent.text import shorten
from agent.translation import speech
from agent.translation.speech import mark, say
from bot.slack import inbox
from bot.slack.client import SlackClient, SlackRefused
from bot.slack.inbox import ReplyAddress
from bot.slack.intake.scheduled import rows
from bot.slack.intake.scheduled.rows import PauseReason, ScheduledQuestion
from bot.slack.intake.scheduled.standing import Standing
from bot.slack.interactions import marked_posts
from bot.slack.interactions.notifications import NOTE
from bot.slack.membership import locales
from bot.slack.replies import direct_message
from bot.slack.replies.output_filter import clean_label
from bot.slack.replies.text.markdown import escape

MOST_AT_ONCE = 50
SOUGHT = timedelta(days=1)  # before now, or the time that was due: how far back an earlier post is looked for
QUESTION_CHARS = 300
PAUSED_HERE = mark(
    "I no longer ask *{question}* here {when}: <@{user}>, who set that up, {why}. Whoever wants it can set it up "
    "again with `{command} every`, or take it off the list with `{command} every remove {n}`."
)
PAUSED_THERE = mark(
    "I no longer ask *{question}* in <#{channel}> {when}, as you had set up: {why}. Once that is mended, "
    "`{command} every resume {n}` in the channel lets me ask again."
)
MUTED_THERE = mark(
    "I do not ask *{question}* in <#{channel}> {when}, as you had set up: {why}. Once I am not, I ask it again by "
    "myself; `{command} every remove {n}` in the channel takes it off the list."
)
PAUSED_DIRECTLY = mark("I no longer ask *{question}* here {when}: {why}.")
WHY = {
    PauseReason.SETTER_LEFT: mark("has left the workspace"),
    PauseReason.SETTER_NOT_HERE: mark("is not in this channel any more"),
    PauseReason.CHANNEL_GONE: mark("the channel is gone, or I was taken out of it"),
    PauseReason.CHANNEL_ARCHIVED: mark("the channel is archived"),
    PauseReason.NOT_INVITED: mark("I am not in the channel any more"),
    PauseReason.CHANNEL_MUTED: mark("I am muted in the channel"),
    PauseReason.NOT_ALLOWED: mark(
        "there I answer only members of certain user groups, and you are in none of them"
    ),
    PauseReason.REFUSED: mark("Slack does not let me post there"),
}
SAID_IN_CHANNEL = (PauseReason.SETTER_LEFT, PauseReason.SETTER_NOT_HERE)


class ScheduledAsking:
    """Asks the questions of one workspace: ``workspace``, where many have installed the app. ``wake`` tells a
    worker that a session has one."""

    def __init__(
        self,
        database: Database,
        slack: SlackClient,
        standing: Standing,
        wake: Callable[[UUID], None],
        *,
        command: str = "/docent",
        workspace: str = "",
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database, self._slack, self._standing = database, slack, standing
        self._workspace = workspace
        self._wake, self._command, self._clock = wake, command, clock

    def run(self) -> int:
        """Asks what is due, and tells of what was paused; returns how many questions were asked."""
        with self._database.transaction() as transaction:
            for question in rows.list_unmuted(transaction, limit=MOST_AT_ONCE, team=self._workspace):
                rows.resume(transaction, question.id, question.recurrence.find_next(self._clock(), question.zone))
            due = rows.list_due(transaction, self._clock(), limit=MOST_AT_ONCE, team=self._workspace)
        n_asked = sum(self._try(self._ask, question) for question in due)
        with self._database.transaction() as transaction:
            untold = rows.list_untold(transaction, limit=MOST_AT_ONCE, team=self._workspace)
        for question in untold:
            self._try(self._tell_setter, question)
        return n_asked

    def _try(self, work: Callable[[ScheduledQuestion], bool], question: ScheduledQuestion) -> bool:
        """Works on a question; where Slack is away, it waits, and the others do not wait for it."""
        try:
            return work(question)
        except ReplyError as error:
            observability.log.warning("scheduled_question_waits", error=str(error), question_id=str(question.id))
            return False
        except SQLAlchemyError:
            raise
        except Exception as error:  # noqa: BLE001  the others are asked all the same
            observability.report(error, event="scheduled_question_failed")
            return False

    def _ask(self, question: ScheduledQuestion) -> bool:
        zone, problem = self._look_up(question)
        stored: StoredQuestion | None = None
        with self._database.transaction() as transaction:
            if problem or zone is None:
                rows.pause(transaction, question.id, problem or PauseReason.SETTER_LEFT)
            else:
                next_at = question.recurrence.find_next(self._clock(), zone)
                if rows.advance(transaction, question, next_at, zone):
                    stored = inbox.store_scheduled(transaction, make_address(question), question.ask())
        if problem:
            observability.log.info("scheduled_question_paused", reason=problem, question_id=str(question.id))
        if stored:
            observability.log.info("scheduled_question_asked", turn_id=str(stored.turn_id))
            self._wake(stored.session_id)
        return stored is not None

    def _look_up(self, question: ScheduledQuestion) -> tuple[ZoneInfo | None, PauseReason | None]:
        """Returns the setter's zone, and why nothing can be asked; raises :class:`ReplyError` if that may pass."""
        try:
            zone = self._standing.find_zone(question.user_id)
            problem = PauseReason.SETTER_LEFT if zone is None else None
            return zone, problem or self._standing.find_problem(question.team, question.channel, question.user_id)
        except SlackRefused as error:
            if error.is_transient:
                raise
            return None, PauseReason.REFUSED

    def _tell_setter(self, question: ScheduledQuestion) -> bool:
        with self._database.transaction() as transaction:
            spoken = locales.find_speech(transaction, question.team, question.user_id)
        with speech.speak(spoken):
            return self._tell(question)

    def _tell(self, question: ScheduledQuestion) -> bool:
        """Says that a question is paused: in its channel, or to its setter where that cannot be."""
        assert question.paused
        values = {
            "question": escape(shorten(clean_label(question.question), QUESTION_CHARS)).replace("*", "∗"),
            "when": question.recurrence.describe(),
            "user": question.user_id,
            "channel": question.channel,
            "n": question.n,
            "why": say(WHY[question.paused]),
            "command": self._command,
        }
        try:
            if question.paused in SAID_IN_CHANNEL and not question.is_direct:
                self._post(question, question.channel, say(PAUSED_HERE, **values))
            elif question.paused is not PauseReason.SETTER_LEFT:
                there = MUTED_THERE if question.paused is PauseReason.CHANNEL_MUTED else PAUSED_THERE
                form = PAUSED_DIRECTLY if question.is_direct else there
                channel = direct_message.open_channel(self._slack, question.user_id)
                self._post(question, channel, say(form, **values))
        except SlackRefused as error:
            if error.is_transient:
                raise
            observability.log.warning("pause_not_told", code=error.code, question_id=str(question.id))
        with self._database.transaction() as transaction:
            rows.note_told(transaction, question.id)
        return True

    def _post(self, question: ScheduledQuestion, channel: str, text: str) -> None:
        """Posts it unless an earlier try has, of which Slack or this process did not say so."""
        payload = {"question_id": str(question.id), "next_at": question.next_at.isoformat()}
        marked_posts.post(
            self._slack,
            [{"text": text}],
            channel=channel,
            thread_ts=None,
            mark=NOTE | {"event_payload": payload},
            sought_since=min(question.next_at, self._clock()) - SOUGHT,
        )


def make_address(question: ScheduledQuestion) -> ReplyAddress:
    """Returns where the answer to a question that is due goes: it is for all who see what is posted there."""
    return ReplyAddress(
        question.team,
        question.channel,
        question.user_id,
        is_direct=question.is_direct,
        session=question.make_session(question.next_at),
        is_scheduled=True,
    )
