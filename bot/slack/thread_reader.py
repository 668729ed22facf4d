"""Reads the messages of a Slack thread for the tool ``thread_history``.

Promises the newest messages, oldest first, as plain text; every failure becomes a :class:`ToolError` with a hint.
"""

import re
import time
from collections import deque
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from sqlalchemy import text

from agent.errors import ReplyError, ToolError
from agent.store import earlier_turns
from agent.store.database import Database
from agent.text import shorten
from agent.turn import history
from agent.types import Audience
from bot.slack.client import Payload, SlackClient, SlackRefused
from ingest import slack_markup
from ingest.access import reader_sets
from tools.thread_history import ThreadMessage

PAGE = 200  # messages
TEXT_CHARS = 2_000  # of one message
# As bot.slack.inbox.ReplyAddress.session_key makes it.
SESSION_KEY = re.compile(r"slack:[^:]*:(?P<channel>[^:]+):(?P<thread_ts>\d+\.\d+)")
NO_THREAD = "This question was not asked in a thread, so there is nothing before it to read."
TEXT_BLOCKS = {"section", "header", "markdown"}
UNREADABLE = {"missing_scope", "not_in_channel", "channel_not_found", "no_permission"}


_ANSWERS = text(f"""
SELECT replies.ts, {earlier_turns.BASIS} FROM replies JOIN turns ON turns.id = replies.turn_id
WHERE replies.channel = :channel AND thread_ts = :thread_ts AND replies.ts IS NOT NULL
""")


class SlackThread:
    """A :class:`tools.thread_history.ThreadPort` over Slack's Web API.

    Leaves out answers of our own that the audience may not know, and those of which nothing is stored any more.
    ``passage_tools`` are the tools that return passages only.
    """

    def __init__(self, slack: SlackClient, database: Database, passage_tools: Collection[str] = ()) -> None:
        self._slack, self._database, self._passage_tools = slack, database, passage_tools

    def messages(self, session_key: str, limit: int, deadline: float, audience: Audience) -> list[ThreadMessage]:
        """Reads every page, because Slack lists a thread from its beginning only, and returns the last
        messages."""
        address = SESSION_KEY.fullmatch(session_key)
        if address is None:  # a command, or the terminal
            raise ToolError(NO_THREAD, hint="Answer from the question alone.")
        newest: deque[ThreadMessage] = deque(maxlen=limit)
        known = self._find_known(address["channel"], address["thread_ts"], audience)
        try:
            for message in self._load_messages(address["channel"], address["thread_ts"], deadline):
                is_known = message["ts"] in known or not self._slack.is_own(message)
                if is_known and (said := _text(message)):
                    newest.append(self._to_thread_message(message, said))
        except SlackRefused as error:
            raise _translate(error) from error
        except ReplyError as error:
            raise ToolError(
                "Slack does not answer, so the thread cannot be read now.",
                hint="Answer without it, and say that you could not read the thread.",
            ) from error
        return list(newest)

    def _find_known(self, channel: str, thread_ts: str, audience: Audience) -> set[str]:
        """Returns the ts of our answers in the thread that the audience may know."""
        with self._database.transaction() as transaction:
            rows = transaction.execute(_ANSWERS, {"channel": channel, "thread_ts": thread_ts}).all()
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

    def _to_thread_message(self, message: Payload, text: str) -> ThreadMessage:
        return ThreadMessage(
            who=str(message.get("user") or message.get("bot_id") or "unknown"),
            said_at=datetime.fromtimestamp(float(message["ts"]), UTC).isoformat(timespec="seconds"),
            text=shorten(text, TEXT_CHARS),
            is_docent=self._slack.is_own(message),
        )


def _text(message: Payload) -> str:
    """Returns the text, else the names of the shared files; empty for a stream that has just begun."""
    text = slack_markup.to_text(str(message.get("text") or _block_text(message))).strip()
    names = ", ".join(str(file.get("name") or "a file") for file in message.get("files") or ())
    return text or (f"[shared: {names}]" if names else "")


def _block_text(message: Payload) -> str:
    """Returns the text of blocks and attachments: many apps, such as those that send alerts, write only there."""
    texts = [block.get("text") for block in message.get("blocks") or () if block.get("type") in TEXT_BLOCKS]
    plain = [text.get("text") if isinstance(text, dict) else text for text in texts]
    attached = [part.get("fallback") or part.get("text") for part in message.get("attachments") or ()]
    return "\n".join(str(text) for text in [*plain, *attached] if text)


def _translate(error: SlackRefused) -> ToolError:
    if error.code in UNREADABLE:
        return ToolError(
            f"The bot may not read this conversation ({error.code}).",
            hint="Answer without it, and say that an administrator can let you read it.",
        )
    if error.code == "thread_not_found":
        return ToolError("The thread does not exist any more.", hint="Answer from the question alone.")
    return ToolError(f"Slack refused to show the thread ({error.code}).", hint="Answer without it.")
