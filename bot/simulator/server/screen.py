"""What one person sees: their channels, one of them, one thread, their open modals.

Owns the JSON a page draws. Promises that a person gets only what Slack would show them, and that with `since`
(the `version` of an earlier answer) only those messages come whose look changed after it; `order` always names
all that are visible. Does not draw.
"""

import bisect
import dataclasses
import secrets
from dataclasses import dataclass

from bot.simulator.server.page_content import PageContent
from bot.simulator.stores.directory import SLACKBOT, Channel, ChannelKind, User
from bot.simulator.stores.messages import SlackMessage, StreamState
from bot.simulator.workspace import Workspace

RECENT_REPLIES = 20  # of a thread: where a live stream is looked for


@dataclass(frozen=True)
class MessageWindow:
    """The last `limit` messages; more when the one of ts `oldest` has to stay, because the person reads there."""

    limit: int
    oldest: str = ""

    def cut(self, messages: list[SlackMessage]) -> tuple[list[SlackMessage], int]:
        """Returns the messages of the window, and how many come before it."""
        start = max(0, len(messages) - self.limit)
        if self.oldest:
            start = min(start, bisect.bisect_left(messages, self.oldest, key=lambda message: message.ts))
        return messages[start:], start


@dataclass(frozen=True)
class ThreadActivity:
    """What is going on in a thread: the app's status, and whether there is something to stop."""

    status: str = ""
    loading: tuple[str, ...] = ()
    is_running: bool = False


class Screen:
    """What the people of one workspace see; it remembers which version of a message has been shown since when."""

    def __init__(self, workspace: Workspace, content: PageContent) -> None:
        self._workspace, self._content = workspace, content
        self._boot = secrets.token_hex(4)  # tells a page that the server it knew is gone
        self._version = 0
        self._seen: dict[str, tuple[object, int]] = {}  # per message: its look, and the version that had it first

    def show(
        self,
        user_id: str,
        *,
        channel_id: str,
        thread_ts: str,
        since: int,
        window: MessageWindow,
        thread_window: MessageWindow,
    ) -> dict[str, object]:
        """Returns one person's screen. Messages are keyed by ts; `n_earlier` counts those before the window."""
        workspace = self._workspace
        with workspace.lock:
            me = workspace.person(self._known_user(user_id))
            channels = self._channels_of(me.id, me.dm)
            channel = channels.get(channel_id) or _first_channel(channels)
            root = channel.messages.get(thread_ts)
            if root is not None and root.thread_ts is not None:
                root = None
            ephemerals = [m for m in workspace.ephemerals(me.id) if m.channel == channel.id]
            listed, n_earlier = window.cut(_top_level(channel, ephemerals))
            replies, n_earlier_replies = thread_window.cut(_replies(channel, ephemerals, thread_ts))
            visible = {m.ts: m for m in [*listed, *replies, *([root] if root else [])]}
            return {
                "boot": self._boot,
                "revision": workspace.changes.revision,
                "messages": {
                    ts: news
                    for ts, message in visible.items()
                    if (news := self._news(channel, message, since)) is not None
                },
                "version": self._version,
                "me": me.id,
                "app": workspace.app.bot_user_id,
                "users": [_user(user) for user in workspace.directory.users.values()],
                "channels": [_channel(mine, workspace.app.bot_user_id) for mine in channels.values()],
                "channel": channel.id,
                "order": [m.ts for m in listed],
                "n_earlier": n_earlier,
                "prompts": workspace.threads.prompts.get((channel.id, ""), []),
                "thread": self._thread(channel, thread_ts, replies, n_earlier_replies) if root else None,
                "modals": me.modals(),
                "home": me.home(),
                "examples": list(self._content.examples),
                "commands": dict(self._content.commands),
                "shortcuts": dict(self._content.shortcuts),
                "emoji": list(self._content.emoji),
            }

    def _known_user(self, user_id: str) -> str:
        """Returns the person, or the first there is when a page does not know anybody yet."""
        users = self._workspace.directory.users
        return user_id if user_id in users else next(user.id for user in users.values() if _can_act(user))

    def _channels_of(self, user_id: str, dm: str) -> dict[str, Channel]:
        """Returns a person's channels, their direct messages with the app first."""
        channels = self._workspace.directory.channels
        return {
            channel.id: channel for channel in [channels[dm], *channels.values()] if user_id in channel.members
        }

    def _news(self, channel: Channel, message: SlackMessage, since: int) -> dict[str, object] | None:
        """Returns the message if it looks different from what the version `since` had."""
        message = self._workspace.messages.age(message)
        replies = [] if message.ephemeral_to else channel.replies.get(message.ts, [])
        activity = self._activity(channel, message.ts) if replies or not message.thread_ts else None
        look = (message, tuple(replies), activity)
        before = self._seen.get(message.ts)
        if before is None or before[0] != look:
            self._version += 1
            self._seen[message.ts] = before = (look, self._version)
        if before[1] <= since:
            return None
        users = list(dict.fromkeys(str(channel.messages[ts].user) for ts in replies))
        thread = {"n": len(replies), "users": users[:5], "latest": replies[-1] if replies else ""}
        return {
            **_message(message, is_app=message.bot_id == self._workspace.app.bot_id),
            "version": before[1],
            "replies": {**thread, "activity": activity and dataclasses.asdict(activity)},
        }

    def _thread(self, channel: Channel, ts: str, replies: list[SlackMessage], n_earlier: int) -> dict[str, object]:
        threads, key = self._workspace.threads, (channel.id, ts)
        session = threads.sessions.get(key)
        return {
            "ts": ts,
            "order": [ts, *(m.ts for m in replies)],
            "n_earlier": n_earlier,
            "title": threads.titles.get(key) or (session.title if session else ""),
            "prompts": threads.prompts.get(key, []),
            **dataclasses.asdict(self._activity(channel, ts) or ThreadActivity()),
        }

    def _activity(self, channel: Channel, ts: str) -> ThreadActivity | None:
        threads, key = self._workspace.threads, (channel.id, ts)
        status, session = threads.status(key), threads.sessions.get(key)
        recent = channel.replies.get(ts, [])[-RECENT_REPLIES:]
        messages = [self._workspace.messages.age(channel.messages[reply]) for reply in recent]
        is_live = any(message.streaming_state == StreamState.IN_PROGRESS for message in messages)
        is_running = is_live or (session is not None and session.status == "processing")
        if not status and not is_running:
            return None
        loading = threads.status_history(key)[-1].loading_messages if status else ()
        return ThreadActivity(status, loading, is_running)


def _first_channel(channels: dict[str, Channel]) -> Channel:
    """Returns where a page begins: not in direct messages, unless there is nothing else."""
    return next((c for c in channels.values() if c.kind != ChannelKind.IM), next(iter(channels.values())))


def _top_level(channel: Channel, ephemerals: list[SlackMessage]) -> list[SlackMessage]:
    """Returns the channel without the replies of its threads."""
    messages = [m for m in channel.messages.values() if m.thread_ts is None or m.is_broadcast]
    return sorted([*messages, *(m for m in ephemerals if not m.thread_ts)], key=lambda m: m.ts)


def _replies(channel: Channel, ephemerals: list[SlackMessage], thread_ts: str) -> list[SlackMessage]:
    replies = [channel.messages[ts] for ts in channel.replies.get(thread_ts, [])]
    return sorted([*replies, *(m for m in ephemerals if m.thread_ts == thread_ts != "")], key=lambda m: m.ts)


def _user(user: User) -> dict[str, object]:
    return {
        "id": user.id,
        "name": user.name,
        "real_name": user.real_name,
        "is_bot": user.is_bot,
        "is_shown": not user.deleted and user.id != SLACKBOT,
        "can_act": _can_act(user),
    }


def _can_act(user: User) -> bool:
    return not user.deleted and not user.is_bot and user.id != SLACKBOT


def _channel(channel: Channel, app: str) -> dict[str, object]:
    top_level = (m.ts for m in channel.messages.values() if m.thread_ts is None or m.is_broadcast)
    return {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind,
        "topic": channel.topic,
        "latest": max(top_level, default=""),
        "n_members": len(channel.members),
        "has_app": app in channel.members,
        "is_shared": channel.is_ext_shared,
    }


def _message(message: SlackMessage, *, is_app: bool) -> dict[str, object]:
    fields = {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}
    for hidden in ("metadata", "client_msg_id", "bot_id", "ephemeral_to"):
        del fields[hidden]
    stream = message.stream
    return fields | {
        "is_app": is_app,
        "is_ephemeral": message.ephemeral_to is not None,
        "edited": bool(message.edited),
        "stream": stream
        and {
            "state": stream.state,
            "display_mode": stream.display_mode,
            "plan_title": stream.plan_title,
            "tasks": list(stream.tasks.values()),
        },
    }
