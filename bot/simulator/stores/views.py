"""Modals and Home tabs.

Owns trigger ids, open modals and published Home tabs. Promises that a trigger opens one view, within three
seconds. Does not know `views.push` and `views.update`.
"""

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.simulator import limits
from bot.simulator.blocks.check import check
from bot.simulator.errors import SlackError, invalid_arguments
from bot.simulator.stores.messages import Json, with_ids

if TYPE_CHECKING:
    from bot.simulator.stores.snapshot import Kept
    from bot.simulator.workspace import Workspace

TITLE_CHARS = 24
VIEW_KEYS = frozenset(
    [
        "type",
        "title",
        "blocks",
        "close",
        "submit",
        "private_metadata",
        "callback_id",
        "clear_on_close",
        "notify_on_close",
        "external_id",
        "submit_disabled",
    ]
)


@dataclass
class Trigger:
    user: str
    issued_at: float
    is_used: bool = False


@dataclass
class OpenView:
    user: str
    view: Json


class Views:
    def __init__(self, workspace: "Workspace", kept: "Kept") -> None:
        self._workspace = workspace
        self._triggers: dict[str, Trigger] = {}
        self._ids = kept.ids()
        self.open_views: dict[str, OpenView] = {}
        self.homes = kept.homes

    def trigger(self, user: str) -> str:
        trigger_id = f"{next(self._ids)}.{secrets.randbelow(10**10)}.{secrets.token_hex(8)}"
        self._triggers[trigger_id] = Trigger(user, self._workspace.clock())
        return trigger_id

    def open(self, trigger_id: str, view: Any) -> Json:
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.is_used:
            raise SlackError("exchanged_trigger_id")
        if self._workspace.clock() - trigger.issued_at > limits.TRIGGER_SECONDS:
            raise SlackError("expired_trigger_id")
        shown = self._shown(view, "modal")
        trigger.is_used = True
        self.open_views[shown["id"]] = OpenView(trigger.user, shown)
        return shown

    def publish(self, user_id: str, view: Any, last_hash: str | None) -> Json:
        before = self.homes.get(user_id)
        if last_hash and before and before["hash"] != last_hash:
            raise SlackError("hash_conflict")
        shown = self.homes[user_id] = self._shown(view, "home")
        self._workspace.archive.keep("home", user_id, shown)
        return shown

    def _shown(self, view: Any, kind: str) -> Json:
        if not isinstance(view, dict) or view.get("type") != kind:
            raise invalid_arguments(f"must be a view of type {kind} [json-pointer:/view/type]")
        unknown = sorted(view.keys() - VIEW_KEYS)
        if unknown:
            raise invalid_arguments(f"invalid additional property: {unknown[0]} [json-pointer:/view]")
        if len(json.dumps(view)) > limits.VIEW_BYTES:
            raise SlackError("view_too_large")
        if kind == "modal" and not _is_title(view.get("title")):
            raise invalid_arguments(
                f"must be less than {TITLE_CHARS + 1} characters [json-pointer:/view/title/text]"
            )
        try:
            blocks = check(view.get("blocks"), most=limits.BLOCKS_PER_VIEW)
        except SlackError as error:
            raise SlackError("invalid_arguments", *error.messages) from error
        workspace, number = self._workspace, next(self._ids)
        return {
            **view,
            "id": f"V0STANDIN{number:02d}",
            "root_view_id": f"V0STANDIN{number:02d}",
            "previous_view_id": None,
            "team_id": workspace.team_id,
            "app_id": workspace.app_id,
            "app_installed_team_id": workspace.team_id,
            "bot_id": workspace.bot_id,
            "hash": f"{number}.{secrets.token_hex(4)}",
            "state": {"values": {}},
            "private_metadata": view.get("private_metadata", ""),
            "callback_id": view.get("callback_id", ""),
            "blocks": list(with_ids(blocks, self._ids)),
        }


def _is_title(title: Any) -> bool:
    text = title.get("text") if isinstance(title, dict) and title.get("type") == "plain_text" else None
    return isinstance(text, str) and 0 < len(text) <= TITLE_CHARS
