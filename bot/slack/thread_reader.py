"""What was said in a Slack thread, read for the model when it asks.

Promises the newest messages, oldest first, in plain words; every failure is one the model can act on.
"""

import re
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from agent.errors import ReplyError, ToolError
from bot.slack.client import SlackClient, SlackRefused
from ingest import slack_markup
from tools.thread_history import ThreadMessage

PAGE = 200  # messages
TEXT_CHARS = 2_000  # of one message
SESSION_KEY = re.compile(
    r"slack:[^:]*:(?P<channel>[^:]+):(?P<thread_ts>\d+\.\d+)"
)  # of bot.slack.inbox.ReplyAddress
NO_THREAD = "This question was not asked in a thread, so there is nothing before it to read."
TEXT_BLOCKS = {"section", "header", "markdown"}
UNREADABLE = {"missing_scope", "not_in_channel", "channel_not_found", "no_permission"}


class SlackThread:
    """A :class:`tools.thread_history.ThreadPort` over Slack's Web API."""

    def __init__(self, slack: SlackClient) -> None:
        self._slack = slack

    def messages(self, session_key: str, limit: int, deadline: float) -> list[ThreadMessage]:
        """Slack gives a thread from its beginning only, so every page is read and the last messages are kept."""
        place = SESSION_KEY.fullmatch(session_key)
        if place is None:  # a command, or the terminal
            raise ToolError(NO_THREAD, hint="Answer from the question alone.")
        newest: deque[ThreadMessage] = deque(maxlen=limit)
        try:
            for message in self._thread(place["channel"], place["thread_ts"], deadline):
                if text := _text(message):
                    newest.append(self._said(message, text))
        except SlackRefused as refused:
            raise _refusal(refused) from refused
        except ReplyError as error:
            raise ToolError(
                "Slack does not answer, so the thread cannot be read now.",
                hint="Answer without it, and say that you could not read the thread.",
            ) from error
        return list(newest)

    def _thread(self, channel: str, thread_ts: str, deadline: float) -> Iterator[dict[str, Any]]:
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
                    "The thread is too long to be read in the time there is.",
                    hint="Answer without it, and say so.",
                )

    def _said(self, message: dict[str, Any], text: str) -> ThreadMessage:
        return ThreadMessage(
            who=str(message.get("user") or message.get("bot_id") or "unknown"),
            said_at=datetime.fromtimestamp(float(message["ts"]), UTC).isoformat(timespec="seconds"),
            text=text if len(text) <= TEXT_CHARS else text[: TEXT_CHARS - 1] + "…",
            is_docent=self._slack.is_own(message),
        )


def _text(message: dict[str, Any]) -> str:
    """What was written; else the names of the files that were shared. Empty for a message still being begun."""
    text = slack_markup.to_text(str(message.get("text") or _shown(message))).strip()
    names = ", ".join(str(file.get("name") or "a file") for file in message.get("files") or ())
    return text or (f"[shared: {names}]" if names else "")


def _shown(message: dict[str, Any]) -> str:
    """The text of the blocks and attachments: many an app, such as one that sends alerts, writes there only."""
    texts = [block.get("text") for block in message.get("blocks") or () if block.get("type") in TEXT_BLOCKS]
    plain = [text.get("text") if isinstance(text, dict) else text for text in texts]
    attached = [part.get("fallback") or part.get("text") for part in message.get("attachments") or ()]
    return "\n".join(str(text) for text in [*plain, *attached] if text)


def _refusal(refused: SlackRefused) -> ToolError:
    if refused.code in UNREADABLE:
        return ToolError(
            f"The bot may not read this conversation ({refused.code}).",
            hint="Answer without it, and say that an administrator can let you read it.",
        )
    if refused.code == "thread_not_found":
        return ToolError("The thread is not there any more.", hint="Answer from the question alone.")
    return ToolError(f"Slack refused to show the thread ({refused.code}).", hint="Answer without it.")
