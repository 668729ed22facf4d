"""chat.startStream, chat.appendStream, chat.stopStream: a message that grows.

Promises the life Slack gives a stream: it starts as a reply, only its owner adds to it, and it ends by a
stop, by the person, or by age (measured elsewhere: about 300 s after the start, appends or not), after which
both append and stop answer `message_not_in_streaming_state`. A live stream refuses chat.update and
chat.delete.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.simulator import limits
from bot.simulator.blocks.check import TASK_STATUSES, check, check_length
from bot.simulator.delivery.events import message_wire
from bot.simulator.errors import SlackError, WorkspaceError, invalid_arguments
from bot.simulator.methods.agents import SESSION_STATUSES
from bot.simulator.methods.arguments import Args, method
from bot.simulator.methods.chat import metadata_of, writable
from bot.simulator.stores.messages import Json, Message, Stream

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace

TASK_KEYS = {"type", "id", "title", "status", "details", "output", "sources", "hide_title", "icon"}
BLOCKS_BY_CHUNKS = 50  # beside the 50 that stopStream's own `blocks` may bring


def start(workspace: "Workspace", args: Args) -> Json:
    channel = writable(workspace, args.text("channel"))
    if channel.kind != "im":
        for name in ("recipient_team_id", "recipient_user_id"):
            if not args.text(name):
                raise SlackError(f"missing_{name}")
        if args.text("recipient_user_id") not in workspace.directory.users:
            raise SlackError("user_not_found")
    if args.text("task_display_mode", "timeline") not in ("timeline", "plan"):
        raise invalid_arguments("must be a valid enum value [json-pointer:/task_display_mode]")
    stream = Stream(
        "in_progress",
        workspace.clock(),
        args.text("recipient_user_id") or None,
        args.text("task_display_mode", "timeline"),
    )
    message = Message(
        channel.id,
        "",
        user=workspace.bot_user_id,
        bot_id=workspace.bot_id,
        thread_ts=args.text("thread_ts"),
        stream=stream,
        username=args.text("username"),
    )
    posted = workspace.store.post(channel, _grown(message, args))
    workspace.threads.set_session((channel.id, str(posted.thread_ts)), "processing")
    return {"channel": channel.id, "ts": posted.ts}


def append(workspace: "Workspace", args: Args) -> Json:
    message = _live(workspace, args)
    if not args.text("markdown_text") and not args.json("chunks", error="invalid_chunks"):
        raise SlackError("no_text")
    grown = _grown(message, args)
    _keep(workspace, message, grown)
    return {"channel": message.channel, "ts": message.ts}


def stop(workspace: "Workspace", args: Args) -> Json:
    message = _live(workspace, args, is_stop=True)
    blocks = args.json("blocks", error="invalid_blocks_format") or []
    check(blocks, too_many="msg_blocks_too_many")
    metadata = metadata_of(args) or None
    session_status = args.text("session_status", "active")
    if session_status not in SESSION_STATUSES:
        raise SlackError("invalid_status")
    grown = _grown(message, args)
    check_length([*grown.blocks, *blocks])
    if not grown.plain and not blocks:
        raise SlackError("no_text")
    stream = replace(grown.stream, state="completed") if grown.stream else None
    done = replace(grown, stream=stream, metadata=metadata)
    done = _keep(workspace, message, done, blocks=(*grown.blocks, *blocks), is_announced=True)
    workspace.threads.clear((message.channel, str(message.thread_ts)))
    workspace.threads.set_session((message.channel, str(message.thread_ts)), session_status)
    return {"channel": message.channel, "ts": message.ts, "message": message_wire(workspace, done)}


def _live(workspace: "Workspace", args: Args, *, is_stop: bool = False) -> Message:
    channel = workspace.directory.channel(args.text("channel"))
    try:
        message = workspace.message(args.text("ts"))
    except WorkspaceError:
        raise SlackError("message_not_found") from None
    if message.channel != channel.id or message.ephemeral_to:
        raise SlackError("message_not_found")
    if message.bot_id != workspace.bot_id:
        raise SlackError("message_not_owned_by_app")
    if message.streaming_state == "stopped_by_user" and not is_stop:
        raise SlackError("stopped_by_user")
    if message.streaming_state != "in_progress":
        raise SlackError("message_not_in_streaming_state")
    return message


def _grown(message: Message, args: Args) -> Message:
    """The message with this call's markdown and chunks added; raises before anything is kept."""
    markdown = args.text("markdown_text")
    if len(markdown) > limits.CHARS_PER_MARKDOWN:
        raise SlackError("msg_too_long")
    chunks = args.json("chunks", error="invalid_chunks")
    if chunks is not None and not isinstance(chunks, list):
        raise SlackError("invalid_chunks")
    grown = replace(message, markdown=message.markdown + markdown)
    for position, chunk in enumerate(chunks or []):
        grown = _with_chunk(grown, chunk, f"/chunks/{position}")
    if len(grown.blocks) > BLOCKS_BY_CHUNKS:
        raise SlackError("msg_blocks_too_many")
    stream = replace(grown.stream, n_appends=grown.stream.n_appends + 1) if grown.stream else None
    return replace(grown, stream=stream)


def _with_chunk(message: Message, chunk: Any, at: str) -> Message:
    kind = chunk.get("type") if isinstance(chunk, dict) else None
    stream = message.stream
    if kind == "markdown_text" and isinstance(chunk.get("text"), str) and chunk.keys() == {"type", "text"}:
        if len(chunk["text"]) > limits.CHARS_PER_MARKDOWN:
            raise SlackError("msg_too_long")
        return replace(message, markdown=message.markdown + chunk["text"])
    if kind == "task_update" and stream:
        return replace(message, stream=replace(stream, tasks=_with_task(stream, chunk, at)))
    if kind == "plan_update" and stream and isinstance(chunk.get("title"), str):
        _short(chunk["title"], f"{at}/title")
        return replace(message, stream=replace(stream, plan_title=chunk["title"]))
    if kind == "blocks":
        blocks = check(chunk.get("blocks"), too_many="msg_blocks_too_many")
        return replace(message, blocks=(*message.blocks, *blocks))
    raise SlackError("invalid_chunks", f"[ERROR] invalid chunk [json-pointer:{at}]")


def _with_task(stream: Stream, chunk: Json, at: str) -> dict[str, Json]:
    """A later update of a task replaces title and status, and adds to its details and output."""
    is_well_formed = isinstance(chunk.get("id"), str) and isinstance(chunk.get("title"), str)
    if not is_well_formed or chunk.get("status") not in TASK_STATUSES or not chunk.keys() <= TASK_KEYS:
        raise SlackError("invalid_chunks", f"[ERROR] invalid task_update [json-pointer:{at}]")
    sources = chunk.get("sources") or []
    for source in sources if isinstance(sources, list) else [None]:
        if not isinstance(source, dict) or not source.get("url") or not source.get("text"):
            raise SlackError("invalid_chunks", f"[ERROR] a source needs url and text [json-pointer:{at}/sources]")
    for name in ("title", "details", "output"):
        _short(chunk.get(name) or "", f"{at}/{name}")
    before = stream.tasks.get(chunk["id"], {})
    task = {**before, **{k: v for k, v in chunk.items() if v is not None}}
    for name in ("details", "output"):
        if before.get(name) and chunk.get(name):
            task[name] = before[name] + chunk[name]
    return {**stream.tasks, chunk["id"]: task}


def _short(text: Any, at: str) -> None:
    if not isinstance(text, str) or len(text) > limits.CHARS_PER_CHUNK_TITLE:
        most = limits.CHARS_PER_CHUNK_TITLE + 1
        raise SlackError("invalid_chunks", f"[ERROR] must be less than {most} characters [json-pointer:{at}]")


def _keep(workspace: "Workspace", before: Message, after: Message, **how: Any) -> Message:
    changes: Json = {"markdown": after.markdown, "stream": after.stream, "blocks": after.blocks}
    changes["metadata"] = after.metadata
    return workspace.store.amend(before, **{"is_announced": False, **changes, **how})


METHODS = {
    "chat.startStream": method(
        start,
        "channel thread_ts",
        "markdown_text chunks recipient_user_id recipient_team_id task_display_mode icon_emoji icon_url username",
        scopes="chat:write",
        tier=2,
    ),
    "chat.appendStream": method(append, "channel ts", "markdown_text chunks", scopes="chat:write", tier=4),
    "chat.stopStream": method(
        stop, "channel ts", "markdown_text chunks blocks metadata session_status", scopes="chat:write", tier=2
    ),
}
