"""Slack's event payloads.

Owns the JSON of messages and of the events an app subscribes to. Promises the full outer envelope and a new
`event_id` for each event (the `app_mention` and the `message` of one mention have two). Does not send them:
`publisher` does.
"""

import base64
import json
import re
import secrets
import time
from typing import Literal, cast

from bot.simulator.payloads import EventEnvelope, EventPayload, MessagePayload, ReactionPayload
from bot.simulator.stores.directory import Channel, ChannelKind, Directory, User
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.messages import SlackMessage
from bot.simulator.stores.timestamps import Timestamps

MENTION = re.compile(r"<@([UW][A-Z0-9]+)>")
SUBSCRIPTION_OF = {"channel": "channels", "group": "groups", "mpim": "mpim", "im": "im"}


class EventBuilder:
    """Makes payloads from what the stores have now; the caller holds the lock."""

    def __init__(self, app: InstalledApp, directory: Directory, timestamps: Timestamps) -> None:
        self._app, self._directory, self._timestamps = app, directory, timestamps

    def message(self, message: SlackMessage, *, with_payload: bool = True) -> MessagePayload:
        """Returns Slack's message object. Without `with_payload` the metadata shows its event type only."""
        payload: MessagePayload = {"type": "message"}
        if message.subtype:
            payload["subtype"] = message.subtype
        payload["user"], payload["ts"] = message.user, message.ts
        payload["text"] = message.text or message.markdown
        payload["team"] = self._app.team_id
        if message.client_msg_id:
            payload["client_msg_id"] = message.client_msg_id
        if message.bot_id:
            payload["bot_id"], payload["app_id"] = message.bot_id, self._app.app_id
            payload["bot_profile"] = self._app.bot_profile()
        if message.username:
            payload["username"] = message.username
        self._add_content(payload, message, with_payload=with_payload)
        self._add_thread(payload, message)
        return payload

    def posted(self, channel: Channel, message: SlackMessage) -> EventPayload:
        """Returns the event of a new message."""
        event = cast(EventPayload, self.message(message))
        event["channel"], event["channel_type"] = channel.id, channel.type
        event["event_ts"] = message.ts
        author = self._directory.users.get(message.user or "")
        if author and author.team_id != self._app.team_id:
            event["user_team"] = event["source_team"] = event["team"] = author.team_id
        return event

    def mention(self, channel: Channel, message: SlackMessage) -> EventPayload:
        """Returns the twin of `posted` for a channel message that names the app."""
        event = self.posted(channel, message)
        event["type"] = "app_mention"
        event.pop("channel_type", None)
        event.pop("subtype", None)
        return event

    def changed(self, channel: Channel, now: SlackMessage, before: SlackMessage) -> EventPayload:
        """Returns the event of an edit."""
        event = self._hidden("message_changed", channel)
        event["message"], event["previous_message"] = self.message(now), self.message(before)
        return event

    def deleted(self, channel: Channel, message: SlackMessage) -> EventPayload:
        """Returns the event of a deletion, made before the message is gone."""
        event = self._hidden("message_deleted", channel)
        event["deleted_ts"], event["previous_message"] = message.ts, self.message(message)
        return event

    def reaction(self, message: SlackMessage, user_id: str, name: str, *, is_added: bool) -> EventPayload:
        """Returns the event of an added or removed reaction."""
        return {
            "type": "reaction_added" if is_added else "reaction_removed",
            "user": user_id,
            "reaction": name,
            "item": {"type": "message", "channel": message.channel, "ts": message.ts},
            "item_user": message.user,
            "event_ts": self._timestamps.make(),
        }

    def membership(
        self, kind: Literal["member_joined_channel", "member_left_channel"], channel: Channel, user_id: str
    ) -> EventPayload:
        """Returns the event of somebody who joined or left."""
        return {
            "type": kind,
            "user": user_id,
            "channel": channel.id,
            "channel_type": "C" if channel.kind == ChannelKind.PUBLIC else "G",
            "team": self._app.team_id,
            "event_ts": self._timestamps.make(),
        }

    def shared(self, channel: Channel) -> EventPayload:
        """Returns the event of a channel that was shared with another company, or is not any more."""
        kind = "channel_shared" if channel.is_ext_shared else "channel_unshared"
        return {"type": kind, "channel": channel.id, "event_ts": self._timestamps.make()}

    def user_changed(self, user: User, *, is_new: bool) -> EventPayload:
        """Returns the event of a person who is new, or is another by what their profile says."""
        told = user.to_json(with_email=True, enterprise_id=self._app.enterprise_id)
        event = {"type": "team_join" if is_new else "user_change", "user": told}
        return cast(EventPayload, event | {"event_ts": self._timestamps.make()})

    def group_changed(self, group_id: str, user_ids: list[str], *, is_new: bool) -> EventPayload:
        """Returns the event of a user group that was made, or has other members."""
        ts = self._timestamps.make()
        if is_new:
            return {"type": "subteam_created", "subteam": {"id": group_id, "users": user_ids}, "event_ts": ts}
        return {"type": "subteam_members_changed", "subteam_id": group_id, "event_ts": ts}

    def uninstalled(self) -> EventPayload:
        """Returns the event of the app's removal."""
        return {"type": "app_uninstalled", "event_ts": self._timestamps.make()}

    def tokens_revoked(self) -> EventPayload:
        """Returns the event of tokens that are good no more, by the users whose they were."""
        tokens = {"oauth": [], "bot": [self._app.bot_user_id]}
        return {"type": "tokens_revoked", "tokens": tokens, "event_ts": self._timestamps.make()}

    def access_changed(self) -> EventPayload:
        """Returns the event of an organisation that takes the app out of this workspace, or puts it in again."""
        kind = "team_access_granted" if self._app.has_access else "team_access_revoked"
        return {"type": kind, "team_ids": [self._app.team_id], "event_ts": self._timestamps.make()}

    def home_opened(self, channel: Channel, user_id: str, tab: str) -> EventPayload:
        """Returns the event of a person who opened a tab of the app."""
        return {
            "type": "app_home_opened",
            "user": user_id,
            "channel": channel.id,
            "tab": tab,
            "event_ts": self._timestamps.make(),
        }

    def session_stopped(self, channel: Channel, thread_ts: str, user_id: str, streams: list[str]) -> EventPayload:
        """Returns the event of a person who pressed Stop."""
        return {
            "type": "agent_session_stopped",
            "channel": channel.id,
            "thread_ts": thread_ts,
            "user": user_id,
            "streaming_message_ts": streams,
            "event_ts": self._timestamps.make(),
        }

    def envelope(self, event: EventPayload, channel: Channel | None) -> EventEnvelope:
        """Returns the outer event callback, with a new `event_id`; some events are of no channel."""
        app = self._app
        context = {"et": event["type"], "tid": app.team_id, "aid": app.app_id}
        context |= {"cid": channel.id} if channel else {}
        return {
            "token": app.verification_token,
            "team_id": app.team_id,
            "context_team_id": app.team_id,
            "context_enterprise_id": app.enterprise_id,
            "api_app_id": app.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": "Ev" + secrets.token_hex(5).upper(),
            "event_time": int(time.time()),
            "authorizations": [
                {
                    "enterprise_id": app.enterprise_id,
                    "team_id": None if app.is_enterprise_install else app.team_id,
                    "user_id": app.bot_user_id,
                    "is_bot": True,
                    "is_enterprise_install": app.is_enterprise_install,
                }
            ],
            "is_ext_shared_channel": channel is not None and channel.is_ext_shared,
            "event_context": "4-" + base64.b64encode(json.dumps(context).encode()).decode(),
        }

    def names_app(self, text: str) -> bool:
        """Returns whether the text mentions the app."""
        return self._app.bot_user_id in MENTION.findall(text)

    def _hidden(self, subtype: str, channel: Channel) -> EventPayload:
        ts = self._timestamps.make()
        return {
            "type": "message",
            "subtype": subtype,
            "channel": channel.id,
            "hidden": True,
            "ts": ts,
            "event_ts": ts,
            "channel_type": channel.type,
        }

    def _add_content(self, payload: MessagePayload, message: SlackMessage, *, with_payload: bool) -> None:
        blocks = message.all_blocks()
        if blocks:
            payload["blocks"] = blocks
        if message.attachments:
            payload["attachments"] = list(message.attachments)
        if message.files:
            payload["files"], payload["upload"] = list(message.files), False
        if message.edited:
            payload["edited"] = message.edited
        if message.metadata:
            kind = {"event_type": message.metadata["event_type"]}
            payload["metadata"] = message.metadata if with_payload else kind
        if message.reactions:
            payload["reactions"] = [
                ReactionPayload(name=name, users=list(users), count=len(users))
                for name, users in message.reactions.items()
            ]

    def _add_thread(self, payload: MessagePayload, message: SlackMessage) -> None:
        channel = self._directory.channels.get(message.channel)
        if message.thread_ts and message.thread_ts != message.ts:
            parent = channel.messages.get(message.thread_ts) if channel else None
            payload["thread_ts"] = message.thread_ts
            payload["parent_user_id"] = parent.user if parent else None
            return
        replies = channel.replies.get(message.ts) if channel and not message.ephemeral_to else None
        if not channel or not replies:
            return
        users = list(dict.fromkeys(str(channel.messages[ts].user) for ts in replies))
        payload["thread_ts"] = message.ts
        payload["reply_count"], payload["reply_users_count"] = len(replies), len(users)
        payload["latest_reply"], payload["reply_users"] = replies[-1], users[:5]
        payload["is_locked"] = payload["subscribed"] = False


def subscription_name(event: EventPayload) -> str:
    """Returns the name under which an app subscribes to this event."""
    if event["type"] != "message":
        return event["type"]
    return "message." + SUBSCRIPTION_OF[event["channel_type"]]
