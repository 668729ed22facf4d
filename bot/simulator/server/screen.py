"""What one person sees: their channels, one of them, one thread, their open modals.

Owns the JSON a page draws. Promises that a person gets only what Slack would show them, and that with `since`
(the `version` of an earlier answer) only those messages come whose look changed after it; `order` always names
all that are shown. Does not draw.
"""

import bisect
import dataclasses
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.simulator.stores.directory import SLACKBOT, Channel, User
from bot.simulator.stores.messages import Json, Message

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace

RECENT_REPLIES = 20  # of a thread: where a live stream is looked for


@dataclass(frozen=True)
class Window:
    """The last `limit` messages; more where the one of ts `oldest` has to stay, because somebody reads there."""

    limit: int
    oldest: str = ""

    def of(self, messages: list[Message]) -> tuple[list[Message], int]:
        """The messages of the window, and how many come before it."""
        start = max(0, len(messages) - self.limit)
        if self.oldest:
            start = min(start, bisect.bisect_left(messages, self.oldest, key=lambda message: message.ts))
        return messages[start:], start


class Screen:
    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._boot = secrets.token_hex(4)  # tells a page that the server it knew is gone
        self._version = 0
        self._seen: dict[str, tuple[Any, int]] = {}  # per message: its look, and the version that had it first

    def of(
        self, user_id: str, *, channel: str, thread_ts: str, since: int, most: Window, thread_most: Window
    ) -> Json:
        """Messages are keyed by ts; `n_earlier` counts those before the window."""
        workspace = self._workspace
        with workspace.lock:
            me = workspace.person(self._known(user_id))
            places = [workspace.directory.channels[me.dm], *workspace.directory.channels.values()]
            mine = {place.id: place for place in places if me.id in place.members}
            place = mine.get(channel) or next(iter([p for p in mine.values() if p.kind != "im"] or mine.values()))
            root = place.messages.get(thread_ts)
            has_thread = root is not None and root.thread_ts is None
            asides = [m for m in workspace.ephemerals(me.id) if m.channel == place.id]
            listed, n_earlier = most.of(_listed(place, asides))
            replies, n_earlier_replies = thread_most.of(_replies(place, asides, thread_ts))
            shown = {m.ts: m for m in [*listed, *replies, *([root] if root and has_thread else [])]}
            return {
                "boot": self._boot,
                "revision": workspace.revision,
                "messages": {ts: m for ts, message in shown.items() if (m := self._news(place, message, since))},
                "version": self._version,
                "me": me.id,
                "app": workspace.bot_user_id,
                "users": [_user(user) for user in workspace.directory.users.values()],
                "channels": [_channel(p, workspace.bot_user_id) for p in mine.values()],
                "channel": place.id,
                "order": [m.ts for m in listed],
                "n_earlier": n_earlier,
                "prompts": workspace.threads.prompts.get((place.id, ""), []),
                "thread": self._thread(place, thread_ts, replies, n_earlier_replies) if has_thread else None,
                "modals": me.modals(),
                "examples": list(workspace.examples),
                "commands": dict(workspace.commands),
            }

    def _known(self, user_id: str) -> str:
        """The person, or the first there is where a page does not know anybody yet."""
        users = self._workspace.directory.users
        return user_id if user_id in users else next(user.id for user in users.values() if _can_act(user))

    def _news(self, place: Channel, message: Message, since: int) -> Json | None:
        """The message if it looks different from what the version `since` had."""
        message = self._workspace.store.settled(message)
        replies = [] if message.ephemeral_to else place.replies.get(message.ts, [])
        activity = self._activity(place, message.ts) if replies or not message.thread_ts else None
        look = (message, tuple(replies), activity)
        before = self._seen.get(message.ts)
        if before is None or before[0] != look:
            self._version += 1
            self._seen[message.ts] = before = (look, self._version)
        if before[1] <= since:
            return None
        users = list(dict.fromkeys(str(place.messages[ts].user) for ts in replies))
        thread = {"n": len(replies), "users": users[:5], "latest": replies[-1] if replies else ""}
        told = {"version": before[1], "replies": {**thread, "activity": activity}}
        return _message(self._workspace, message) | told

    def _thread(self, place: Channel, ts: str, replies: list[Message], n_earlier: int) -> Json:
        threads, key = self._workspace.threads, (place.id, ts)
        session = threads.sessions.get(key)
        activity = self._activity(place, ts) or {"status": "", "loading": (), "is_running": False}
        return {
            "ts": ts,
            "order": [ts, *(m.ts for m in replies)],
            "n_earlier": n_earlier,
            "title": threads.titles.get(key) or (session.title if session else ""),
            "prompts": threads.prompts.get(key, []),
            **activity,
        }

    def _activity(self, place: Channel, ts: str) -> Json | None:
        """What is going on in a thread: the app's status, and whether there is something to stop."""
        threads, key = self._workspace.threads, (place.id, ts)
        status, session = threads.status(key), threads.sessions.get(key)
        recent = place.replies.get(ts, [])[-RECENT_REPLIES:]
        settled = [self._workspace.store.settled(place.messages[reply]) for reply in recent]
        is_live = any(message.streaming_state == "in_progress" for message in settled)
        is_running = is_live or (session is not None and session.status == "processing")
        if not status and not is_running:
            return None
        loading = threads.history(key)[-1].loading_messages if status else ()
        return {"status": status, "loading": loading, "is_running": is_running}


def _listed(place: Channel, asides: list[Message]) -> list[Message]:
    """The channel without the replies of its threads."""
    own = [m for m in place.messages.values() if m.thread_ts is None or m.is_broadcast]
    return sorted([*own, *(m for m in asides if not m.thread_ts)], key=lambda m: m.ts)


def _replies(place: Channel, asides: list[Message], thread_ts: str) -> list[Message]:
    replies = [place.messages[ts] for ts in place.replies.get(thread_ts, [])]
    return sorted([*replies, *(m for m in asides if m.thread_ts == thread_ts != "")], key=lambda m: m.ts)


def _user(user: User) -> Json:
    shown = {"id": user.id, "name": user.name, "real_name": user.real_name, "is_bot": user.is_bot}
    return shown | {"is_shown": not user.deleted and user.id != SLACKBOT, "can_act": _can_act(user)}


def _can_act(user: User) -> bool:
    return not user.deleted and not user.is_bot and user.id != SLACKBOT


def _channel(place: Channel, app: str) -> Json:
    latest = max((m.ts for m in place.messages.values() if m.thread_ts is None or m.is_broadcast), default="")
    shown: Json = {"id": place.id, "name": place.name, "kind": place.kind, "topic": place.topic, "latest": latest}
    shown |= {"n_members": len(place.members), "has_app": app in place.members}
    return shown | {"is_shared": place.is_ext_shared}


def _message(workspace: "Workspace", message: Message) -> Json:
    shown = {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}
    for unseen in ("metadata", "client_msg_id", "bot_id", "ephemeral_to"):
        del shown[unseen]
    stream = message.stream
    return shown | {
        "is_app": message.bot_id == workspace.bot_id,
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
