"""What a person does in Slack, for tests and for the demo page to do on their behalf.

Owns the person's side of everything: writing, editing, clicking, commands. Promises that the app is told
exactly what Slack would tell it. A person can do only what they could in Slack: writing needs a membership,
editing needs to be the author; anything else raises `WorkspaceError`. Text is taken as Slack's wire text
(`<@U…>`, `&lt;`).
"""

import uuid
from collections.abc import Mapping
from dataclasses import replace

from bot.simulator.errors import WorkspaceError
from bot.simulator.messaging.messenger import Messenger
from bot.simulator.payloads import JsonObject, ViewPayload
from bot.simulator.people import invitations, sharing
from bot.simulator.people.interactions import Ack, Interactions
from bot.simulator.people.invitations import INVITE, Invitations
from bot.simulator.people.rich_text import rich_text
from bot.simulator.stores.changes import Changes
from bot.simulator.stores.directory import Channel, ChannelKind, Directory, User
from bot.simulator.stores.files import FileStore
from bot.simulator.stores.message_store import MessageStore
from bot.simulator.stores.messages import SlackMessage
from bot.simulator.stores.timestamps import Timestamps


class People:
    """What all people share: the stores and services through which they act."""

    def __init__(
        self,
        app_user_id: str,
        *,
        domain: str,
        directory: Directory,
        messages: MessageStore,
        messenger: Messenger,
        interactions: Interactions,
        timestamps: Timestamps,
        changes: Changes,
        files: FileStore,
    ) -> None:
        self.app_user_id, self.domain, self.files = app_user_id, domain, files
        self.directory, self.messages, self.messenger = directory, messages, messenger
        self.interactions, self.timestamps, self.changes = interactions, timestamps, changes
        self.invitations = Invitations(app_user_id, directory, messages, messenger, changes)

    def find(self, user_id: str) -> "Person":
        """Returns a person of the workspace; raises `WorkspaceError`."""
        return Person(self, self.directory.find_user(user_id).id)


class Person:
    """Acts at once and returns; only commands, clicks, shortcuts and modals wait for the app."""

    def __init__(self, people: People, user_id: str) -> None:
        self._people = people
        self.id = user_id

    @property
    def user(self) -> User:
        """Their entry in the directory."""
        return self._people.directory.users[self.id]

    @property
    def dm(self) -> str:
        """The id of this person's direct message channel with the app."""
        with self._people.changes.lock:
            return self._people.directory.open_dm(self.id).id

    def mention(self, channel: str, text: str, thread_ts: str | None = None) -> str:
        """Writes a message that begins with the app's name; returns its ts."""
        return self.say(channel, f"<@{self._people.app_user_id}> {text}", thread_ts)

    def say(
        self,
        channel: str,
        text: str,
        thread_ts: str | None = None,
        *,
        subtype: str = "",
        is_broadcast: bool = False,
    ) -> str:
        """Writes a message and returns its ts; `subtype` such as `file_share` goes with the event."""
        with self._people.changes.lock:
            place = self._people.directory.find_channel(channel)
            return self._write(place, text, thread_ts, subtype=subtype, is_broadcast=is_broadcast).ts

    def upload(
        self,
        channel: str,
        name: str,
        content: str,
        text: str = "",
        *,
        mimetype: str = "text/plain",
        thread_ts: str | None = None,
    ) -> str:
        """Shares a file with a message; returns its ts."""
        with self._people.changes.lock:
            place = self._people.directory.find_channel(channel)
            file = self._people.files.add(name, content.encode(), mimetype, user=self.id)
            return self._write(place, text, thread_ts, subtype="file_share", files=(file,)).ts

    def forward(self, ts: str, channel: str, text: str = "", thread_ts: str | None = None) -> str:
        """Forwards a message that they may see; returns the new message's ts."""
        with self._people.changes.lock:
            message = self._people.messages.find(ts)
            source = self._people.directory.channels[message.channel]
            if source.kind != ChannelKind.PUBLIC:
                self._require_member(source)
            author = self._people.directory.users.get(message.user or "")
            place = self._people.directory.find_channel(channel)
            shared = sharing.attach(message, source, author, domain=self._people.domain, is_share=True)
            return self._write(place, text, thread_ts, attachments=(shared,)).ts

    def permalink(self, ts: str) -> str:
        """Copies the address of a message."""
        return sharing.permalink(self._people.messages.find(ts), self._people.domain)

    def use_shortcut(self, ts: str, callback_id: str) -> Ack:
        """Chooses a shortcut in a message's menu."""
        return self._people.interactions.use_shortcut(self.user, ts, callback_id)

    def write_dm(self, text: str, thread_ts: str | None = None) -> str:
        """Writes to the app directly; returns the ts."""
        with self._people.changes.lock:
            return self._write(self._people.directory.open_dm(self.id), text, thread_ts).ts

    def edit(self, ts: str, text: str) -> None:
        """Changes a message of theirs."""
        with self._people.changes.lock:
            before = self._find_own(ts)
            edited: JsonObject = {"user": self.id, "ts": self._people.timestamps.make()}
            self._people.messenger.update(before, text=text, blocks=(rich_text(text),), edited=edited)

    def delete(self, ts: str) -> None:
        """Deletes a message of theirs."""
        with self._people.changes.lock:
            self._people.messenger.delete(self._find_own(ts))

    def react(self, ts: str, name: str) -> None:
        """Adds a reaction to any message."""
        self._react(ts, name, is_added=True)

    def unreact(self, ts: str, name: str) -> None:
        """Takes a reaction back."""
        self._react(ts, name, is_added=False)

    def open_home(self, tab: str = "home") -> None:
        """Opens a tab of the app: home or messages."""
        self._people.interactions.open_home(self.id, tab)

    def stop(self, channel: str, thread_ts: str) -> list[str]:
        """Presses Stop: ends the thread's live streams and tells the app; returns their ts."""
        with self._people.changes.lock:
            place = self._people.directory.find_channel(channel)
            return self._people.messenger.stop_streams(place, thread_ts, self.id)

    def command(self, command: str, text: str, channel: str) -> Ack:
        """Types a slash command; what the acknowledgement says is stored as Slack would show it.

        ``/invite`` is Slack's own: it brings whom it names into the channel.
        """
        place = self._require_member(self._people.directory.find_channel(channel))
        if command == INVITE:
            return self._people.invitations.invite(self.user, place, text)
        return self._people.interactions.run_command(self.user, place, command, text)

    def click(self, ts: str, action_id: str, value: str | None = None, block_id: str | None = None) -> Ack:
        """Uses an element of a message or ephemeral. `value` picks an option, or the positive or negative feedback
        (by those words or by the button's own value; positive when None)."""
        if action_id == invitations.ACTION:
            return self._people.invitations.accept(self.user, ts)
        return self._people.interactions.click(self.user, ts, action_id=action_id, value=value, block_id=block_id)

    def click_home(self, action_id: str, value: str | None = None, block_id: str | None = None) -> Ack:
        """Uses an element of their Home tab of the app; `value` picks an option, or is the id that is chosen."""
        return self._people.interactions.click_home(self.user, action_id=action_id, value=value, block_id=block_id)

    def home(self) -> ViewPayload | None:
        """Returns their Home tab; None while the app has published none."""
        return self._people.interactions.home(self.id)

    def submit(self, view_id: str, values: Mapping[str, Mapping[str, object]] | None = None) -> Ack:
        """Submits a modal; `values` per block and action are strings or Slack's state objects."""
        return self._people.interactions.submit(self.user, view_id, values or {})

    def close(self, view_id: str) -> None:
        """Closes a modal without submitting it; the app is told if the view asks for that."""
        self._people.interactions.close(self.user, view_id)

    def modals(self) -> list[ViewPayload]:
        """Returns the modals they have open."""
        return self._people.interactions.modals(self.id)

    def _write(
        self,
        channel: Channel,
        text: str,
        thread_ts: str | None,
        *,
        subtype: str = "",
        is_broadcast: bool = False,
        files: tuple[JsonObject, ...] = (),
        attachments: tuple[JsonObject, ...] = (),
    ) -> SlackMessage:
        if self.user.deleted:
            raise WorkspaceError(f"{self.user.name} is deactivated")
        self._require_member(channel)
        root = channel.messages.get(thread_ts or "")
        if thread_ts and (root is None or root.thread_ts):
            raise WorkspaceError(f"no root {thread_ts!r} in {channel.name} to reply to")
        message = SlackMessage(
            channel.id,
            "",
            text=text,
            user=self.id,
            thread_ts=thread_ts,
            blocks=(rich_text(text),) if text else (),
            subtype=subtype,
            files=files,
            attachments=attachments,
            client_msg_id=str(uuid.uuid4()),
            is_broadcast=is_broadcast,
        )
        if self.user.is_bot:
            message = replace(message, bot_id="B" + self.id[1:], client_msg_id="")
        message = self._people.messenger.post(channel, message)
        self._people.invitations.offer(self.user, channel, message)
        return message

    def _find_own(self, ts: str) -> SlackMessage:
        message = self._people.messages.find(ts)
        if message.user != self.id:
            raise WorkspaceError(f"{self.user.name} did not write {ts!r}")
        return message

    def _react(self, ts: str, name: str, *, is_added: bool) -> None:
        with self._people.changes.lock:
            self._people.messenger.react(self._people.messages.find(ts), self.id, name, is_added=is_added)

    def _require_member(self, channel: Channel) -> Channel:
        if self.id not in channel.members:
            raise WorkspaceError(f"{self.user.name} is not in {channel.name}")
        return channel
