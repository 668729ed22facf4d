"""What becomes of a person's message: whether it is a question, and that it is stored once and a worker woken.

The same for a message that Slack delivers and for one that is found in a channel's history later.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from uuid import UUID

from agent import observability
from agent.observability import tracing
from agent.observability.tracing import OpenSpan, SpanRole
from agent.store.database import Database
from agent.store.sessions import StoredQuestion
from agent.types import TurnStatus
from bot.slack import inbox
from bot.slack.channels.channel_settings import FollowUps
from bot.slack.channels.settings_cache import SettingsCache
from bot.slack.inbox import NewQuestion, Origin, ReplyAddress, TooManyQuestions
from bot.slack.intake.events import EmojiAdded, IncomingMessage, MessageRevision
from bot.slack.intake.known_threads import ANYBODY, KnownThreads
from bot.slack.intake.recent_deliveries import RecentDeliveries
from bot.slack.reading.enclosures import NOTHING, Enclosures, FileKind, QuotedMessage

HasAsked = Callable[[str, str], bool]  # by a session's key and a person, or ANYBODY


@dataclass(frozen=True)
class AnsweredEdit:
    """A question that was edited after its turn had ended."""

    turn_id: UUID


@dataclass(frozen=True)
class Intake:
    """Takes questions in: where they are stored, and who is woken.

    ``emoji`` is the one that asks about the message it is put on; empty for none. Methods raise SQLAlchemy's
    errors where Postgres is needed and away; what they were called for must then not be acknowledged.
    """

    database: Database
    wake: Callable[[UUID], None]
    per_minute: int = 0  # questions of one person; 0 is without limit
    threads: KnownThreads = field(default_factory=KnownThreads)
    stored: RecentDeliveries = field(default_factory=RecentDeliveries)
    settings: SettingsCache = field(default_factory=SettingsCache)
    emoji: str = ""

    def is_question(self, message: IncomingMessage, has_asked: HasAsked | None = None) -> bool:
        """Returns whether it is addressed to the bot, follows up on a question, or stands where all are answered.

        ``has_asked`` tells who asked in a thread before; by default as it is now.
        """
        address = message.address
        if address.is_direct:
            return True
        if message.is_mention:
            return not self.is_muted(address)
        if not (message.question or any(file.kind is FileKind.TEXT for file in message.enclosed.files)):
            return False
        if message.is_reply:
            return message.may_be_follow_up and self._listens_to(message, has_asked or self._has_asked)
        in_channel = self.settings.of_channel(address.team_id, address.channel)
        return in_channel.respond_to_all and not in_channel.muted and not message.is_to_others

    def is_muted(self, address: ReplyAddress) -> bool:
        """Returns whether nothing is to be said there, as the owner of the thread wants, or the channel."""
        return self._follow_ups(address) is FollowUps.MUTED

    def take(self, message: IncomingMessage) -> StoredQuestion | TooManyQuestions | None:
        """Stores the question that a message asks; returns None for one that is stored already."""
        return self.store(
            message.key, message.address, message.origin, message.question, enclosed=message.enclosed
        )

    def is_asked_by(self, reaction: EmojiAdded) -> bool:
        """Returns whether it is the emoji that asks."""
        return bool(self.emoji) and reaction.name == self.emoji

    def take_reaction(self, reaction: EmojiAdded) -> StoredQuestion | TooManyQuestions | None:
        """Stores the question that an emoji asks about its message, which a worker looks up; None where it is
        another emoji, or was asked already."""
        if not self.is_asked_by(reaction):
            return None
        address = reaction.address
        quoted = QuotedMessage(address.channel, str(address.ts))
        return self.store(
            reaction.key, address, Origin.REACTION, "", enclosed=Enclosures(quoted), may_come_again=True
        )

    def store(
        self,
        key: str,
        address: ReplyAddress,
        origin: Origin,
        question: str,
        *,
        enclosed: Enclosures = NOTHING,
        may_come_again: bool = False,
    ) -> StoredQuestion | TooManyQuestions | None:
        """Stores a question and wakes a worker; returns None if its key is stored already.

        A click, a form or an emoji ``may_come_again`` under the same key, after a person asked too much.
        """
        if key in self.stored:
            return None
        new = self._place(NewQuestion(key, address, origin, question, enclosed, may_come_again=may_come_again))
        return self._note(new, inbox.store(self.database, new))

    def find(self, key: str) -> bool:
        """Returns whether the question under this key is stored, after a failure that does not tell; wakes it."""
        session_id = inbox.find_session(self.database, key)
        if session_id:
            self.wake(session_id)
        return session_id is not None

    def revise(self, revision: MessageRevision) -> StoredQuestion | TooManyQuestions | AnsweredEdit | None:
        """Takes back a question that was deleted, or is addressed to nobody any more; corrects an edited one.

        Stores a question that an edit made of a message, by adding a mention. What Slack tells of a message that
        its author did not edit corrects nothing. Needs one transaction at most.
        """
        before, after = revision.before, revision.after
        adds_mention = after is not None and after.is_mention and not before.is_mention and self.is_question(after)
        if not (adds_mention or self._may_have_asked(before)):
            return None
        if after and self._may_have_asked(after):
            return self._correct(before.key, after, may_be_new=adds_mention) if revision.is_edit else None
        is_sure = before.is_mention or before.address.is_direct or not before.is_reply
        session_id = inbox.withdraw(self.database, before.key, follows_up=None if is_sure else before.address)
        observability.log.info("question_withdrawn", is_open=session_id is not None)
        if session_id:
            self.wake(session_id)
        return None

    def stop(self, address: ReplyAddress) -> list[ReplyAddress]:
        """Stops what its asker marked, wakes whoever comes next, and returns where what waited was asked."""
        stopped = inbox.stop(self.database, address)
        for one in stopped:
            self.wake(one.session_id)
        observability.log.info("stop_requested", n_stopped=len(stopped))
        return [one.address for one in stopped if one.address]

    def ask_again(
        self, turn_id: UUID, *, workspace: str, user_id: str
    ) -> StoredQuestion | TooManyQuestions | None:
        """Stores a question as it was edited after its answer; None where that was done, or there is none."""
        with self.database.transaction() as transaction:
            edited = inbox.load_edited(transaction, turn_id, workspace=workspace, user_id=user_id)
            if edited is None or edited.key in self.stored:
                return None
            new = self._place(edited)
            stored = inbox.store_in(transaction, new)
        return self._note(new, stored)

    def _place(self, new: NewQuestion) -> NewQuestion:
        """Returns a question as it is to be stored here: shown to its asker alone where its channel wants that."""
        address = new.address
        if address.thread_ts and not address.is_direct:
            in_channel = self.settings.of_channel(address.team_id, address.channel)
            address = replace(address, only_asker=in_channel.ephemeral)
        return replace(new, address=address, per_minute=self.per_minute)

    def _note(
        self, new: NewQuestion, stored: StoredQuestion | TooManyQuestions | None
    ) -> StoredQuestion | TooManyQuestions | None:
        """Remembers what was stored, and wakes a worker; returns it."""
        if isinstance(stored, TooManyQuestions):
            observability.log.info("too_many_questions", origin=new.origin, wait_seconds=stored.wait_seconds)
            if new.may_come_again:
                return stored
        self.stored.add(new.key)
        if new.address.thread_ts and new.origin is not Origin.CHANNEL:
            self.threads.add(new.address.session_key, new.address.user_id)
        if isinstance(stored, StoredQuestion):
            turn_id = str(stored.turn_id)
            observability.log.info("received", origin=new.origin, turn_id=turn_id, n_ahead=stored.n_ahead)
            with _trace(new, stored):
                self.wake(stored.session_id)
        return stored

    def _correct(
        self, key: str, after: IncomingMessage, *, may_be_new: bool
    ) -> StoredQuestion | TooManyQuestions | AnsweredEdit | None:
        """Corrects the question under a key; stores what was none before, where it ``may_be_new``."""
        stored: StoredQuestion | TooManyQuestions | None = None
        new = self._place(NewQuestion(key, after.address, after.origin, after.question, after.enclosed))
        with self.database.transaction() as transaction:
            turn_id, status = inbox.correct(transaction, key, after.question) or (None, None)
            is_new = may_be_new and turn_id is None and key not in self.stored
            if is_new:
                stored = inbox.store_in(transaction, new)
        if is_new:
            return self._note(new, stored)
        observability.log.info("question_edited", status=status)
        has_ended = status not in (None, TurnStatus.QUEUED, TurnStatus.RUNNING)
        return AnsweredEdit(turn_id) if turn_id and has_ended else None

    def _may_have_asked(self, message: IncomingMessage) -> bool:
        """Returns whether it may have been a question when it was written, as far as is known without Postgres:
        its channel or thread may be muted since."""
        if message.is_mention or message.address.is_direct:
            return True
        if message.is_reply:
            return message.may_be_follow_up
        in_channel = self.settings.of_channel(message.address.team_id, message.address.channel)
        return in_channel.respond_to_all and not message.is_to_others

    def _follow_ups(self, address: ReplyAddress) -> FollowUps:
        return self.settings.of_thread(address.session_key, address.team_id, address.channel)

    def _listens_to(self, message: IncomingMessage, has_asked: HasAsked) -> bool:
        """Returns whether a reply that is addressed to nobody else is heard without a mention."""
        address = message.address
        match self._follow_ups(address):
            case FollowUps.ALWAYS:
                return not message.names_others and has_asked(address.session_key, ANYBODY)
            case FollowUps.ASKER:
                return has_asked(address.session_key, address.user_id)
        return False

    def _has_asked(self, key: str, user_id: str) -> bool:
        return self.threads.has_asked(self.database, key, user_id)


def _trace(new: NewQuestion, stored: StoredQuestion) -> AbstractContextManager[OpenSpan]:
    """Opens the span of a question that came in, from when its event arrived; with it, its trace begins."""
    attributes: tracing.Attributes = {
        "messaging.system": "slack",
        "docent.origin": new.origin,
        "docent.turn_id": str(stored.turn_id),
        "gen_ai.conversation.id": str(stored.session_id),
    }
    return tracing.span("receive question", SpanRole.SERVER, attributes, began_at=tracing.find_arrival())
