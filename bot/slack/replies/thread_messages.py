"""The calls to Slack about one turn's messages in a thread.

Owns their arguments and what each failure means. Keeps no state, so it does not know which messages exist: see
:mod:`.reply_rows`.
"""

from collections.abc import Collection, Iterator
from typing import TypedDict
from uuid import UUID

from agent import observability
from bot.slack.block_kit import Block, Message, StreamContent
from bot.slack.client import MISSING_SCOPE, Payload, SlackClient, SlackRefused
from bot.slack.inbox import ReplyAddress

REPLIES_PAGE = 200
STREAM_IS_LIVE = "streaming_state_conflict"  # chat.update is refused while the message streams
STOPPED_BY_USER = "stopped_by_user"
MESSAGE_NOT_FOUND = "message_not_found"
WITH_BUTTONS = ("context_actions", "actions")  # blocks
METADATA_EVENT = "docent_reply"
METADATA_CODE = "metadata"  # part of each of Slack's codes for it


class ReplyMark(TypedDict):
    """What a posted message carries, so that it can be found again."""

    turn_id: str
    part: int


class Metadata(TypedDict):
    """Slack's envelope for it."""

    event_type: str
    event_payload: ReplyMark


class PostArguments(TypedDict):
    """Arguments of ``chat.postMessage`` beside the content."""

    channel: str
    thread_ts: str | None
    unfurl_links: bool
    unfurl_media: bool
    metadata: Metadata | None


class ThreadMessages:
    """The bot's messages in the thread where a turn was asked.

    Drafts are tried once and quickly; final messages are tried until Slack refuses or stays away. Methods raise
    :class:`SlackRefused` and :class:`SlackUnavailable`.
    """

    def __init__(
        self, slack: SlackClient, address: ReplyAddress, turn_id: UUID, *, since: str | None = None
    ) -> None:
        """``since`` is a timestamp before any of them, for an address without a thread: they are messages of the
        conversation itself."""
        self._slack, self._address, self._turn_id, self._since = slack, address, turn_id, since

    def set_status(self, text: str) -> None:
        """Shows a line below the thread until the bot posts something."""
        self._slack.try_once(
            "assistant.threads.setStatus",
            channel_id=self._address.channel,
            thread_ts=self._address.thread_ts,
            status=text,
        )

    def start_stream(self, content: StreamContent) -> str:
        """Begins a message that grows; returns its ``ts``."""
        started = self._slack.try_once(
            "chat.startStream",
            channel=self._address.channel,
            thread_ts=self._address.thread_ts,
            recipient_team_id=self._address.asker_team_id or self._address.team_id,
            recipient_user_id=self._address.user_id,
            **content,
        )
        return str(started["ts"])

    def append_to_stream(self, ts: str, content: StreamContent) -> None:
        """Adds to a message that grows."""
        self._slack.try_once("chat.appendStream", channel=self._address.channel, ts=ts, **content)

    def complete_stream(self, ts: str, content: StreamContent, closing: list[Block]) -> None:
        """Ends a stream with the rest of the answer; not repeated, because the rest would be appended twice."""
        self._slack.call(
            "chat.stopStream",
            is_repeatable=False,
            channel=self._address.channel,
            ts=ts,
            **content,
            blocks=closing or None,
        )

    def try_to_stop_stream(self, ts: str) -> None:
        """Ends a stream in one try, to edit the draft from now on."""
        self._slack.try_once("chat.stopStream", channel=self._address.channel, ts=ts)

    def stop_stream(self, ts: str) -> None:
        """Ends a stream if there is one, to update its message."""
        try:
            self._slack.call("chat.stopStream", is_repeatable=True, channel=self._address.channel, ts=ts)
        except SlackRefused as error:
            observability.log.debug("no_live_stream", code=error.code)

    def post_draft(self, message: Message) -> str:
        """Posts the first part of an unfinished answer; returns its ``ts``."""
        return str(self._slack.try_once("chat.postMessage", **self._post_arguments(0), **message)["ts"])

    def update_draft(self, ts: str, message: Message) -> None:
        """Replaces a draft."""
        self._slack.try_once("chat.update", channel=self._address.channel, ts=ts, **message)

    def post(self, part: int, message: Message) -> str:
        """Posts a final part; returns its ``ts``. Not repeated if Slack may have posted it.

        Where Slack refuses the mark it is left out: an answer that cannot be found again is better than none.
        """
        arguments = self._post_arguments(part)
        try:
            posted = self._slack.call("chat.postMessage", is_repeatable=False, **arguments, **message)
        except SlackRefused as error:
            if METADATA_CODE not in error.code:
                raise
            observability.report(error, event="mark_refused")
            arguments["metadata"] = None
            posted = self._slack.call("chat.postMessage", is_repeatable=False, **arguments, **message)
        return str(posted["ts"])

    def update(self, ts: str, message: Message) -> None:
        """Gives a message its final content."""
        self._slack.call("chat.update", is_repeatable=True, channel=self._address.channel, ts=ts, **message)

    def delete(self, ts: str) -> None:
        """Deletes a message."""
        self._slack.call("chat.delete", is_repeatable=True, channel=self._address.channel, ts=ts)

    def find_lost(self, part: int, known: Collection[str]) -> str | None:
        """Searches the thread for a message of this part that Slack posted but did not tell us of.

        ``known`` are the ``ts`` that rows have. Returns None if the thread may not be read: to post an answer
        twice is better than not to post it.
        """
        try:
            for message in self._load_messages():
                if message["ts"] not in known and self._could_be(message, part):
                    return str(message["ts"])
        except SlackRefused as error:
            self._note_unsearched(error)
        return None

    def is_finished(self, ts: str) -> bool:
        """Returns whether a message has buttons: those stand below finished answers, and below no draft. False
        where it has none, where it is gone, and where the thread may not be read."""
        try:
            for message in self._load_messages():
                if message["ts"] == ts:
                    return any(block.get("type") in WITH_BUTTONS for block in message.get("blocks") or ())
        except SlackRefused as error:
            self._note_unsearched(error)
        return False

    def has_files(self, names: Collection[str]) -> bool:
        """Returns whether one of these files of ours is in the thread; False where it may not be read."""
        try:
            files = (file for message in self._load_messages() for file in message.get("files") or ())
            return any(file.get("name") in names for file in files)
        except SlackRefused as error:
            observability.report(error, event="thread_not_searched")
            return False

    def _note_unsearched(self, refusal: SlackRefused) -> None:
        """Reports that the thread may not be read; raises what may pass."""
        if refusal.is_transient and refusal.code != MISSING_SCOPE:
            raise refusal
        observability.report(refusal, event="thread_not_searched")

    def _post_arguments(self, part: int) -> PostArguments:
        return {
            "channel": self._address.channel,
            "thread_ts": self._address.thread_ts,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": METADATA_EVENT, "event_payload": self._mark(part)},
        }

    def _mark(self, part: int) -> ReplyMark:
        return {"turn_id": str(self._turn_id), "part": part}

    def _load_messages(self) -> Iterator[Payload]:
        """Yields the messages since the question, page by page."""
        cursor: str | None = None
        while True:
            page = self._load_page(cursor)
            yield from page.get("messages", ())
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return

    def _load_page(self, cursor: str | None) -> Payload:
        return self._slack.call(
            "conversations.replies" if self._address.thread_ts else "conversations.history",
            is_repeatable=True,
            channel=self._address.channel,
            ts=self._address.thread_ts,
            oldest=self._address.ts or self._since,
            include_all_metadata=True,
            limit=REPLIES_PAGE,
            cursor=cursor,
        )

    def _could_be(self, message: Payload, part: int) -> bool:
        if float(message["ts"]) <= float(self._address.ts or 0) or not self._slack.is_own(message):
            return False
        if metadata := message.get("metadata"):
            mark = (metadata.get("event_type"), metadata.get("event_payload"))
            return mark == (METADATA_EVENT, self._mark(part))
        # A stream carries no metadata, and only the first part of a reply in a thread is streamed.
        return part == 0 and self._address.thread_ts is not None and not message.get("files")
