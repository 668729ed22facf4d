"""What a person does in Slack, for tests and for a demo page to do on their behalf.

Owns the person's side of everything: writing, editing, clicking, commands. Promises that the app is told
exactly what Slack would tell it. A person can do only what they could in Slack: writing needs a membership,
editing needs to be the author; anything else raises `WorkspaceError`. Text is taken as Slack's wire text
(`<@U…>`, `&lt;`).
"""

import re
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.simulator.delivery import events
from bot.simulator.errors import WorkspaceError
from bot.simulator.people import interactions
from bot.simulator.people.interactions import Ack
from bot.simulator.stores.directory import Channel, User
from bot.simulator.stores.messages import Json, Message

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace

TOKENS = re.compile(r"<@([UW][A-Z0-9]+)>")


class Person:
    """Acts at once and returns; only `command`, `click` and `submit` wait for the app's acknowledgement."""

    def __init__(self, workspace: "Workspace", user_id: str) -> None:
        self._workspace = workspace
        self.id = user_id

    @property
    def user(self) -> User:
        return self._workspace.directory.users[self.id]

    @property
    def dm(self) -> str:
        """The id of this person's direct message channel with the app."""
        with self._workspace.lock:
            return self._workspace.directory.dm_with(self.id).id

    def mention(self, channel: str, text: str, thread_ts: str | None = None) -> str:
        return self.say(channel, f"<@{self._workspace.bot_user_id}> {text}", thread_ts)

    def say(
        self,
        channel: str,
        text: str,
        thread_ts: str | None = None,
        *,
        subtype: str = "",
        is_broadcast: bool = False,
    ) -> str:
        """The ts of a new message; `subtype` such as `file_share` or `thread_broadcast` goes with the event."""
        with self._workspace.lock:
            place = self._workspace.directory.find_channel(channel)
            return self._write(place, text, thread_ts, subtype=subtype, is_broadcast=is_broadcast).ts

    def write_dm(self, text: str, thread_ts: str | None = None) -> str:
        with self._workspace.lock:
            place = self._workspace.directory.dm_with(self.id)
            return self._write(place, text, thread_ts).ts

    def edit(self, ts: str, text: str) -> None:
        workspace = self._workspace
        with workspace.lock:
            before = self._own(ts)
            edited = {"user": self.id, "ts": workspace.store.new_ts()}
            now = workspace.store.amend(before, text=text, blocks=(_rich(text),), edited=edited)
            channel = workspace.directory.channels[now.channel]
            if self._names_app(now.text) and not self._names_app(before.text) and channel.kind != "im":
                posted = events.message_posted(workspace, channel, now)
                workspace.emit(events.app_mention(posted), channel)

    def delete(self, ts: str) -> None:
        """A root with replies leaves a tombstone (`message_changed`), as in Slack; else `message_deleted`."""
        with self._workspace.lock:
            self._workspace.store.remove(self._own(ts))

    def react(self, ts: str, name: str) -> None:
        self._react(ts, name, is_added=True)

    def unreact(self, ts: str, name: str) -> None:
        self._react(ts, name, is_added=False)

    def open_home(self, tab: str = "home") -> None:
        """`tab`: home or messages."""
        workspace = self._workspace
        with workspace.lock:
            dm = workspace.directory.dm_with(self.id)
            event: Json = {"type": "app_home_opened", "user": self.id, "channel": dm.id, "tab": tab}
            event["event_ts"] = workspace.store.new_ts()
            if tab == "home" and self.id in workspace.views.homes:
                event["view"] = workspace.views.homes[self.id]
            workspace.emit(event, dm)

    def stop(self, channel: str, thread_ts: str) -> list[str]:
        """Press Stop: ends the thread's live streams and tells the app; returns their ts."""
        workspace = self._workspace
        with workspace.lock:
            place = workspace.directory.find_channel(channel)
            live = [m for m in workspace.thread(place.id, thread_ts) if m.streaming_state == "in_progress"]
            for message in live:
                if message.stream:
                    stopped = replace(message.stream, state="stopped_by_user")
                    workspace.store.amend(message, is_announced=False, stream=stopped)
            event = {
                "type": "agent_session_stopped",
                "channel": place.id,
                "thread_ts": thread_ts,
                "user": self.id,
                "streaming_message_ts": [message.ts for message in live],
                "event_ts": workspace.store.new_ts(),
            }
            workspace.emit(event, place)
            return [message.ts for message in live]

    def command(self, command: str, text: str, channel: str) -> Ack:
        """Type a slash command; what the acknowledgement says is stored as Slack would show it."""
        return interactions.run_command(self._workspace, self.user, self._place(channel), f"{command} {text}")

    def click(self, ts: str, action_id: str, value: str | None = None, block_id: str | None = None) -> Ack:
        """Use an element of a message or ephemeral. `value` picks an option, or the positive or negative feedback
        (by those words or by the button's own value; positive when None)."""
        return interactions.click(
            self._workspace, self.user, ts, action_id=action_id, value=value, block_id=block_id
        )

    def submit(self, view_id: str, values: dict[str, dict[str, Any]] | None = None) -> Ack:
        """Submit a modal; `values` per block and action are strings or Slack's state objects."""
        return interactions.submit(self._workspace, self.user, view_id, values or {})

    def close(self, view_id: str) -> None:
        """Close a modal without submitting it; the app hears of it if the view asks for that."""
        interactions.close(self._workspace, self.user, view_id)

    def modals(self) -> list[Json]:
        with self._workspace.lock:
            return [shown.view for shown in self._workspace.views.open_views.values() if shown.user == self.id]

    def _write(
        self, place: Channel, text: str, thread_ts: str | None, *, subtype: str = "", is_broadcast: bool = False
    ) -> Message:
        workspace = self._workspace
        if self.user.deleted:
            raise WorkspaceError(f"{self.user.name} is deactivated")
        if self.id not in place.members:
            raise WorkspaceError(f"{self.user.name} is not in {place.name}")
        root = place.messages.get(thread_ts or "")
        if thread_ts and (root is None or root.thread_ts):
            raise WorkspaceError(f"no root {thread_ts!r} in {place.name} to reply to")
        message = Message(
            place.id,
            "",
            text=text,
            user=self.id,
            thread_ts=thread_ts,
            blocks=(_rich(text),),
            subtype=subtype,
            client_msg_id=str(uuid.uuid4()),
            is_broadcast=is_broadcast,
        )
        if self.user.is_bot:
            message = replace(message, bot_id="B" + self.id[1:], client_msg_id="")
        posted = workspace.store.post(place, message)
        if place.kind != "im" and self._names_app(text):
            event = events.app_mention(events.message_posted(workspace, place, posted))
            workspace.emit(event, place)
        return posted

    def _own(self, ts: str) -> Message:
        message = self._workspace.message(ts)
        if message.user != self.id:
            raise WorkspaceError(f"{self.user.name} did not write {ts!r}")
        return message

    def _react(self, ts: str, name: str, *, is_added: bool) -> None:
        workspace = self._workspace
        with workspace.lock:
            message = workspace.message(ts)
            interactions.react(workspace, message, self.id, name, is_added=is_added)

    def _place(self, channel: str) -> Channel:
        place = self._workspace.directory.find_channel(channel)
        if self.id not in place.members:
            raise WorkspaceError(f"{self.user.name} is not in {place.name}")
        return place

    def _names_app(self, text: str) -> bool:
        return self._workspace.bot_user_id in TOKENS.findall(text)


def _rich(text: str) -> Json:
    """The rich text Slack makes of what a person types: mentions become elements, the rest plain text."""
    parts: list[Json] = []
    for position, part in enumerate(TOKENS.split(text)):
        if position % 2:
            parts.append({"type": "user", "user_id": part})
        elif part:
            parts.append({"type": "text", "text": part})
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": parts}]}
