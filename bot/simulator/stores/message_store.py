"""Every message there is.

Owns messages and ephemerals, and what happens when one appears, changes or goes: the thread's status ends,
the app is told. Promises `ts` values that are unique and increase, and snapshots that do not change after
they were read. Reading takes the workspace's lock; whoever writes holds it already.
"""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.simulator.delivery import events
from bot.simulator.errors import SlackError, WorkspaceError
from bot.simulator.stores.directory import SLACKBOT, Channel
from bot.simulator.stores.messages import Message, with_ids

if TYPE_CHECKING:
    from bot.simulator.stores.snapshot import Kept
    from bot.simulator.workspace import Workspace

TOMBSTONE: dict[str, Any] = {
    "subtype": "tombstone",
    "user": SLACKBOT,
    "bot_id": None,
    "text": "This message was deleted.",
    "blocks": (),
    "markdown": "",
    "metadata": None,
    "stream": None,
}


class Store:
    def __init__(self, workspace: "Workspace", kept: "Kept") -> None:
        self._workspace = workspace
        self._last_ts_us = kept.last_ts_us
        self._ids = kept.ids()
        self._home_of: dict[str, str] = {}  # the channel of each ts
        self._ephemerals: dict[str, Message] = {}
        self._restore(kept)

    def message(self, ts: str) -> Message:
        """Any message or ephemeral by its ts; raises `WorkspaceError`."""
        with self._workspace.lock:
            if ts in self._ephemerals:
                return self._ephemerals[ts]
            channel = self._workspace.directory.channels.get(self._home_of.get(ts, ""))
            if channel is None or ts not in channel.messages:
                raise WorkspaceError(f"no message {ts!r}; it may have been deleted")
            return self.settled(channel.messages[ts])

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The root first, then its replies in order; empty when there is no such root."""
        with self._workspace.lock:
            place = self._workspace.directory.find_channel(channel)
            found = [place.messages[ts]] if ts in place.messages else []
            found += [place.messages[reply] for reply in place.replies.get(ts, [])]
            return [self.settled(message) for message in found]

    def history(self, channel: str) -> list[Message]:
        """Every message of a channel, replies too, oldest first."""
        with self._workspace.lock:
            return [
                self.settled(message)
                for message in self._workspace.directory.find_channel(channel).messages.values()
            ]

    def ephemerals(self, user_id: str) -> list[Message]:
        with self._workspace.lock:
            return [message for message in self._ephemerals.values() if message.ephemeral_to == user_id]

    def new_ts(self) -> str:
        self._last_ts_us = max(self._last_ts_us + 1, time.time_ns() // 1_000)
        self._workspace.archive.keep("last_ts", "", self._last_ts_us)
        return f"{self._last_ts_us // 1_000_000}.{self._last_ts_us % 1_000_000:06d}"

    def post(self, channel: Channel, message: Message) -> Message:
        """Gives the message its ts and place, ends the thread's status if the app wrote it, tells the app."""
        blocks = with_ids(message.blocks, self._ids) if message.blocks else ()
        root = message.thread_ts
        if root:
            self._make_root(channel, root)
        message = replace(message, ts=self.new_ts(), channel=channel.id, blocks=blocks)
        self._put(channel, message)
        if root:
            channel.replies[root].append(message.ts)
        if message.bot_id == self._workspace.bot_id:
            self._workspace.threads.clear((channel.id, root or message.ts))
        self._workspace.emit(events.message_posted(self._workspace, channel, message), channel)
        self._workspace.changed()
        return message

    def amend(self, message: Message, *, is_announced: bool = True, **changes: Any) -> Message:
        if changes.get("blocks"):
            changes["blocks"] = with_ids(changes["blocks"], self._ids)
        now = replace(message, **changes)
        self._workspace.archive.keep("message", now.ts, now)
        if now.ephemeral_to:
            self._ephemerals[now.ts] = now
        else:
            channel = self._workspace.directory.channels[now.channel]
            channel.messages[now.ts] = now
            if is_announced:
                self._workspace.emit(events.message_changed(self._workspace, channel, now, message), channel)
        self._workspace.changed()
        return now

    def remove(self, message: Message) -> None:
        if message.ephemeral_to:
            del self._ephemerals[message.ts]
            self._workspace.archive.forget("message", message.ts)
            self._workspace.changed()
            return
        channel = self._workspace.directory.channels[message.channel]
        if channel.replies.get(message.ts):
            self.amend(message, **TOMBSTONE)
            return
        event = events.message_deleted(self._workspace, channel, message)
        del channel.messages[message.ts]
        if message.thread_ts:
            channel.replies[message.thread_ts].remove(message.ts)
        channel.gone.add(message.ts)
        self._workspace.archive.forget("message", message.ts)
        self._workspace.archive.keep("gone", message.ts, channel.id)
        self._workspace.emit(event, channel)
        self._workspace.changed()

    def post_ephemeral(self, message: Message) -> Message:
        blocks = with_ids(message.blocks, self._ids) if message.blocks else ()
        message = replace(message, ts=self.new_ts(), blocks=blocks)
        self._ephemerals[message.ts] = message
        self._workspace.archive.keep("message", message.ts, message)
        self._workspace.changed()
        return message

    def settled(self, message: Message) -> Message:
        """The message with its stream's age taken into account: Slack ends a stream without being asked."""
        stream = message.stream
        if stream is None or stream.state != "in_progress":
            return message
        if self._workspace.clock() - stream.started_at < self._workspace.stream_seconds:
            return message
        return replace(message, stream=replace(stream, state="expired"))

    def _make_root(self, channel: Channel, ts: str) -> None:
        """A reply needs a root: a message that is no reply itself, or one deleted before anybody replied."""
        if ts in channel.gone and ts not in channel.messages:
            self._put(channel, replace(Message(channel.id, ts), **TOMBSTONE))
        if ts not in channel.messages or channel.messages[ts].thread_ts:
            raise SlackError("cannot_reply_to_message")

    def _put(self, channel: Channel, message: Message) -> None:
        channel.messages[message.ts] = message
        self._home_of[message.ts] = channel.id
        self._workspace.archive.keep("message", message.ts, message)

    def _restore(self, kept: "Kept") -> None:
        """Leaves out what stands in a channel that this workspace no longer has."""
        channels = self._workspace.directory.channels
        for ts, channel_id in kept.gone.items():
            if channel_id in channels:
                channels[channel_id].gone.add(ts)
        for message in kept.messages:
            if message.channel not in channels:
                continue
            if message.ephemeral_to:
                self._ephemerals[message.ts] = message
                continue
            channel = channels[message.channel]
            channel.messages[message.ts] = message
            self._home_of[message.ts] = channel.id
            if message.thread_ts:
                channel.replies[message.thread_ts].append(message.ts)
