"""Finds the questions that Slack gave up delivering, in the history of the bot's conversations.

Slack delivers an event again for about six minutes. What nobody could store in that time is found here and takes
the same way as an event: the same keys make sure that nothing is answered twice. Promises to look at no message
that is older than ``max_age``, or than this database's first question, so that a new database does not answer old
questions again. Who asked in a thread before a message was written decides whether it is a follow-up.
"""

import re
from datetime import UTC, datetime, timedelta
from itertools import islice

from sqlalchemy import text

from agent import observability
from agent.clock import now
from agent.store.sessions import StoredQuestion
from bot.slack.client import Payload, SlackClient
from bot.slack.intake import events, lost_record
from bot.slack.intake.events import IncomingMessage
from bot.slack.intake.history import Conversation, History
from bot.slack.intake.intake import Intake
from bot.slack.intake.known_threads import ANYBODY
from bot.slack.intake.lost_record import LostRecord

MAX_CONVERSATIONS = 300  # those of the latest questions first
MAX_SESSIONS = 100  # threads older than the messages that are read, in which somebody may have asked on

_FIRST = text("SELECT received_at FROM deliveries ORDER BY id LIMIT 1")
_INSTALLED = text("SELECT installed_at FROM workspaces WHERE id = :id")
_SESSIONS = text("""
SELECT key FROM sessions WHERE key LIKE :prefix AND updated_at > now() - interval '14 days'
ORDER BY updated_at DESC LIMIT :limit
""")
_KNOWN = text("""
SELECT place ->> 'channel', bool_or((place ->> 'is_direct')::boolean) FROM deliveries
WHERE received_at > now() - interval '14 days' AND place ? 'channel' AND place ->> 'team_id' = :workspace
GROUP BY 1 ORDER BY max(received_at) DESC
""")
_HAS_ASKED = text(f"""
SELECT 1 FROM turns JOIN sessions ON sessions.id = turns.session_id JOIN deliveries ON turn_id = turns.id
WHERE sessions.key = :key AND (turns.user_id = :user_id OR :user_id = '{ANYBODY}') AND place ->> 'ts' < :ts LIMIT 1
""")
THREAD = re.compile(r"slack:[^:]*:(?P<channel>[^:]+):(?P<ts>\d+\.\d+)")


class CatchUp:
    """Looks for missed questions of a workspace and stores them; ``workspace`` is its id if it is one of many."""

    def __init__(
        self, slack: SlackClient, intake: Intake, history: History, *, max_age: timedelta, workspace: str = ""
    ) -> None:
        self._slack, self._intake, self._history, self._max_age = slack, intake, history, max_age
        self._workspace = workspace
        self._lost = LostRecord()

    def run(self, since: datetime | None = None) -> int:
        """Stores what was missed since a moment, by default in ``max_age``; returns how many questions.

        Raises :class:`agent.errors.ReplyError` if Slack does not answer, and SQLAlchemy's errors: what is not
        stored by then is found by the next run.
        """
        self._intake.settings.refresh(self._intake.database)
        with self._intake.database.transaction() as transaction:
            first = transaction.execute(_FIRST).scalar_one_or_none()
            installed = transaction.execute(_INSTALLED, {"id": self._workspace}).scalar_one_or_none()
            self._lost = lost_record.load(transaction)
        if first is None:
            return 0
        never = datetime.min.replace(tzinfo=UTC)
        oldest = max(now() - self._max_age, first, installed or never, since or never).timestamp()
        identity = self._slack.call("auth.test", is_repeatable=True)
        if self._workspace:  # of an organisation, Slack names one of its workspaces
            identity = {**identity, "team_id": self._workspace}
        n_stored = 0
        conversations = self._list_conversations(str(identity["team_id"]))
        for conversation in conversations.values():
            body = _make_envelope(identity, conversation)
            messages = self._history.read(conversation, oldest, str(identity["user_id"]))
            n_stored += self._take(messages, conversation, body)
        for conversation, thread_ts in self._list_old_threads(identity, conversations, oldest):
            body = _make_envelope(identity, conversation)
            n_stored += self._take(self._history.read_thread(conversation, thread_ts, oldest), conversation, body)
        observability.log.info("caught_up", n_questions=n_stored, n_conversations=len(conversations))
        return n_stored

    def _list_conversations(self, workspace: str) -> dict[str, Conversation]:
        """Lists the conversations by id; those of earlier questions too, where a scope for the list is missing."""
        listed = {conversation.id: conversation for conversation in self._history.list_conversations()}
        with self._intake.database.transaction() as transaction:
            rows = transaction.execute(_KNOWN, {"workspace": workspace}).all()
        known = {id_: Conversation(id_, "im" if is_direct else "channel") for id_, is_direct in rows}
        return dict(islice((known | listed).items(), MAX_CONVERSATIONS))

    def _list_old_threads(
        self, identity: Payload, conversations: dict[str, Conversation], oldest: float
    ) -> list[tuple[Conversation, str]]:
        """Lists the threads of earlier questions whose first message is too old to be read with its channel."""
        values = {"prefix": f"slack:{identity['team_id']}:%", "limit": MAX_SESSIONS}
        with self._intake.database.transaction() as transaction:
            keys = transaction.scalars(_SESSIONS, values).all()
        threads = [match for key in keys if (match := THREAD.fullmatch(key)) and float(match["ts"]) <= oldest]
        return [
            (conversations[thread["channel"]], thread["ts"])
            for thread in threads
            if thread["channel"] in conversations
        ]

    def _take(self, messages: list[Payload], conversation: Conversation, body: Payload) -> int:
        place = {"channel": conversation.id, "channel_type": conversation.kind, "type": "message"}
        missed = [one for one in messages if not self._lost.was_answered(one, messages, self._slack.is_own)]
        parsed = (events.parse_message({**message, **place}, body) for message in missed)
        taken = [self._intake.take(message) for message in parsed if message and self._is_question(message)]
        return sum(isinstance(stored, StoredQuestion) for stored in taken)

    def _is_question(self, message: IncomingMessage) -> bool:
        def has_asked(key: str, user_id: str) -> bool:
            values = {"key": key, "user_id": user_id, "ts": message.address.ts}
            with self._intake.database.transaction() as transaction:
                return transaction.execute(_HAS_ASKED, values).one_or_none() is not None

        return self._intake.is_question(message, has_asked)


def _make_envelope(identity: Payload, conversation: Conversation) -> Payload:
    """Makes what an event's envelope would say."""
    return {
        "team_id": identity["team_id"],
        "authorizations": [{"user_id": identity["user_id"], "is_bot": True}],
        "is_ext_shared_channel": conversation.is_ext_shared,
    }
