"""How the app gets into a channel: `/invite`, and Slack's offer where somebody mentions an app that is not in it.

Owns the words and the button of Slackbot. Promises that only a member invites, and that the offer is seen by the
author of the mention alone and goes when it is taken.
"""

import re

from bot.simulator.delivery.events import MENTION
from bot.simulator.errors import WorkspaceError
from bot.simulator.messaging.messenger import Messenger
from bot.simulator.payloads import JsonObject
from bot.simulator.people.interactions import Ack
from bot.simulator.stores.changes import Changes
from bot.simulator.stores.directory import SLACKBOT, Channel, ChannelKind, Directory, User
from bot.simulator.stores.message_store import MessageStore
from bot.simulator.stores.messages import SlackMessage

INVITE = "/invite"
ACTION = "slackbot_invite"
OK = Ack(200, None)


class Invitations:
    """Brings people and the app into channels."""

    def __init__(
        self,
        app_user_id: str,
        directory: Directory,
        messages: MessageStore,
        messenger: Messenger,
        changes: Changes,
    ) -> None:
        self._app_user_id = app_user_id
        self._directory, self._messages, self._messenger, self._changes = directory, messages, messenger, changes

    def invite(self, inviter: User, channel: Channel, text: str) -> Ack:
        """Runs `/invite @name`, and says to the inviter what came of it."""
        with self._changes.lock:
            invited = self._find(text)
            if invited is None:
                return self._say(inviter, channel, f"There is nobody called {text or '…'}. Write: {INVITE} @name")
            is_in = invited.id in channel.members
            self._messenger.add_member(channel, invited.id)
            now = "already in" if is_in else "now in"
            return self._say(inviter, channel, f"{invited.real_name or invited.name} is {now} #{channel.name}.")

    def offer(self, author: User, channel: Channel, message: SlackMessage) -> None:
        """Offers the author of a message to invite the app that it mentions; the caller holds the lock."""
        names_app = self._app_user_id in MENTION.findall(message.text)
        if channel.kind == ChannelKind.IM or self._app_user_id in channel.members or not names_app:
            return
        app = self._directory.users[self._app_user_id]
        name = app.real_name or app.name
        text = f"You mentioned {name}, which is not in this channel. Invite it, and ask again."
        button = {"type": "button", "action_id": ACTION, "text": {"type": "plain_text", "text": f"Invite {name}"}}
        blocks: list[JsonObject] = [
            {"type": "section", "text": {"type": "mrkdwn", "text": text}},
            {"type": "actions", "elements": [button]},
        ]
        self._say(author, channel, text, tuple(blocks), thread_ts=message.thread_ts)

    def accept(self, user: User, ts: str) -> Ack:
        """Takes an offer."""
        with self._changes.lock:
            offer = self._messages.find(ts)
            if offer.user != SLACKBOT or offer.ephemeral_to != user.id:
                raise WorkspaceError(f"{user.name} was offered nothing in {ts!r}")
            channel = self._directory.channels[offer.channel]
            self._messenger.delete(offer)
            return self.invite(user, channel, f"<@{self._app_user_id}>")

    def _find(self, text: str) -> User | None:
        """Returns whom a text names: by an id on the wire, a name or a real name."""
        wanted = re.sub(r"^<@(\w+)(?:\|[^>]*)?>$|^@", r"\1", text.strip()).casefold()
        users = self._directory.users.values()
        return next(
            (u for u in users if wanted in (u.id.casefold(), u.name.casefold(), u.real_name.casefold())), None
        )

    def _say(
        self,
        user: User,
        channel: Channel,
        text: str,
        blocks: tuple[JsonObject, ...] = (),
        thread_ts: str | None = None,
    ) -> Ack:
        message = SlackMessage(
            channel.id, "", text=text, user=SLACKBOT, ephemeral_to=user.id, blocks=blocks, thread_ts=thread_ts
        )
        self._messenger.post_ephemeral(message)
        return OK
