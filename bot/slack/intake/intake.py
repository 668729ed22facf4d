"""What becomes of a person's message: whether it is a question, and that it is stored once and a worker woken.

The same for a message that Slack delivers and for one that is found in a channel's history later.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from agent import observability
from agent.store.database import Database
from agent.store.sessions import StoredQuestion
from bot.slack import inbox
from bot.slack.events import IncomingMessage, MessageRevision
from bot.slack.inbox import Origin, ReplyAddress, TooManyQuestions
from bot.slack.intake.known_threads import KnownThreads
from bot.slack.intake.recent_deliveries import RecentDeliveries


@dataclass(frozen=True)
class Intake:
    """Takes questions in: where they are stored, and who is woken.

    Methods raise SQLAlchemy's errors where Postgres is needed and away; what they were called for must then not be
    acknowledged.
    """

    database: Database
    wake: Callable[[UUID], None]
    per_minute: int = 0  # questions of one person; 0 is without limit
    threads: KnownThreads = field(default_factory=KnownThreads)
    stored: RecentDeliveries = field(default_factory=RecentDeliveries)

    def is_question(self, message: IncomingMessage) -> bool:
        """Returns whether it is addressed to the bot, or follows up on a question of the same person."""
        if message.address.is_direct or message.is_mention:
            return True
        address = message.address
        return message.may_be_follow_up and self.threads.has_asked(
            self.database, address.session_key, address.user_id
        )

    def take(self, message: IncomingMessage) -> StoredQuestion | TooManyQuestions | None:
        """Stores the question that a message asks; returns None for one that is stored already."""
        return self.store(message.key, message.address, message.origin, message.question)

    def store(
        self, key: str, address: ReplyAddress, origin: Origin, question: str
    ) -> StoredQuestion | TooManyQuestions | None:
        """Stores a question and wakes a worker; returns None if its key is stored already."""
        if key in self.stored:
            return None
        stored = inbox.store(
            self.database,
            key=key,
            address=address,
            origin=origin,
            question=question,
            per_minute=self.per_minute,
        )
        self.stored.add(key)
        if address.thread_ts:
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

    def revise(self, revision: MessageRevision) -> None:
        """Takes back a question that was deleted, or is addressed to nobody any more; corrects an edited one."""
        if not self.is_question(revision.before):
            return
        key = revision.before.key
        if revision.after and self.is_question(revision.after):
            is_corrected = inbox.correct(self.database, key, revision.after.question)
            observability.log.info("question_edited", is_corrected=is_corrected)
            return
        session_id = inbox.withdraw(self.database, key)
        observability.log.info("question_withdrawn", is_open=session_id is not None)
        if session_id:
            self.wake(session_id)
