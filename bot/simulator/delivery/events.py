"""Slack's event payloads.

Owns the JSON of messages and of the events an app subscribes to. Promises the full outer envelope, a new
`event_id` for each event (the `app_mention` and the `message` of one mention have two), and that only
subscribed types pass. Does not deliver: `delivery` does.
"""

import base64
import json
import secrets
import time
from typing import TYPE_CHECKING

from bot.simulator.stores.directory import Channel
from bot.simulator.stores.messages import Json, Message

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace

SUBSCRIPTIONS = (
    "app_mention",
    "message.channels",
    "message.groups",
    "message.im",
    "app_home_opened",
    "agent_session_stopped",
)


def message_wire(workspace: "Workspace", message: Message, *, with_payload: bool = True) -> Json:
    """Slack's message object. Without `with_payload` the metadata shows its event type only."""
    wire: Json = {"type": "message"}
    if message.subtype:
        wire["subtype"] = message.subtype
    wire |= {"user": message.user, "ts": message.ts, "text": message.text or message.markdown}
    wire["team"] = workspace.team_id
    if message.client_msg_id:
        wire["client_msg_id"] = message.client_msg_id
    if message.bot_id:
        wire |= {"bot_id": message.bot_id, "app_id": workspace.app_id, "bot_profile": workspace.bot_profile()}
    if message.username:
        wire["username"] = message.username
    blocks = message.all_blocks()
    if blocks:
        wire["blocks"] = blocks
    if message.attachments:
        wire["attachments"] = list(message.attachments)
    if message.edited:
        wire["edited"] = message.edited
    if message.metadata:
        kind = {"event_type": message.metadata["event_type"]}
        wire["metadata"] = message.metadata if with_payload else kind
    if message.reactions:
        wire["reactions"] = [
            {"name": name, "users": list(users), "count": len(users)} for name, users in message.reactions.items()
        ]
    return wire | _thread(workspace, message)


def _thread(workspace: "Workspace", message: Message) -> Json:
    channel = workspace.directory.channels.get(message.channel)
    if message.thread_ts and message.thread_ts != message.ts:
        parent = channel.messages.get(message.thread_ts) if channel else None
        return {"thread_ts": message.thread_ts, "parent_user_id": parent.user if parent else None}
    replies = channel.replies.get(message.ts) if channel and not message.ephemeral_to else None
    if not channel or not replies:
        return {}
    users = list(dict.fromkeys(str(channel.messages[ts].user) for ts in replies))
    return {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users_count": len(users),
        "latest_reply": replies[-1],
        "reply_users": users[:5],
        "is_locked": False,
        "subscribed": False,
    }


def message_posted(workspace: "Workspace", channel: Channel, message: Message) -> Json:
    event = message_wire(workspace, message)
    event |= {"channel": channel.id, "event_ts": message.ts, "channel_type": channel.type}
    author = workspace.directory.users.get(message.user or "")
    if author and author.team_id != workspace.team_id:
        event |= {"user_team": author.team_id, "source_team": author.team_id, "team": author.team_id}
    return event


def app_mention(event: Json) -> Json:
    """The twin of a channel message that names the app."""
    return {k: v for k, v in event.items() if k not in ("channel_type", "subtype")} | {"type": "app_mention"}


def message_changed(workspace: "Workspace", channel: Channel, now: Message, before: Message) -> Json:
    ts = workspace.store.new_ts()
    return {
        "type": "message",
        "subtype": "message_changed",
        "message": message_wire(workspace, now),
        "previous_message": message_wire(workspace, before),
        "channel": channel.id,
        "hidden": True,
        "ts": ts,
        "event_ts": ts,
        "channel_type": channel.type,
    }


def message_deleted(workspace: "Workspace", channel: Channel, before: Message) -> Json:
    ts = workspace.store.new_ts()
    return {
        "type": "message",
        "subtype": "message_deleted",
        "previous_message": message_wire(workspace, before),
        "channel": channel.id,
        "hidden": True,
        "deleted_ts": before.ts,
        "ts": ts,
        "event_ts": ts,
        "channel_type": channel.type,
    }


def subscription(event: Json) -> str:
    """The name under which an app subscribes to this event."""
    if event["type"] != "message":
        return str(event["type"])
    kinds = {"channel": "channels", "group": "groups", "mpim": "mpim", "im": "im"}
    return "message." + kinds[event["channel_type"]]


def envelope(workspace: "Workspace", event: Json, channel: Channel | None) -> Json:
    context = {"et": event["type"], "tid": workspace.team_id, "aid": workspace.app_id}
    if channel:
        context["cid"] = channel.id
    return {
        "token": workspace.verification_token,
        "team_id": workspace.team_id,
        "context_team_id": workspace.team_id,
        "context_enterprise_id": None,
        "api_app_id": workspace.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": "Ev" + secrets.token_hex(5).upper(),
        "event_time": int(time.time()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.team_id,
                "user_id": workspace.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": bool(channel and channel.is_ext_shared),
        "event_context": "4-" + base64.b64encode(json.dumps(context).encode()).decode(),
    }
