"""chat.*: posting, changing and deleting messages.

Owns what Slack demands of a message's content, which streams share: `metadata_of` and `content_of`.
"""

import json
from typing import TYPE_CHECKING, Any

from bot.simulator import limits
from bot.simulator.blocks.check import check
from bot.simulator.delivery.events import message_wire
from bot.simulator.errors import SlackError, WorkspaceError
from bot.simulator.methods.arguments import Args, method
from bot.simulator.stores.directory import Channel
from bot.simulator.stores.messages import Json, Message

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace

METADATA_KEYS = {"event_type", "event_payload", "entities"}


def post_message(workspace: "Workspace", args: Args) -> Json:
    channel = writable(workspace, args.text("channel"))
    content = content_of(args)
    warnings = []
    if len(content["text"]) > limits.CHARS_PER_POST:
        content["text"] = content["text"][: limits.CHARS_PER_POST]
        warnings.append("message_truncated")
    message = Message(
        channel.id,
        "",
        user=workspace.bot_user_id,
        bot_id=workspace.bot_id,
        thread_ts=args.text("thread_ts") or None,
        metadata=metadata_of(args) or None,
        is_broadcast=args.flag("reply_broadcast"),
        subtype="thread_broadcast" if args.flag("reply_broadcast") and args.text("thread_ts") else "",
        username=args.text("username"),
        **content,
    )
    posted = workspace.store.post(channel, message)
    answer = {"channel": channel.id, "ts": posted.ts, "message": message_wire(workspace, posted)}
    return answer | ({"response_metadata": {"warnings": warnings}} if warnings else {})


def post_ephemeral(workspace: "Workspace", args: Args) -> Json:
    channel = writable(workspace, args.text("channel"))
    content = content_of(args)
    if len(content["text"]) > limits.CHARS_PER_POST:
        raise SlackError("msg_too_long")
    if args.text("user") not in channel.members:
        raise SlackError("user_not_in_channel")
    message = Message(
        channel.id,
        "",
        user=workspace.bot_user_id,
        bot_id=workspace.bot_id,
        thread_ts=args.text("thread_ts") or None,
        ephemeral_to=args.text("user"),
        username=args.text("username"),
        **content,
    )
    return {"message_ts": workspace.store.post_ephemeral(message).ts}


def update(workspace: "Workspace", args: Args) -> Json:
    """Text alone removes blocks, attachments alone keep them; absent metadata stays, `{}` removes it."""
    message = own_message(workspace, args, "cant_update_message")
    if message.streaming_state == "in_progress":
        raise SlackError("streaming_state_conflict")
    content = content_of(args)
    if len(content["text"]) > limits.CHARS_PER_UPDATE:
        raise SlackError("msg_too_long")
    changes: Json = {**content, "stream": None}
    if not args.text("text") and not content["markdown"]:
        changes["text"] = message.text
        if "blocks" not in args:
            changes |= {"blocks": message.blocks, "markdown": message.markdown, "stream": message.stream}
    if "attachments" not in args and not args.text("text"):
        changes["attachments"] = message.attachments
    if "metadata" in args:
        changes["metadata"] = metadata_of(args) or None
    if not content["blocks"] or message.edited:
        changes["edited"] = {"user": workspace.bot_user_id, "ts": workspace.store.new_ts()}
    now = workspace.store.amend(message, **changes)
    return {"channel": now.channel, "ts": now.ts, "text": now.text, "message": message_wire(workspace, now)}


def delete(workspace: "Workspace", args: Args) -> Json:
    message = own_message(workspace, args, "cant_delete_message")
    if message.streaming_state == "in_progress":
        raise SlackError("cant_delete_message")
    workspace.store.remove(message)
    return {"channel": message.channel, "ts": message.ts}


def permalink(workspace: "Workspace", args: Args) -> Json:
    channel = workspace.directory.channel(args.text("channel"))
    message = channel.messages.get(args.text("message_ts"))
    if message is None:
        raise SlackError("message_not_found")
    link = f"https://stand-in.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.thread_ts:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def writable(workspace: "Workspace", name_or_id: str) -> Channel:
    """A channel the app may write to. A user's id means their direct messages with the app."""
    if name_or_id in workspace.directory.users:
        user = workspace.directory.user(name_or_id)
        return workspace.directory.dm_with(user.id)
    channel = workspace.directory.channel(name_or_id)
    if workspace.bot_user_id not in channel.members and "chat:write.public" not in workspace.scopes:
        raise SlackError("not_in_channel")
    if channel.is_archived:
        raise SlackError("is_archived")
    return channel


def own_message(workspace: "Workspace", args: Args, refusal: str) -> Message:
    channel = workspace.directory.channel(args.text("channel"))
    try:
        message = workspace.message(args.text("ts"))
    except WorkspaceError:
        raise SlackError("message_not_found") from None
    if message.channel != channel.id or message.ephemeral_to:
        raise SlackError("message_not_found")
    if message.bot_id != workspace.bot_id:
        raise SlackError(refusal)
    return message


def content_of(args: Args) -> Json:
    """text, markdown, blocks and attachments for a `Message`; raises Slack's codes for content."""
    text, markdown = args.text("text"), args.text("markdown_text")
    blocks = args.json("blocks", error="invalid_blocks_format")
    attachments = args.json("attachments", error="invalid_attachments") or []
    if markdown and (text or blocks):
        raise SlackError("markdown_text_conflict")
    if len(markdown) > limits.CHARS_PER_MARKDOWN:
        raise SlackError("msg_too_long")
    if blocks is not None:
        check(blocks)
    if not isinstance(attachments, list) or not all(isinstance(one, dict) for one in attachments):
        raise SlackError("invalid_attachments")
    if len(attachments) > 100:
        raise SlackError("too_many_attachments")
    if not (text or markdown or blocks or attachments):
        raise SlackError("no_text")
    return {
        "text": text,
        "markdown": markdown,
        "blocks": tuple(blocks or ()),
        "attachments": tuple(attachments),
    }


def metadata_of(args: Args) -> Json | None:
    """None when absent, {} to remove it."""
    metadata: Any = args.json("metadata", error="invalid_metadata_format")
    if metadata is None or metadata == {}:
        return None if metadata is None else {}
    if not isinstance(metadata, dict) or not metadata.keys() <= METADATA_KEYS:
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str) or not metadata["event_type"]:
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_schema")
    if len(json.dumps(metadata).encode()) > limits.METADATA_BYTES:
        raise SlackError("metadata_too_large")
    return metadata


STYLE = "icon_emoji icon_url username link_names parse as_user"
METHODS = {
    "chat.postMessage": method(
        post_message,
        "channel",
        "text blocks attachments markdown_text thread_ts reply_broadcast unfurl_links unfurl_media metadata "
        f"mrkdwn container_id current_draft_last_updated_ts {STYLE}",
        scopes="chat:write",
        tier=limits.PER_CHANNEL,
    ),
    "chat.postEphemeral": method(
        post_ephemeral,
        "channel user",
        f"text blocks attachments markdown_text thread_ts {STYLE}",
        scopes="chat:write",
        tier=4,
    ),
    "chat.update": method(
        update,
        "channel ts",
        "text blocks attachments markdown_text metadata reply_broadcast as_user link_names parse file_ids "
        "unfurled_attachments",
        scopes="chat:write",
    ),
    "chat.delete": method(delete, "channel ts", "as_user", scopes="chat:write"),
    "chat.getPermalink": method(permalink, "channel message_ts", tier=5),
}
