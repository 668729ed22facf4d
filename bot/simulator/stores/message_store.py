"""Every message there is.

Owns messages and ephemerals. Promises that a reply has a root, that a stream ends by its age, and snapshots that
do not change after they were read. Reading takes the lock; the caller of a writing method holds it already. Does
not tell the app: `messaging.messenger` does.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NotRequired, TypedDict, Unpack

from bot.simulator.errors import SlackError, WorkspaceError
from bot.simulator.payloads import JsonObject
from bot.simulator.stores.archive import Archive, RecordKind
from bot.simulator.stores.changes import Changes
from bot.simulator.stores.directory import SLACKBOT, Channel, Directory
from bot.simulator.stores.messages import MessageStream, SlackMessage, StreamState, assign_ids
from bot.simulator.stores.snapshot import Snapshot
from bot.simulator.stores.timestamps import Timestamps
from bot.simulator.timing import Timing


class MessageChanges(TypedDict):
    """The fields of a message that can change."""

    subtype: NotRequired[str]
    user: NotRequired[str | None]
    bot_id: NotRequired[str | None]
    text: NotRequired[str]
    blocks: NotRequired[tuple[JsonObject, ...]]
    markdown: NotRequired[str]
    attachments: NotRequired[tuple[JsonObject, ...]]
    metadata: NotRequired[JsonObject | None]
    edited: NotRequired[JsonObject | None]
    stream: NotRequired[MessageStream | None]
    reactions: NotRequired[dict[str, tuple[str, ...]]]


TOMBSTONE = MessageChanges(
    subtype="tombstone",
    user=SLACKBOT,
    bot_id=None,
    text="This message was deleted.",
    blocks=(),
    markdown="",
    metadata=None,
    stream=None,
)


class MessageStore:
    """Messages by ts, in their channels, and ephemerals apart."""

    def __init__(
        self,
        directory: Directory,
        *,
        timestamps: Timestamps,
        timing: Timing,
        archive: Archive,
        changes: Changes,
        snapshot: Snapshot,
    ) -> None:
        self._directory, self._timestamps, self._timing = directory, timestamps, timing
        self._archive, self._changes = archive, changes
        self._ids: Iterator[int] = snapshot.ids()
        self._channel_of: dict[str, str] = {}  # by ts
        self._ephemerals: dict[str, SlackMessage] = {}
        self._restore(snapshot)

    def find(self, ts: str) -> SlackMessage:
        """Returns any message or ephemeral; raises `WorkspaceError`."""
        with self._changes.lock:
            if ts in self._ephemerals:
                return self._ephemerals[ts]
            channel = self._directory.channels.get(self._channel_of.get(ts, ""))
            if channel is None or ts not in channel.messages:
                raise WorkspaceError(f"no message {ts!r}; it may have been deleted")
            return self.age(channel.messages[ts])

    def find_posted(self, channel: Channel, ts: str) -> SlackMessage:
        """Returns a message of this channel that is no ephemeral; raises `message_not_found`."""
        with self._changes.lock:
            if ts not in channel.messages:
                raise SlackError("message_not_found")
            return self.age(channel.messages[ts])

    def thread(self, channel: str, ts: str) -> list[SlackMessage]:
        """Returns the root first, then its replies in order; nothing when there is no such root."""
        with self._changes.lock:
            place = self._directory.find_channel(channel)
            roots = [place.messages[ts]] if ts in place.messages else []
            replies = [place.messages[reply] for reply in place.replies.get(ts, [])]
            return [self.age(message) for message in [*roots, *replies]]

    def history(self, channel: str) -> list[SlackMessage]:
        """Returns every message of a channel, replies too, oldest first."""
        with self._changes.lock:
            return [self.age(message) for message in self._directory.find_channel(channel).messages.values()]

    def ephemerals(self, user_id: str) -> list[SlackMessage]:
        """Returns the ephemerals that this person sees."""
        with self._changes.lock:
            return [message for message in self._ephemerals.values() if message.ephemeral_to == user_id]

    def add(self, channel: Channel, message: SlackMessage) -> SlackMessage:
        """Returns the message with its ts and channel; raises `cannot_reply_to_message`."""
        blocks = assign_ids(message.blocks, self._ids)
        root = message.thread_ts
        if root:
            self._require_root(channel, root)
        message = replace(message, ts=self._timestamps.make(), channel=channel.id, blocks=blocks)
        self._put(channel, message)
        if root:
            channel.replies[root].append(message.ts)
        return message

    def add_ephemeral(self, message: SlackMessage) -> SlackMessage:
        """Returns the ephemeral with its ts."""
        blocks = assign_ids(message.blocks, self._ids)
        message = replace(message, ts=self._timestamps.make(), blocks=blocks)
        self._ephemerals[message.ts] = message
        self._archive.keep(RecordKind.MESSAGE, message.ts, message)
        return message

    def change(self, message: SlackMessage, **changes: Unpack[MessageChanges]) -> SlackMessage:
        """Returns the message with these changes."""
        if changes.get("blocks"):
            changes["blocks"] = assign_ids(changes["blocks"], self._ids)
        message = replace(message, **changes)
        self._archive.keep(RecordKind.MESSAGE, message.ts, message)
        if message.ephemeral_to:
            self._ephemerals[message.ts] = message
        else:
            self._directory.channels[message.channel].messages[message.ts] = message
        return message

    def remove(self, message: SlackMessage) -> None:
        """Removes an ephemeral, or a message without replies."""
        self._archive.forget(RecordKind.MESSAGE, message.ts)
        if message.ephemeral_to:
            del self._ephemerals[message.ts]
            return
        channel = self._directory.channels[message.channel]
        del channel.messages[message.ts]
        if message.thread_ts:
            channel.replies[message.thread_ts].remove(message.ts)
        channel.gone.add(message.ts)
        self._archive.keep(RecordKind.DELETED, message.ts, channel.id)

    def age(self, message: SlackMessage) -> SlackMessage:
        """Returns the message with its stream's age taken into account: Slack ends a stream without being
        asked."""
        stream = message.stream
        if stream is None or stream.state != StreamState.IN_PROGRESS:
            return message
        if self._timing.clock() - stream.started_at < self._timing.stream_seconds:
            return message
        return replace(message, stream=replace(stream, state=StreamState.EXPIRED))

    def _require_root(self, channel: Channel, ts: str) -> None:
        """A root is no reply itself. One that was deleted before anybody replied comes back as a tombstone."""
        if ts in channel.gone and ts not in channel.messages:
            self._put(channel, replace(SlackMessage(channel.id, ts), **TOMBSTONE))
        if ts not in channel.messages or channel.messages[ts].thread_ts:
            raise SlackError("cannot_reply_to_message")

    def _put(self, channel: Channel, message: SlackMessage) -> None:
        channel.messages[message.ts] = message
        self._channel_of[message.ts] = channel.id
        self._archive.keep(RecordKind.MESSAGE, message.ts, message)

    def _restore(self, snapshot: Snapshot) -> None:
        """Adds what the archive kept, except in channels that this workspace no longer has."""
        channels = self._directory.channels
        for ts, channel_id in snapshot.deleted.items():
            if channel_id in channels:
                channels[channel_id].gone.add(ts)
        for message in snapshot.messages:
            if message.channel not in channels:
                continue
            if message.ephemeral_to:
                self._ephemerals[message.ts] = message
                continue
            channel = channels[message.channel]
            channel.messages[message.ts] = message
            self._channel_of[message.ts] = channel.id
            if message.thread_ts:
                channel.replies[message.thread_ts].append(message.ts)
