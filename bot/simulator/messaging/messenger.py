"""What happens when a message appears, changes or goes.

Owns the effects beyond the stores: the status of the thread ends, the app is told, readers are woken.
"""

from dataclasses import replace
from typing import Unpack

from bot.simulator.delivery.events import EventBuilder
from bot.simulator.delivery.publisher import EventPublisher
from bot.simulator.errors import SlackError
from bot.simulator.stores.changes import Changes
from bot.simulator.stores.directory import Channel, ChannelKind, Directory
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.message_store import TOMBSTONE, MessageChanges, MessageStore
from bot.simulator.stores.messages import SlackMessage, StreamState
from bot.simulator.stores.threads import ThreadStore


class Messenger:
    """Changes messages of the app and of people alike; the caller holds the lock."""

    def __init__(
        self,
        app: InstalledApp,
        *,
        directory: Directory,
        messages: MessageStore,
        threads: ThreadStore,
        events: EventBuilder,
        publisher: EventPublisher,
        changes: Changes,
    ) -> None:
        self._app, self._directory, self._messages, self._threads = app, directory, messages, threads
        self._events, self._publisher, self._changes = events, publisher, changes

    def post(self, channel: Channel, message: SlackMessage) -> SlackMessage:
        """Stores a new message, ends the thread's status if the app wrote it, tells the app."""
        message = self._messages.add(channel, message)
        if message.bot_id == self._app.bot_id:
            self._threads.clear_status((channel.id, message.thread_ts or message.ts))
        self._publisher.publish(self._events.posted(channel, message), channel)
        self._changes.notify()
        if self._is_mention(channel, message):
            self._publisher.publish(self._events.mention(channel, message), channel)
        return message

    def post_ephemeral(self, message: SlackMessage) -> SlackMessage:
        """Stores a message that one person sees; no event tells of it."""
        message = self._messages.add_ephemeral(message)
        self._changes.notify()
        return message

    def update(self, before: SlackMessage, **changes: Unpack[MessageChanges]) -> SlackMessage:
        """Changes a message and tells the app. An edit that adds the app's name is a mention, too."""
        message = self._messages.change(before, **changes)
        if not message.ephemeral_to:
            channel = self._directory.channels[message.channel]
            self._publisher.publish(self._events.changed(channel, message, before), channel)
            if self._is_mention(channel, message) and not self._events.names_app(before.text):
                self._publisher.publish(self._events.mention(channel, message), channel)
        self._changes.notify()
        return message

    def update_silently(self, before: SlackMessage, **changes: Unpack[MessageChanges]) -> SlackMessage:
        """Changes a message without an event, as Slack does for a growing stream."""
        message = self._messages.change(before, **changes)
        self._changes.notify()
        return message

    def delete(self, message: SlackMessage) -> None:
        """Deletes a message and tells the app. A root with replies leaves a tombstone (`message_changed`)."""
        if message.ephemeral_to:
            self._messages.remove(message)
        else:
            channel = self._directory.channels[message.channel]
            if channel.replies.get(message.ts):
                self.update(message, **TOMBSTONE)
                return
            event = self._events.deleted(channel, message)
            self._messages.remove(message)
            self._publisher.publish(event, channel)
        self._changes.notify()

    def react(self, message: SlackMessage, user_id: str, name: str, *, is_added: bool) -> None:
        """Adds or removes a reaction and tells the app; raises Slack's codes."""
        users = message.reactions.get(name, ())
        if is_added == (user_id in users):
            raise SlackError("already_reacted" if is_added else "no_reaction")
        after = (*users, user_id) if is_added else tuple(user for user in users if user != user_id)
        reactions = {emoji: users for emoji, users in {**message.reactions, name: after}.items() if users}
        self.update_silently(message, reactions=reactions)
        event = self._events.reaction(message, user_id, name, is_added=is_added)
        self._publisher.publish(event, self._directory.channels[message.channel])

    def stop_streams(self, channel: Channel, thread_ts: str, user_id: str) -> list[str]:
        """Ends the thread's live streams for a person and tells the app; returns their ts."""
        thread = self._messages.thread(channel.id, thread_ts)
        live = [message for message in thread if message.streaming_state == StreamState.IN_PROGRESS]
        for message in live:
            if message.stream:
                stopped = replace(message.stream, state=StreamState.STOPPED_BY_USER)
                self.update_silently(message, stream=stopped)
        streams = [message.ts for message in live]
        self._publisher.publish(self._events.session_stopped(channel, thread_ts, user_id, streams), channel)
        return streams

    def add_member(self, channel: Channel, user_id: str) -> None:
        """Lets a person or the app join a channel, and tells the app."""
        if user_id not in channel.members:
            channel.members.append(user_id)
            self._directory.save_channel(channel)
            self._publisher.publish(self._events.membership("member_joined_channel", channel, user_id), channel)
        self._changes.notify()

    def _is_mention(self, channel: Channel, message: SlackMessage) -> bool:
        """Whether Slack sends an `app_mention`: not in direct messages, not for the app's own messages, and not
        for a message that shares a file (slackapi/bolt-python#925)."""
        if channel.kind == ChannelKind.IM or message.bot_id == self._app.bot_id or message.subtype == "file_share":
            return False
        return self._events.names_app(message.text)
