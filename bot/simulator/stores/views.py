"""Modals and Home tabs.

Owns trigger ids, open modals and published Home tabs. Promises that a trigger opens one view, within three
seconds. Does not know `views.push` and `views.update`.
"""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from bot.simulator import limits
from bot.simulator.blocks.check import IN_VIEWS, check_blocks
from bot.simulator.errors import SlackError, invalid_arguments
from bot.simulator.payloads import ViewPayload
from bot.simulator.stores.archive import Archive, RecordKind
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.messages import assign_ids

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
MODAL_KEYS = frozenset(["title", "close", "submit", "clear_on_close", "notify_on_close", "submit_disabled"])


@dataclass
class ViewTrigger:
    """The right to open one view, which a command or click of `user` gave the app."""

    user: str
    issued_at: float
    is_used: bool = False


@dataclass
class OpenView:
    """A modal that `user` sees."""

    user: str
    view: ViewPayload


class ViewStore:
    """Views by id, Home tabs by user. The caller of any method holds the lock."""

    def __init__(
        self,
        app: InstalledApp,
        clock: Callable[[], float],
        archive: Archive,
        *,
        ids: Iterator[int],
        homes: dict[str, ViewPayload],
    ) -> None:
        self._app, self._clock, self._archive, self._ids = app, clock, archive, ids
        self._triggers: dict[str, ViewTrigger] = {}
        self.open_views: dict[str, OpenView] = {}
        self.homes = homes

    def issue_trigger(self, user: str) -> str:
        """Returns a new trigger id."""
        trigger_id = f"{next(self._ids)}.{secrets.randbelow(10**10)}.{secrets.token_hex(8)}"
        self._triggers[trigger_id] = ViewTrigger(user, self._clock())
        return trigger_id

    def open(self, trigger_id: str, view: object) -> ViewPayload:
        """Opens a modal for the person of the trigger; raises `SlackError`."""
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.is_used:
            raise SlackError("exchanged_trigger_id")
        if self._clock() - trigger.issued_at > limits.TRIGGER_SECONDS:
            raise SlackError("expired_trigger_id")
        modal = self._build(view, "modal")
        trigger.is_used = True
        self.open_views[modal["id"]] = OpenView(trigger.user, modal)
        return modal

    def publish(self, user_id: str, view: object, last_hash: str | None) -> ViewPayload:
        """Replaces a person's Home tab; raises `SlackError`."""
        if not self._app.has_home_tab:
            raise SlackError("not_enabled")
        before = self.homes.get(user_id)
        if last_hash and before and before["hash"] != last_hash:
            raise SlackError("hash_conflict")
        home = self.homes[user_id] = self._build(view, "home")
        self._archive.keep(RecordKind.HOME, user_id, home)
        return home

    def _build(self, view: object, kind: str) -> ViewPayload:
        if not isinstance(view, dict) or view.get("type") != kind:
            raise invalid_arguments(f"must be a view of type {kind} [json-pointer:/view/type]")
        unknown = sorted(view.keys() - VIEW_KEYS)
        if unknown:
            raise invalid_arguments(f"invalid additional property: {unknown[0]} [json-pointer:/view]")
        if len(json.dumps(view)) > limits.VIEW_BYTES:
            raise SlackError("view_too_large")
        for name, most in (("private_metadata", limits.VIEW_METADATA_CHARS), ("callback_id", limits.ID_CHARS)):
            if len(view.get(name) or "") > most:
                raise invalid_arguments(f"must be less than {most + 1} characters [json-pointer:/view/{name}]")
        if kind == "home" and (strange := sorted(view.keys() & MODAL_KEYS)):
            raise invalid_arguments(f"invalid additional property: {strange[0]} [json-pointer:/view]")
        if kind == "modal" and not _is_title(view.get("title")):
            most = limits.VIEW_TITLE_CHARS + 1
            raise invalid_arguments(f"must be less than {most} characters [json-pointer:/view/title/text]")
        try:
            blocks = check_blocks(view.get("blocks"), most=limits.BLOCKS_PER_VIEW, allowed=IN_VIEWS)
        except SlackError as error:
            raise SlackError("invalid_arguments", *error.messages) from error
        number = next(self._ids)
        payload = {
            **view,
            "id": f"V0STANDIN{number:02d}",
            "root_view_id": f"V0STANDIN{number:02d}",
            "previous_view_id": None,
            "team_id": self._app.team_id,
            "app_id": self._app.app_id,
            "app_installed_team_id": self._app.team_id,
            "bot_id": self._app.bot_id,
            "hash": f"{number}.{secrets.token_hex(4)}",
            "state": {"values": {}},
            "private_metadata": view.get("private_metadata", ""),
            "callback_id": view.get("callback_id", ""),
            "blocks": list(assign_ids(blocks, self._ids)),
        }
        return cast(ViewPayload, payload)


def _is_title(title: object) -> bool:
    text = title.get("text") if isinstance(title, dict) and title.get("type") == "plain_text" else None
    return isinstance(text, str) and 0 < len(text) <= limits.VIEW_TITLE_CHARS
