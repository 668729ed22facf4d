"""Reads the messages of a Slack thread for the tool ``thread_history``.

Promises the newest messages, oldest first, as plain text; every failure becomes a :class:`ToolError` with a hint.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from sqlalchemy import text

from agent.errors import ReplyError, ToolError
from agent.store import earlier_turns
from agent.store.database import Database
from agent.text import shorten
from agent.turn import history
from agent.types import Audience
from bot.slack.client import Payload, SlackClient, SlackRefused
from bot.slack.reading import message_reader
from bot.slack.reading.foreign_json import list_objects
from ingest import slack_markup
from ingest.access import reader_sets
from tools.thread_history import ThreadMessage

PAGE = 200  # messages
TEXT_CHARS = 2_000  # of one message
# As bot.slack.inbox.ReplyAddress.session_key makes it.
SESSION_KEY = re.compile(r"slack:[^:]*:(?P<channel>[^:]+):(?P<thread_ts>\d+\.\d+)")
NO_THREAD = "This question was not asked in a thread, so there is nothing before it to read."
Names = Callable[[Iterable[str], float], Mapping[str, str]]  # by ids, with a deadline
UNREADABLE = {"missing_scope", "not_in_channel", "channel_not_found", "no_permission"}


_ANSWERS = text(f"""
SELECT replies.ts, {earlier_turns.BASIS} FROM replies JOIN turns ON turns.id = replies.turn_id
WHERE replies.channel = :channel AND thread_ts = :thread_ts AND replies.ts IS NOT NULL
  AND (CAST(:workspace AS text) = '' OR workspace = :workspace)
""")


class SlackThread:
    """A :class:`tools.thread_history.ThreadPort` over Slack's Web API.

    Leaves out answers of our own that the audience may not know, and those of which nothing is stored any more.
    ``passage_tools`` are the tools that return passages only; ``names`` tells how people are called; ``workspace``
    is the id of one of many that have installed the app.
    """

    def __init__(
        self,
        slack: SlackClient,
        database: Database,
        passage_tools: Collection[str] = (),
        names: Names = lambda ids, deadline: {},
        *,
        workspace: str = "",
    ) -> None:
        self._slack, self._database, self._passage_tools, self._names = slack, database, passage_tools, names
        self._workspace = workspace

    def messages(self, session_key: str, limit: int, deadline: float, audience: Audience) -> list[ThreadMessage]:
        """Reads every page, because Slack lists a thread from its beginning only, and returns the last
        messages."""
        address = SESSION_KEY.fullmatch(session_key)
        if address is None:  # a command, or the terminal
            raise ToolError(NO_THREAD, hint="Answer from the question alone.")
        newest: deque[Payload] = deque(maxlen=limit)
        known = self.find_known(address["channel"], address["thread_ts"], audience)
        try:
            for message in self._load_messages(address["channel"], address["thread_ts"], deadline):
                is_known = message["ts"] in known or not self._slack.is_own(message)
                if is_known and _text(message):
                    newest.append(message)
        except SlackRefused as error:
            raise _translate(error) from error
        except ReplyError as error:
            raise ToolError(
                "Slack does not answer, so the thread cannot be read now.",
                hint="Answer without it, and say that you could not read the thread.",
            ) from error
        return self._to_thread_messages(newest, deadline)

    def find_known(self, channel: str, thread_ts: str, audience: Audience) -> set[str]:
        """Returns the ts of our answers in the thread that the audience may know."""
        values = {"channel": channel, "thread_ts": thread_ts, "workspace": self._workspace}
        with self._database.transaction() as transaction:
            rows = transaction.execute(_ANSWERS, values).all()
            known = history.find_known(
                transaction,
                [earlier_turns.make_basis(*basis) for _, *basis in rows],
                audience,
                find_unreadable=reader_sets.find_unreadable,
                passage_tools=self._passage_tools,
            )
        return {row[0] for row, is_known in zip(rows, known, strict=True) if is_known}

    def _load_messages(self, channel: str, thread_ts: str, deadline: float) -> Iterator[Payload]:
        cursor: str | None = None
        while True:
            page = self._slack.call(
                "conversations.replies",
                is_repeatable=True,
                deadline=deadline,
                channel=channel,
                ts=thread_ts,
                limit=PAGE,
                cursor=cursor,
            )
            yield from (m for m in page.get("messages", ()) if cursor is None or m["ts"] != thread_ts)
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
            if time.monotonic() >= deadline:
                raise ToolError(
                    "The thread is too long to be read in the time that is left.",
                    hint="Answer without it, and say so.",
                )

    def _to_thread_messages(self, messages: Collection[Payload], deadline: float) -> list[ThreadMessage]:
        named = {
            message["ts"]: {*slack_markup.find_people(str(message.get("text"))), _who(message)}
            for message in messages
        }
        names = self._names({id_ for ids in named.values() for id_ in ids}, deadline)
        return [
            ThreadMessage(
                who=_who(message),
                said_at=message_reader.format_time(str(message["ts"])),
                text=shorten(_text(message, names), TEXT_CHARS),
                is_docent=self._slack.is_own(message),
                people={id_: names[id_] for id_ in sorted(named[message["ts"]]) if id_ in names},
            )
            for message in messages
        ]


def _who(message: Payload) -> str:
    return str(message.get("user") or message.get("bot_id") or "unknown")


def _text(message: Payload, names: Mapping[str, str] | None = None) -> str:
    """Returns the text, else the names of the shared files; empty for a stream that has just begun."""
    files = ", ".join(str(file.get("name") or "a file") for file in list_objects(message.get("files")))
    return message_reader.read_text(message, names) or (f"[shared: {files}]" if files else "")


def _translate(error: SlackRefused) -> ToolError:
    if error.code in UNREADABLE:
        return ToolError(
            f"The bot may not read this conversation ({error.code}).",
            hint="Answer without it, and say that an administrator can let you read it.",
        )
    if error.code == "thread_not_found":
        return ToolError("The thread does not exist any more.", hint="Answer from the question alone.")
    return ToolError(f"Slack refused to show the thread ({error.code}).", hint="Answer without it.")
