"""Commands, clicks, modals and Home tabs: what a person does with what the app has put there.

Owns the payloads of slash commands, `block_actions`, `message_action`, `view_submission` and `view_closed`, and
what an acknowledgement causes. Promises that a failed one leaves the error Slack would show the person
(`operation_timeout`, `dispatch_failed`), as an ephemeral of Slackbot for a command. Does not know global shortcuts
or external selects.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from bot.simulator.delivery.events import EventBuilder
from bot.simulator.delivery.outbox import Delivery, Outbox
from bot.simulator.delivery.publisher import EventPublisher
from bot.simulator.errors import SlackError, WorkspaceError
from bot.simulator.messaging.messenger import Messenger
from bot.simulator.messaging.responder import Responder
from bot.simulator.payloads import CommandPayload, InteractionPayload, JsonObject, ViewPayload
from bot.simulator.stores.changes import Changes
from bot.simulator.stores.directory import SLACKBOT, Channel, ChannelKind, Directory, User
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.message_store import MessageStore
from bot.simulator.stores.messages import SlackMessage, interactive_elements
from bot.simulator.stores.pending_events import FailureReason
from bot.simulator.stores.response_urls import ResponseUrls
from bot.simulator.stores.timestamps import Timestamps
from bot.simulator.stores.views import OpenView, ViewStore

VIEW_CONTENT = ("title", "blocks", "submit", "close", "callback_id", "private_metadata")
CHOSEN_BY_ID = {
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "users_select": "selected_user",
}


@dataclass(frozen=True)
class Ack:
    """What came back: the body as JSON or text, and the error Slack shows the person ("" when all went well)."""

    status: int | None
    body: object
    error: str = ""
    response_url: str = ""


class Interactions:
    """Sends commands and interactions, and applies what the app acknowledges them with."""

    def __init__(
        self,
        app: InstalledApp,
        *,
        directory: Directory,
        messages: MessageStore,
        views: ViewStore,
        response_urls: ResponseUrls,
        timestamps: Timestamps,
        changes: Changes,
        events: EventBuilder,
        publisher: EventPublisher,
        outbox: Outbox,
        messenger: Messenger,
        responder: Responder,
    ) -> None:
        self._app, self._directory, self._messages, self._views = app, directory, messages, views
        self._urls, self._timestamps, self._changes = response_urls, timestamps, changes
        self._events, self._publisher, self._outbox = events, publisher, outbox
        self._messenger, self._responder = messenger, responder

    def run_command(self, user: User, channel: Channel, command: str, text: str) -> Ack:
        """Sends a slash command, waits for its acknowledgement and shows what that says."""
        with self._changes.lock:
            payload = self._command_payload(user, channel, command, text)
        ack = _ack(self._outbox.send_command(payload), payload["response_url"])
        with self._changes.lock:
            if ack.error:
                problem = f"{command} failed with the error “{ack.error}”"
                self._messenger.post_ephemeral(
                    SlackMessage(channel.id, "", text=problem, user=SLACKBOT, ephemeral_to=user.id)
                )
            elif body := _message_of(ack.body):
                ack = self._show(ack, body)
        return ack

    def click(self, user: User, ts: str, *, action_id: str, value: str | None, block_id: str | None) -> Ack:
        """Uses one interactive element of a message."""
        with self._changes.lock:
            message = self._messages.find(ts)
            block, element = _find_element(message.all_blocks(), action_id, block_id)
            channel = self._directory.channels[message.channel]
            response_url = self._urls.issue(channel.id, user.id, ts)
            action = {"action_id": action_id, "block_id": block.get("block_id", ""), **_used(element, value)}
            action |= {"type": element["type"], "action_ts": self._timestamps.make()}
            payload = self._payload("block_actions", user)
            payload["container"] = _container(message)
            payload["channel"] = {"id": channel.id, "name": channel.name}
            payload["state"] = {"values": {}}
            payload["response_url"] = response_url
            payload["actions"] = [action]
            if not message.ephemeral_to:
                payload["message"] = self._events.message(message)
        return _ack(self._outbox.send_interaction(payload), response_url)

    def click_home(self, user: User, *, action_id: str, value: str | None, block_id: str | None) -> Ack:
        """Uses one interactive element of the person's Home tab, which is in no channel."""
        with self._changes.lock:
            home = self._views.homes.get(user.id)
            if home is None:
                raise WorkspaceError(f"the app has published no Home tab for {user.name}")
            block, element = _find_element(home["blocks"], action_id, block_id)
            action = {"action_id": action_id, "block_id": block.get("block_id", ""), **_used(element, value)}
            action |= {"type": element["type"], "action_ts": self._timestamps.make()}
            payload = self._payload("block_actions", user)
            payload["container"] = {"type": "view", "view_id": home["id"]}
            payload["view"], payload["actions"] = home, [action]
        return _ack(self._outbox.send_interaction(payload), "")

    def use_shortcut(self, user: User, ts: str, callback_id: str) -> Ack:
        """Chooses a shortcut at a message. The app need not be in its channel."""
        with self._changes.lock:
            message = self._messages.find(ts)
            channel = self._directory.channels[message.channel]
            response_url = self._urls.issue(channel.id, user.id)
            payload = self._payload("message_action", user)
            payload["callback_id"], payload["response_url"] = callback_id, response_url
            payload["message_ts"], payload["action_ts"] = ts, self._timestamps.make()
            payload["channel"] = {"id": channel.id, "name": channel.name}
            payload["message"] = self._events.message(message)
        return _ack(self._outbox.send_interaction(payload), response_url)

    def submit(self, user: User, view_id: str, values: Mapping[str, Mapping[str, object]]) -> Ack:
        """Submits a modal, which closes unless the app acknowledges with errors or another view."""
        with self._changes.lock:
            modal = self._open_view(user, view_id)
            state = {
                block: {action: _input_state(value) for action, value in actions.items()}
                for block, actions in values.items()
            }
            payload = self._payload("view_submission", user)
            payload["view"] = {**modal.view, "state": {"values": state}}
            payload["response_urls"] = []
        ack = _ack(self._outbox.send_interaction(payload), "")
        body = ack.body if isinstance(ack.body, dict) else {}
        with self._changes.lock:
            if body.get("response_action") == "update":
                kept = {key: value for key, value in modal.view.items() if key not in VIEW_CONTENT}
                modal.view = cast(ViewPayload, {**kept, **body["view"]})
            elif body.get("response_action") != "errors" and not ack.error:
                self._views.open_views.pop(view_id, None)
            self._changes.notify()
        return ack

    def close(self, user: User, view_id: str) -> None:
        """Closes a modal and tells the app, if the view asks for that."""
        with self._changes.lock:
            view = self._open_view(user, view_id).view
            del self._views.open_views[view_id]
            self._changes.notify()
            payload = self._payload("view_closed", user)
            payload["view"], payload["is_cleared"] = view, False
        if view.get("notify_on_close"):
            self._outbox.send_interaction(payload)

    def modals(self, user_id: str) -> list[ViewPayload]:
        """Returns the modals that this person has open."""
        with self._changes.lock:
            return [modal.view for modal in self._views.open_views.values() if modal.user == user_id]

    def home(self, user_id: str) -> ViewPayload | None:
        """Returns the Home tab that the app has published for this person."""
        with self._changes.lock:
            return self._views.homes.get(user_id)

    def open_home(self, user_id: str, tab: str) -> None:
        """Opens a tab of the app and tells it."""
        with self._changes.lock:
            dm = self._directory.open_dm(user_id)
            event = self._events.home_opened(dm, user_id, tab)
            if tab == "home" and user_id in self._views.homes:
                event["view"] = self._views.homes[user_id]
            self._publisher.publish(event, dm)

    def _command_payload(self, user: User, channel: Channel, command: str, text: str) -> CommandPayload:
        if not self._app.is_installed:
            raise WorkspaceError(f"{command} is not a valid command: the app is not installed here")
        return {
            "token": self._app.verification_token,
            "team_id": self._app.team_id,
            "team_domain": self._app.domain,
            "channel_id": channel.id,
            "channel_name": "privategroup" if channel.kind == ChannelKind.PRIVATE else channel.name,
            "user_id": user.id,
            "user_name": user.name,
            "command": command,
            "text": text,
            "api_app_id": self._app.app_id,
            "is_enterprise_install": str(self._app.is_enterprise_install).lower(),
            "enterprise_id": self._app.enterprise_id or "",
            "response_url": self._urls.issue(channel.id, user.id),
            "trigger_id": self._views.issue_trigger(user.id),
        }

    def _payload(self, kind: str, user: User) -> InteractionPayload:
        app = self._app
        if not app.is_installed:
            raise WorkspaceError("the app is not installed here")
        return {
            "type": kind,
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
            "api_app_id": self._app.app_id,
            "token": self._app.verification_token,
            "trigger_id": self._views.issue_trigger(user.id),
            "team": None if app.is_enterprise_install else {"id": app.team_id, "domain": app.domain},
            "enterprise": app.enterprise,
            "is_enterprise_install": app.is_enterprise_install,
        }

    def _open_view(self, user: User, view_id: str) -> OpenView:
        modal = self._views.open_views.get(view_id)
        if modal is None or modal.user != user.id:
            raise WorkspaceError(f"{user.name} has no open modal {view_id!r}")
        return modal

    def _show(self, ack: Ack, body: JsonObject) -> Ack:
        try:
            self._responder.apply(ack.response_url, body)
        except (SlackError, json.JSONDecodeError):
            return replace(ack, error="dispatch_failed")
        return ack


def _container(message: SlackMessage) -> dict[str, object]:
    container: dict[str, object] = {"type": "message", "message_ts": message.ts, "channel_id": message.channel}
    container["is_ephemeral"] = message.ephemeral_to is not None
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    return container


def _find_element(
    blocks: Iterable[JsonObject], action_id: str, block_id: str | None
) -> tuple[JsonObject, JsonObject]:
    for block, element in interactive_elements(blocks):
        if element.get("action_id") == action_id and block_id in (None, block.get("block_id")):
            return block, element
    raise WorkspaceError(f"the message shows no element {action_id!r}")


def _used(element: JsonObject, value: str | None) -> JsonObject:
    """Returns what the action of this element carries beside its ids."""
    kind = element["type"]
    if kind == "feedback_buttons":
        button = element["positive_button"]
        if value == "negative" or (value != "positive" and value == element["negative_button"]["value"]):
            button = element["negative_button"]
        return {"text": button["text"], "value": button["value"]}
    if kind in CHOSEN_BY_ID:
        return {CHOSEN_BY_ID[kind]: value}
    if "options" in element:
        options = [option for option in element["options"] if value in (None, option["value"])]
        if not options:
            raise WorkspaceError(f"no option {value!r} to choose")
        has_many = kind.startswith("multi_") or kind == "checkboxes"
        return {"selected_options": options[:1]} if has_many else {"selected_option": options[0]}
    return {key: element[key] for key in ("text", "value", "style", "icon") if key in element}


def _input_state(value: object) -> object:
    return {"type": "plain_text_input", "value": value} if isinstance(value, str | None) else value


def _ack(delivery: Delivery, response_url: str) -> Ack:
    if delivery.is_acked:
        return Ack(delivery.status, delivery.body, response_url=response_url)
    is_late = delivery.reason in (FailureReason.HTTP_TIMEOUT, FailureReason.TIMEOUT)
    error = "operation_timeout" if is_late else "dispatch_failed"
    return Ack(delivery.status, delivery.body, error, response_url)


def _message_of(body: object) -> JsonObject | None:
    if isinstance(body, str):
        return {"text": body} if body.strip() else None
    return body if isinstance(body, dict) and body else None
