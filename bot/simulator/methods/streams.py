"""chat.startStream, chat.appendStream, chat.stopStream: a message that grows.

Promises the life Slack gives a stream: it starts as a reply, only its owner adds to it, and it ends by a
stop, by the person, or by age (measured elsewhere: about 300 s after the start, appends or not), after which
both append and stop answer `message_not_in_streaming_state`. A live stream refuses chat.update and
chat.delete.
"""

from collections.abc import Callable
from dataclasses import replace

from bot.simulator import limits
from bot.simulator.blocks.check import TASK_STATUSES, check_blocks, check_length, check_tables
from bot.simulator.delivery.events import EventBuilder
from bot.simulator.errors import SlackError, invalid_arguments
from bot.simulator.messaging.messenger import Messenger
from bot.simulator.methods.agents import SESSION_STATUSES
from bot.simulator.methods.arguments import CallArguments, method
from bot.simulator.methods.content import find_writable_channel, read_metadata
from bot.simulator.payloads import JsonObject, MethodResponse
from bot.simulator.stores.directory import ChannelKind, Directory
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.message_store import MessageChanges, MessageStore
from bot.simulator.stores.messages import MessageStream, SlackMessage, StreamState
from bot.simulator.stores.threads import ThreadStore

TASK_KEYS = {"type", "id", "title", "status", "details", "output", "sources", "hide_title", "icon"}
DISPLAY_MODES = ("timeline", "plan")
BLOCKS_BY_CHUNKS = 50  # beside the 50 that stopStream's own `blocks` may bring


class StreamMethods:
    """Streamed messages of the app."""

    def __init__(
        self,
        app: InstalledApp,
        *,
        directory: Directory,
        messages: MessageStore,
        threads: ThreadStore,
        messenger: Messenger,
        events: EventBuilder,
        clock: Callable[[], float],
    ) -> None:
        self._app, self._directory, self._messages, self._threads = app, directory, messages, threads
        self._messenger, self._events, self._clock = messenger, events, clock

    def start(self, args: CallArguments) -> MethodResponse:
        """Posts the first version of a stream as a reply."""
        channel = find_writable_channel(self._app, self._directory, args.text("channel"))
        if channel.kind != ChannelKind.IM:
            self._check_recipient(args)
        display_mode = args.text("task_display_mode", "timeline")
        if display_mode not in DISPLAY_MODES:
            raise invalid_arguments("must be a valid enum value [json-pointer:/task_display_mode]")
        recipient = args.text("recipient_user_id") or None
        message = SlackMessage(
            channel.id,
            "",
            user=self._app.bot_user_id,
            bot_id=self._app.bot_id,
            thread_ts=args.text("thread_ts"),
            stream=MessageStream(StreamState.IN_PROGRESS, self._clock(), recipient, display_mode),
            username=args.text("username"),
        )
        message = self._messenger.post(channel, _grow(message, args))
        self._threads.set_session((channel.id, str(message.thread_ts)), "processing")
        return {"channel": channel.id, "ts": message.ts}

    def append(self, args: CallArguments) -> MethodResponse:
        """Adds markdown or chunks to a live stream."""
        message = self._find_live(args)
        if not args.text("markdown_text") and not args.json("chunks", error="invalid_chunks"):
            raise SlackError("no_text")
        self._messenger.update_silently(message, **_growth(_grow(message, args)))
        return {"channel": message.channel, "ts": message.ts}

    def stop(self, args: CallArguments) -> MethodResponse:
        """Adds the last markdown, chunks and blocks, and ends the stream."""
        message = self._find_live(args, is_stop=True)
        blocks = args.json("blocks", error="invalid_blocks_format") or []
        check_blocks(blocks, too_many="msg_blocks_too_many")
        metadata = read_metadata(args)
        session_status = args.text("session_status", "active")
        if session_status not in SESSION_STATUSES:
            raise SlackError("invalid_status")
        grown = _grow(message, args)
        check_length([*grown.blocks, *blocks])
        check_tables([*grown.blocks, *blocks], grown.markdown)
        if not grown.plain and not blocks:
            raise SlackError("no_text")
        stream = replace(grown.stream, state=StreamState.COMPLETED) if grown.stream else None
        done = replace(grown, stream=stream, metadata=metadata, blocks=(*grown.blocks, *blocks))
        done = self._messenger.update(message, **_growth(done))
        key = (message.channel, str(message.thread_ts))
        self._threads.clear_status(key)
        self._threads.set_session(key, session_status)
        return {"channel": message.channel, "ts": message.ts, "message": self._events.message(done)}

    def _check_recipient(self, args: CallArguments) -> None:
        for name in ("recipient_team_id", "recipient_user_id"):
            if not args.text(name):
                raise SlackError(f"missing_{name}")
        if args.text("recipient_user_id") not in self._directory.users:
            raise SlackError("user_not_found")

    def _find_live(self, args: CallArguments, *, is_stop: bool = False) -> SlackMessage:
        channel = self._directory.visible_channel(args.text("channel"))
        message = self._messages.find_posted(channel, args.text("ts"))
        if message.bot_id != self._app.bot_id:
            raise SlackError("message_not_owned_by_app")
        if message.streaming_state == StreamState.STOPPED_BY_USER and not is_stop:
            raise SlackError("stopped_by_user")
        if message.streaming_state != StreamState.IN_PROGRESS:
            raise SlackError("message_not_in_streaming_state")
        return message


def _growth(message: SlackMessage) -> MessageChanges:
    """Returns what a stream changes of its message."""
    return {
        "markdown": message.markdown,
        "stream": message.stream,
        "blocks": message.blocks,
        "metadata": message.metadata,
    }


def _grow(message: SlackMessage, args: CallArguments) -> SlackMessage:
    """Returns the message with this call's markdown and chunks added; raises before anything is stored."""
    markdown = args.text("markdown_text")
    if len(markdown) > limits.CHARS_PER_MARKDOWN:
        raise SlackError("msg_too_long")
    chunks = args.json("chunks", error="invalid_chunks")
    if chunks is not None and not isinstance(chunks, list):
        raise SlackError("invalid_chunks")
    grown = replace(message, markdown=message.markdown + markdown)
    for position, chunk in enumerate(chunks or []):
        grown = _add_chunk(grown, chunk, f"/chunks/{position}")
    if len(grown.blocks) > BLOCKS_BY_CHUNKS:
        raise SlackError("msg_blocks_too_many")
    stream = replace(grown.stream, n_appends=grown.stream.n_appends + 1) if grown.stream else None
    return replace(grown, stream=stream)


def _add_chunk(message: SlackMessage, chunk: object, at: str) -> SlackMessage:
    if not isinstance(chunk, dict):
        raise _invalid_chunk("invalid chunk", at)
    kind, stream = chunk.get("type"), message.stream
    if kind == "markdown_text" and isinstance(chunk.get("text"), str) and chunk.keys() == {"type", "text"}:
        if len(chunk["text"]) > limits.CHARS_PER_MARKDOWN:
            raise SlackError("msg_too_long")
        return replace(message, markdown=message.markdown + chunk["text"])
    if kind == "task_update" and stream:
        return replace(message, stream=replace(stream, tasks=_update_task(stream, chunk, at)))
    if kind == "plan_update" and stream and isinstance(chunk.get("title"), str):
        _check_short(chunk["title"], f"{at}/title")
        return replace(message, stream=replace(stream, plan_title=chunk["title"]))
    if kind == "blocks":
        blocks = check_blocks(chunk.get("blocks"), too_many="msg_blocks_too_many")
        return replace(message, blocks=(*message.blocks, *blocks))
    raise _invalid_chunk("invalid chunk", at)


def _update_task(stream: MessageStream, chunk: JsonObject, at: str) -> dict[str, JsonObject]:
    """Returns all tasks. A later update replaces a task's title and status, and adds to its details and output."""
    is_well_formed = isinstance(chunk.get("id"), str) and isinstance(chunk.get("title"), str)
    if not is_well_formed or chunk.get("status") not in TASK_STATUSES or not chunk.keys() <= TASK_KEYS:
        raise _invalid_chunk("invalid task_update", at)
    sources = chunk.get("sources") or []
    for source in sources if isinstance(sources, list) else [None]:
        if not isinstance(source, dict) or not source.get("url") or not source.get("text"):
            raise _invalid_chunk("a source needs url and text", f"{at}/sources")
    for name in ("title", "details", "output"):
        _check_short(chunk.get(name) or "", f"{at}/{name}")
    before = stream.tasks.get(chunk["id"], {})
    task = {**before, **{key: value for key, value in chunk.items() if value is not None}}
    for name in ("details", "output"):
        if before.get(name) and chunk.get(name):
            task[name] = before[name] + chunk[name]
    return {**stream.tasks, chunk["id"]: task}


def _check_short(text: object, at: str) -> None:
    if not isinstance(text, str) or len(text) > limits.CHARS_PER_CHUNK_TITLE:
        raise _invalid_chunk(f"must be less than {limits.CHARS_PER_CHUNK_TITLE + 1} characters", at)


def _invalid_chunk(problem: str, at: str) -> SlackError:
    return SlackError("invalid_chunks", f"[ERROR] {problem} [json-pointer:{at}]")


METHODS = {
    "chat.startStream": method(
        StreamMethods.start,
        "channel thread_ts",
        "markdown_text chunks recipient_user_id recipient_team_id task_display_mode icon_emoji icon_url username",
        scopes="chat:write",
        tier=2,
    ),
    "chat.appendStream": method(
        StreamMethods.append, "channel ts", "markdown_text chunks", scopes="chat:write", tier=4
    ),
    "chat.stopStream": method(
        StreamMethods.stop,
        "channel ts",
        "markdown_text chunks blocks metadata session_status",
        scopes="chat:write",
        tier=2,
    ),
}
