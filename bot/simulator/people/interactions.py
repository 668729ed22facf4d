"""Commands, clicks, modals and reactions: what a person does with what the app has put there.

Owns the payloads of slash commands, `block_actions`, `view_submission` and `view_closed`, and what an
acknowledgement causes. Promises that a failed one leaves the error Slack would show the person
(`operation_timeout`, `dispatch_failed`), as an ephemeral of Slackbot for a command. Does not know shortcuts or
external selects.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bot.simulator.delivery.events import message_wire
from bot.simulator.delivery.outbox import Delivery
from bot.simulator.errors import SlackError, WorkspaceError
from bot.simulator.stores.directory import SLACKBOT, Channel, User
from bot.simulator.stores.messages import Json, Message, elements_of
from bot.simulator.stores.views import OpenView

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace


@dataclass(frozen=True)
class Ack:
    """What came back: the body as JSON or text, and the error Slack shows the person ("" when all went well)."""

    status: int | None
    body: Any
    error: str = ""
    response_url: str = ""


def run_command(workspace: "Workspace", user: User, channel: Channel, typed: str) -> Ack:
    command, _, text = typed.partition(" ")
    with workspace.lock:
        payload = {
            "token": workspace.verification_token,
            "team_id": workspace.team_id,
            "team_domain": "stand-in",
            "channel_id": channel.id,
            "channel_name": "privategroup" if channel.kind == "private" else channel.name,
            "user_id": user.id,
            "user_name": user.name,
            "command": command,
            "text": text,
            "api_app_id": workspace.app_id,
            "is_enterprise_install": "false",
            "response_url": workspace.response_urls.issue(channel.id, user.id),
            "trigger_id": workspace.views.trigger(user.id),
        }
    ack = _ack(workspace.outbox.request("slash_commands", payload), str(payload["response_url"]))
    with workspace.lock:
        if ack.error:
            told = f"{command} failed with the error “{ack.error}”"
            workspace.store.post_ephemeral(Message(channel.id, "", text=told, user=SLACKBOT, ephemeral_to=user.id))
        elif body := _message_of(ack.body):
            ack = _show(workspace, ack, body)
    return ack


def click(
    workspace: "Workspace", user: User, ts: str, *, action_id: str, value: str | None, block_id: str | None
) -> Ack:
    with workspace.lock:
        message = workspace.message(ts)
        block, element = _find(message.all_blocks(), action_id, block_id)
        channel = workspace.directory.channels[message.channel]
        container: Json = {"type": "message", "message_ts": ts, "channel_id": channel.id}
        container["is_ephemeral"] = message.ephemeral_to is not None
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        action = {"action_id": action_id, "block_id": block.get("block_id", ""), **_used(element, value)}
        payload = {
            **_interaction(workspace, "block_actions", user),
            "container": container,
            "channel": {"id": channel.id, "name": channel.name},
            "state": {"values": {}},
            "response_url": workspace.response_urls.issue(channel.id, user.id, ts),
            "actions": [action | {"type": element["type"], "action_ts": workspace.store.new_ts()}],
        }
        if not message.ephemeral_to:
            payload["message"] = message_wire(workspace, message)
    return _ack(workspace.outbox.request("interactive", payload), payload["response_url"])


def submit(workspace: "Workspace", user: User, view_id: str, values: dict[str, dict[str, Any]]) -> Ack:
    with workspace.lock:
        shown = _open_view(workspace, user, view_id)
        state = {block: {action: _state(v) for action, v in given.items()} for block, given in values.items()}
        view = {**shown.view, "state": {"values": state}}
        payload = {**_interaction(workspace, "view_submission", user), "view": view, "response_urls": []}
    ack = _ack(workspace.outbox.request("interactive", payload), "")
    with workspace.lock:
        action = ack.body.get("response_action") if isinstance(ack.body, dict) else None
        if action == "update":
            shown.view = {**shown.view, **ack.body["view"]}
        elif action != "errors" and not ack.error:
            workspace.views.open_views.pop(view_id, None)
        workspace.changed()
    return ack


def close(workspace: "Workspace", user: User, view_id: str) -> None:
    with workspace.lock:
        view = _open_view(workspace, user, view_id).view
        del workspace.views.open_views[view_id]
        workspace.changed()
        payload = {**_interaction(workspace, "view_closed", user), "view": view, "is_cleared": False}
    if view.get("notify_on_close"):
        workspace.outbox.request("interactive", payload)


def react(workspace: "Workspace", message: Message, user_id: str, name: str, *, is_added: bool) -> None:
    """Adds or removes a reaction and tells the app; raises Slack's codes. The caller holds the lock."""
    users = message.reactions.get(name, ())
    if is_added == (user_id in users):
        raise SlackError("already_reacted" if is_added else "no_reaction")
    after = (*users, user_id) if is_added else tuple(u for u in users if u != user_id)
    reactions = {k: v for k, v in {**message.reactions, name: after}.items() if v}
    workspace.store.amend(message, is_announced=False, reactions=reactions)
    event = {
        "type": "reaction_added" if is_added else "reaction_removed",
        "user": user_id,
        "reaction": name,
        "item": {"type": "message", "channel": message.channel, "ts": message.ts},
        "item_user": message.user,
        "event_ts": workspace.store.new_ts(),
    }
    workspace.emit(event, workspace.directory.channels[message.channel])


def _interaction(workspace: "Workspace", kind: str, user: User) -> Json:
    return {
        "type": kind,
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "api_app_id": workspace.app_id,
        "token": workspace.verification_token,
        "trigger_id": workspace.views.trigger(user.id),
        "team": {"id": workspace.team_id, "domain": "stand-in"},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _open_view(workspace: "Workspace", user: User, view_id: str) -> OpenView:
    shown = workspace.views.open_views.get(view_id)
    if shown is None or shown.user != user.id:
        raise WorkspaceError(f"{user.name} has no open modal {view_id!r}")
    return shown


def _find(blocks: Iterable[Json], action_id: str, block_id: str | None) -> tuple[Json, Json]:
    for block, element in elements_of(blocks):
        if element.get("action_id") == action_id and block_id in (None, block.get("block_id")):
            return block, element
    raise WorkspaceError(f"the message shows no element {action_id!r}")


def _used(element: Json, value: str | None) -> Json:
    """What the action of this element carries beside its ids."""
    kind = element["type"]
    if kind == "feedback_buttons":
        button = element["positive_button"]
        if value == "negative" or (value != "positive" and value == element["negative_button"]["value"]):
            button = element["negative_button"]
        return {"text": button["text"], "value": button["value"]}
    if "options" in element:
        chosen = [option for option in element["options"] if value in (None, option["value"])]
        if not chosen:
            raise WorkspaceError(f"no option {value!r} to choose")
        many = kind.startswith("multi_") or kind == "checkboxes"
        return {"selected_options": chosen[:1]} if many else {"selected_option": chosen[0]}
    return {key: element[key] for key in ("text", "value", "style", "icon") if key in element}


def _state(value: Any) -> Any:
    return {"type": "plain_text_input", "value": value} if isinstance(value, str | None) else value


def _ack(delivery: Delivery, response_url: str) -> Ack:
    if delivery.is_acked:
        return Ack(delivery.status, delivery.body, response_url=response_url)
    is_late = delivery.reason in ("http_timeout", "timeout")
    error = "operation_timeout" if is_late else "dispatch_failed"
    return Ack(delivery.status, delivery.body, error, response_url)


def _message_of(body: Any) -> Json | None:
    if isinstance(body, str):
        return {"text": body} if body.strip() else None
    return body if isinstance(body, dict) and body else None


def _show(workspace: "Workspace", ack: Ack, body: Json) -> Ack:
    urls = workspace.response_urls
    try:
        urls.apply(urls.find(ack.response_url), body)
    except (SlackError, json.JSONDecodeError):
        return replace(ack, error="dispatch_failed")
    return ack
