"""What becomes of a person's message: whether it is a question, and that it is stored once and a worker woken.

The same for a message that Slack delivers and for one that is found in a channel's history later.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import UUID

from agent import observability
from agent.store.database import Database
from agent.store.sessions import StoredQuestion
from bot.slack import inbox
from bot.slack.channels.channel_settings import FollowUps
from bot.slack.channels.settings_cache import SettingsCache
from bot.slack.inbox import Origin, ReplyAddress, TooManyQuestions
from bot.slack.intake.events import EmojiAdded, IncomingMessage, MessageRevision
from bot.slack.intake.known_threads import ANYBODY, KnownThreads
from bot.slack.intake.recent_deliveries import RecentDeliveries
from bot.slack.reading.enclosures import NOTHING, Enclosures, FileKind, QuotedMessage

HasAsked = Callable[[str, str], bool]  # by a session's key and a person, or ANYBODY


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
        if address.thread_ts and not address.is_direct:
            in_channel = self.settings.of_channel(address.team_id, address.channel)
            address = replace(address, only_asker=in_channel.ephemeral)
        stored = inbox.store(
            self.database,
            key=key,
            address=address,
            origin=origin,
            question=question,
            enclosed=enclosed,
            per_minute=self.per_minute,
            may_come_again=may_come_again,
        )
        if may_come_again and isinstance(stored, TooManyQuestions):
            observability.log.info("too_many_questions", origin=origin, wait_seconds=stored.wait_seconds)
            return stored
        self.stored.add(key)
        if address.thread_ts and origin is not Origin.CHANNEL:
            self.threads.add(address.session_key, address.user_id)
        if isinstance(stored, TooManyQuestions):
            observability.log.info("too_many_questions", origin=origin, wait_seconds=stored.wait_seconds)
        elif stored:
            observability.log.info("received", origin=origin, turn_id=str(stored.turn_id), n_ahead=stored.n_ahead)
            self.wake(stored.session_id)
        return stored

    def find(self, key: str) -> bool:
        """Returns whether the question under this key is stored, after a failure that does not tell; wakes it."""
        session_id = inbox.find_session(self.database, key)
        if session_id:
            self.wake(session_id)
        return session_id is not None

    def revise(self, revision: MessageRevision) -> StoredQuestion | TooManyQuestions | None:
        """Takes back a question that was deleted, or is addressed to nobody any more; corrects an edited one.

        Stores a question that an edit made of a message, by adding a mention.
        """
        before, after = revision.before, revision.after
        if not self.is_question(before):
            is_new = revision.is_edit and after is not None and after.is_mention and not before.is_mention
            return self.take(after) if is_new and after and self.is_question(after) else None
        if after and self.is_question(after):
            is_corrected = inbox.correct(self.database, before.key, after.question)
            observability.log.info("question_edited", is_corrected=is_corrected)
            return None
        session_id = inbox.withdraw(self.database, before.key)
        observability.log.info("question_withdrawn", is_open=session_id is not None)
        if session_id:
            self.wake(session_id)
        return None

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
