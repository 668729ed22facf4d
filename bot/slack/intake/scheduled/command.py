"""``/docent every …``: sets a scheduled question up, lists those of a channel, removes and resumes them.

Owns the sentences, which only who typed the command reads. Whoever is in a channel may set up and list; who set a
question up and operators may remove and resume it, and anybody one that is paused because its setter has gone.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from agent.clock import now
from agent.errors import ReplyError, UserError
from agent.store import sessions
from agent.store.database import Database
from agent.text import shorten
from agent.translation import dates
from agent.translation.speech import mark, say
from bot.slack.block_kit import Message
from bot.slack.inbox import ReplyAddress
from bot.slack.intake.scheduled import recurrence, rows
from bot.slack.intake.scheduled.rows import Bounds, PauseReason, ScheduledQuestion
from bot.slack.intake.scheduled.standing import Standing
from bot.slack.replies.output_filter import clean_label
from bot.slack.replies.text.markdown import escape

WORD = "every"
USAGE = mark("monday 9:00 your question")
HELP = mark(
    "asks at that time, and posts the answer here when it says something new; `every list`, `every remove 1`"
)
MAX_QUESTION_CHARS = 1_000
SHOWN_CHARS = 200
DONE = mark(
    "I ask this here {when} ({zone}), for the first time on {first}:\n> {question}\nI post the answer for "
    "everybody here, from what all of them may read, and only when it says something new. "
    "`{command} every remove {n}` ends it."
)
NONE_HERE = mark("No question is scheduled here. Set one up, for example with {example}.")
LISTED = mark("*Scheduled here*\n{lines}\n`{command} every remove 1` removes the first.")
LINE = mark("{n}. {when} ({zone}), set up by <@{user}>, next on {next}: {question}")
PAUSED_LINE = mark("{n}. ⏸ {when}, set up by <@{user}>, paused: {why}. {question}")
NOT_THERE = mark("There is no scheduled question {n} here. `{command} every list` shows those that there are.")
WHICH = mark(
    "Write which one, by its number, as in `{command} every {word} 1`; `{command} every list` shows them."
)
NOT_YOURS = mark("Only <@{user}>, who set it up, and those who look after me can do that.")
REMOVED = mark("Removed: I no longer ask *{question}*.")
RESUMED = mark("I ask *{question}* again {when}, next on {next}.")
NOT_PAUSED = mark("It is not paused: I ask it next on {next}.")
TOO_LONG = mark("Your question has {n:,} characters; a scheduled one may have {most:,}.")
NOT_NOW = mark("I could not look up in Slack where and when that is. Please try again in a minute.")
NOT_POSSIBLE = {
    PauseReason.NOT_INVITED: mark(
        "I am not in this conversation. Invite me with `/invite`, then try again; it also "
        "works in the direct messages with me."
    ),
    PauseReason.CHANNEL_GONE: mark(
        "I am not in this conversation. Invite me with `/invite`, then try again; it also "
        "works in the direct messages with me."
    ),
    PauseReason.CHANNEL_ARCHIVED: mark("This channel is archived."),
    PauseReason.SETTER_NOT_HERE: mark("You are not a member of this channel. Join it, then try again."),
    PauseReason.SETTER_LEFT: mark("Slack says that you have left the workspace."),
    PauseReason.CHANNEL_MUTED: mark(
        "I am muted in this channel, so I would not post the answer. Once I am not, try "
        "again; it also works in the direct messages with me."
    ),
    PauseReason.NOT_ALLOWED: mark(
        "In this channel I answer only members of certain user groups, and who sets a "
        "question up has to be in one of them. It also works in the direct messages with me."
    ),
}
PAUSED = {
    PauseReason.SETTER_LEFT: mark("who set it up has left"),
    PauseReason.SETTER_NOT_HERE: mark("who set it up is not in this channel any more"),
    PauseReason.CHANNEL_GONE: mark("I was taken out of the channel"),
    PauseReason.CHANNEL_ARCHIVED: mark("the channel was archived"),
    PauseReason.NOT_INVITED: mark("I was taken out of the channel"),
    PauseReason.CHANNEL_MUTED: mark("I am muted here"),
    PauseReason.NOT_ALLOWED: mark("who set it up is in none of the user groups that I answer here"),
    PauseReason.REFUSED: mark("Slack did not let me post here"),
}
ABANDONED = (PauseReason.SETTER_LEFT, PauseReason.SETTER_NOT_HERE)


class ScheduledCommand:
    """Answers the command. ``operators`` are the ids of people who may change any question."""

    def __init__(
        self,
        database: Database,
        standing: Standing,
        *,
        bounds: Bounds | None = None,
        operators: Collection[str] = (),
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database, self._standing, self._clock = database, standing, clock
        self._bounds, self._operators = bounds or Bounds(), frozenset(operators)

    def answer(self, address: ReplyAddress, words: str, command: str = "/docent") -> Message:
        """Does what the words after ``every`` ask for; returns what to say. Asks Slack, so acknowledge first."""
        word, _, rest = words.strip().partition(" ")
        changes: Mapping[str, Callable[[ReplyAddress, ScheduledQuestion], str]] = {
            "remove": self._remove,
            "resume": self._resume,
        }
        try:
            if word.lower() in ("", "list"):
                return {"text": self._list(address, command)}
            if change := changes.get(word.lower()):
                return {"text": change(address, self._find(address, word.lower(), rest, command))}
            return {"text": self._set_up(address, words, command)}
        except UserError as error:
            return {"text": str(error)}
        except ReplyError:
            return {"text": say(NOT_NOW)}

    def _set_up(self, address: ReplyAddress, words: str, command: str) -> str:
        order = recurrence.parse(words, command)
        if len(order.question) > MAX_QUESTION_CHARS:
            raise UserError(say(TOO_LONG, n=len(order.question), most=MAX_QUESTION_CHARS))
        zone = self._standing.find_zone(address.user_id)
        problem = (
            self._standing.find_problem(address.team_id, address.channel, address.user_id)
            if zone
            else PauseReason.SETTER_LEFT
        )
        if problem or zone is None:
            raise UserError(say(NOT_POSSIBLE[problem or PauseReason.SETTER_LEFT]))
        question = rows.make(
            team=address.team_id,
            channel=address.channel,
            user_id=address.user_id,
            question=sessions.clean_question(order.question),
            language=order.language,
            recurrence=order.recurrence,
            zone=zone,
            after=self._clock(),
        )
        with self._database.transaction() as transaction:
            n = rows.add(transaction, question, self._bounds, command=command)
        return say(
            DONE,
            when=question.recurrence.describe(),
            zone=zone.key,
            first=_format_next(question),
            question=_show(question),
            command=command,
            n=n,
        )

    def _list(self, address: ReplyAddress, command: str) -> str:
        with self._database.transaction() as transaction:
            questions = rows.list_here(transaction, address.team_id, address.channel)
        if not questions:
            return say(NONE_HERE, example=say(recurrence.EXAMPLE, command=command))
        return say(LISTED, lines="\n".join(map(_format_line, questions)), command=command)

    def _find(self, address: ReplyAddress, word: str, written: str, command: str) -> ScheduledQuestion:
        """Returns the question under the number that was written, which this person may change."""
        number = written.strip().rstrip(".")
        if not number.isdecimal():
            raise UserError(say(WHICH, command=command, word=word))
        with self._database.transaction() as transaction:
            questions = rows.list_here(transaction, address.team_id, address.channel)
        question = next((one for one in questions if str(one.n) == number.lstrip("0")), None)
        if question is None:
            raise UserError(say(NOT_THERE, n=number[:SHOWN_CHARS], command=command))
        is_theirs = address.user_id == question.user_id or address.user_id in self._operators
        if not is_theirs and not (word == "remove" and question.paused in ABANDONED):
            raise UserError(say(NOT_YOURS, user=question.user_id))
        return question

    def _remove(self, address: ReplyAddress, question: ScheduledQuestion) -> str:
        with self._database.transaction() as transaction:
            rows.remove(transaction, question.id)
        return say(REMOVED, question=_show(question).replace("*", "∗"))

    def _resume(self, address: ReplyAddress, question: ScheduledQuestion) -> str:
        if question.paused is None:
            raise UserError(say(NOT_PAUSED, next=_format_next(question)))
        if problem := self._standing.find_problem(question.team, question.channel, question.user_id):
            raise UserError(say(NOT_POSSIBLE[problem]))
        next_at = question.recurrence.find_next(self._clock(), question.zone)
        with self._database.transaction() as transaction:
            rows.resume(transaction, question.id, next_at)
        when, shown = question.recurrence.describe(), _show(question).replace("*", "∗")
        return say(RESUMED, question=shown, when=when, next=_format_time(next_at.astimezone(question.zone)))


def _format_line(question: ScheduledQuestion) -> str:
    values = {"n": question.n, "when": question.recurrence.describe(), "user": question.user_id}
    if question.paused:
        return say(PAUSED_LINE, **values, why=say(PAUSED[question.paused]), question=_show(question))
    line = say(LINE, **values, zone=question.zone.key, next=_format_next(question), question=_show(question))
    return say("{line} (in {language})", line=line, language=question.language) if question.language else line


def _format_next(question: ScheduledQuestion) -> str:
    return _format_time(question.next_at.astimezone(question.zone))


def _format_time(local: datetime) -> str:
    return dates.name_weekday(local.date())


def _show(question: ScheduledQuestion) -> str:
    return escape(shorten(clean_label(question.question), SHOWN_CHARS))
