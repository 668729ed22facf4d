"""What chat.* and streams share: the channel they write to, and what Slack demands of a message's content."""

import json
from typing import TypedDict

from bot.simulator import limits
from bot.simulator.blocks.check import check_blocks
from bot.simulator.errors import SlackError
from bot.simulator.methods.arguments import CallArguments
from bot.simulator.payloads import JsonObject
from bot.simulator.stores.directory import Channel, Directory
from bot.simulator.stores.installed_app import InstalledApp

METADATA_KEYS = {"event_type", "event_payload", "entities"}
ATTACHMENTS_PER_MESSAGE = 100


class PostContent(TypedDict):
    """The content of a message that is posted or updated."""

    text: str
    markdown: str
    blocks: tuple[JsonObject, ...]
    attachments: tuple[JsonObject, ...]


def find_writable_channel(app: InstalledApp, directory: Directory, name_or_id: str) -> Channel:
    """Returns a channel the app may write to. A user's id means their direct messages with the app."""
    if name_or_id in directory.users:
        return directory.open_dm(directory.visible_user(name_or_id).id)
    channel = directory.visible_channel(name_or_id)
    if app.bot_user_id not in channel.members and "chat:write.public" not in app.scopes:
        raise SlackError("not_in_channel")
    if channel.is_archived:
        raise SlackError("is_archived")
    return channel


def read_content(args: CallArguments) -> PostContent:
    """Returns text, markdown, blocks and attachments; raises Slack's codes for content."""
    text, markdown = args.text("text"), args.text("markdown_text")
    blocks = args.json("blocks", error="invalid_blocks_format")
    attachments = args.json("attachments", error="invalid_attachments") or []
    if markdown and (text or blocks):
        raise SlackError("markdown_text_conflict")
    if len(markdown) > limits.CHARS_PER_MARKDOWN:
        raise SlackError("msg_too_long")
    if blocks is not None:
        check_blocks(blocks)
    if not isinstance(attachments, list) or not all(isinstance(item, dict) for item in attachments):
        raise SlackError("invalid_attachments")
    if len(attachments) > ATTACHMENTS_PER_MESSAGE:
        raise SlackError("too_many_attachments")
    if not (text or markdown or blocks or attachments):
        raise SlackError("no_text")
    return {
        "text": text,
        "markdown": markdown,
        "blocks": tuple(blocks or ()),
        "attachments": tuple(attachments),
    }


def read_metadata(args: CallArguments) -> JsonObject | None:
    """Returns the metadata of a message, None when there is none or an empty one, which removes it."""
    metadata = args.json("metadata", error="invalid_metadata_format")
    if metadata is None or metadata == {}:
        return None
    if not isinstance(metadata, dict) or not metadata.keys() <= METADATA_KEYS:
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str) or not metadata["event_type"]:
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_schema")
    if len(json.dumps(metadata).encode()) > limits.METADATA_BYTES:
        raise SlackError("metadata_too_large")
    return metadata
