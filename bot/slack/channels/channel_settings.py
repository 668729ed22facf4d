"""What is set for single channels: who is answered without a mention, whether every message is, and more.

Each change is a new version with who made it and when. Promises that a setting of another release is left as it
is: what is unknown here, or has a value that is, counts as not set.

To add a setting, add a field to :class:`ChannelSettings` and its entry to :data:`SETTINGS`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from agent.errors import UserError
from agent.store import locks
from agent.store.database import Transaction

PERSON_OR_GROUP = re.compile(r"[UWS][A-Z0-9]{2,40}")
MAX_PEOPLE = 20
Stored = Mapping[str, Any]  # by field: what was set, as JSON


class FollowUps(StrEnum):
    """Whose replies in a thread are answered without a mention."""

    ALWAYS = "always"  # everybody's, unless it addresses somebody else
    ASKER = "asker"  # of those who have asked in the thread
    MENTION = "mention"  # nobody's
    MUTED = "muted"  # nobody's, and no mention is either; for single threads only


@dataclass(frozen=True)
class ChannelSettings:
    """What counts in a channel."""

    follow_ups: FollowUps = FollowUps.ASKER
    respond_to_all: bool = False  # every message that begins a thread is a question
    cost_line: bool = False  # below an answer stands what it cost
    experts: tuple[str, ...] = ()  # people and user groups that are asked where the documents do not help
    ask_human: bool = False  # a question that the documents do not answer goes to them by itself


class ChannelSetting(Protocol):
    """What can be set for a channel: how it is read from what people write, checked, and written."""

    @property
    def field(self) -> str:
        """Returns the field of :class:`ChannelSettings`."""
        ...

    @property
    def help(self) -> str:
        """Returns what it is for."""
        ...

    def parse(self, written: str) -> Any:
        """Returns the value that was written, as it is stored; raises :class:`UserError`."""
        ...

    def takes(self, value: object) -> bool:
        """Returns whether a stored value is one of them."""
        ...

    def format(self, value: Any) -> str:
        """Returns a stored value as people write it."""
        ...


@dataclass(frozen=True)
class PeopleSetting:
    """A setting whose value is people and user groups, by their ids in Slack."""

    field: str
    help: str

    def parse(self, written: str) -> Any:
        """Returns the ids that were written with commas or spaces between them; raises :class:`UserError`."""
        ids = list(dict.fromkeys(filter(None, re.split(r"[\s,]+", written.strip()))))
        wrong = next((id_ for id_ in ids if not PERSON_OR_GROUP.fullmatch(id_)), None)
        if wrong or not ids or len(ids) > MAX_PEOPLE:
            problem = (
                f"'{wrong}' is no id of a person or a user group" if wrong else f"Name 1 to {MAX_PEOPLE} of them"
            )
            raise UserError(
                f"{problem}. Write ids as Slack shows them (profile, ⋮, Copy member ID), with commas between: "
                "U0123ABCD,S0456EFGH, or default for none."
            )
        return ids

    def takes(self, value: object) -> bool:
        """Returns whether a stored value is a list of such ids."""
        return isinstance(value, list) and all(PERSON_OR_GROUP.fullmatch(str(one)) for one in value)

    def format(self, value: Any) -> str:
        """Returns the ids as people write them."""
        return ",".join(map(str, value))


@dataclass(frozen=True)
class Setting:
    """One setting of a channel: its field, the values that it takes by what people write, and what it is for."""

    field: str
    values: Mapping[str, Any]
    help: str

    def parse(self, written: str) -> Any:
        """Returns the value that was written; raises :class:`UserError`."""
        if written not in self.values:
            raise UserError(f"'{written}' is no value of it. Write one of: {', '.join(self.values)}, default.")
        return self.values[written]

    def takes(self, value: object) -> bool:
        """Returns whether a stored value is one of them."""
        return any(value == known for known in self.values.values())

    def format(self, value: Any) -> str:
        """Returns a value as people write it."""
        return next((written for written, known in self.values.items() if known == value), str(value))


SETTINGS: Mapping[str, ChannelSetting] = {
    "follow-ups": Setting(
        "follow_ups",
        {str(one): one for one in FollowUps if one is not FollowUps.MUTED},
        "whose replies in a thread are answered without a mention",
    ),
    "respond-to-all": Setting(
        "respond_to_all",
        {"on": True, "off": False},
        "every message that begins a thread is answered; where nothing is found, nothing is said",
    ),
    "cost-line": Setting(
        "cost_line",
        {"on": True, "off": False},
        "below an answer stand its model, tokens and dollars",
    ),
    "experts": PeopleSetting(
        "experts",
        "people and user groups that 'Ask a human' tags and who may correct answers",
    ),
    "ask-human": Setting(
        "ask_human",
        {"on": True, "off": False},
        "a question that the documents do not answer goes to the experts by itself",
    ),
}


@dataclass(frozen=True)
class ChannelVersion:
    """One version of what is set for a channel."""

    team: str
    channel: str
    version: int
    stored: Stored
    changed_by: str
    changed_at: datetime


def apply(stored: Stored | None, defaults: ChannelSettings) -> ChannelSettings:
    """Returns what counts where this is stored.

    >>> apply({"follow_ups": "always", "tone": "of a later release"}, ChannelSettings()).follow_ups
    <FollowUps.ALWAYS: 'always'>
    """
    known = {setting.field: setting for setting in SETTINGS.values()}
    items = (stored or {}).items()
    changes = {name: value for name, value in items if name in known and known[name].takes(value)}
    if "follow_ups" in changes:
        changes["follow_ups"] = FollowUps(changes["follow_ups"])
    if "experts" in changes:
        changes["experts"] = tuple(changes["experts"])
    return replace(defaults, **changes)


_LATEST = """
SELECT DISTINCT ON (team, channel) team, channel, version, settings, changed_by, changed_at FROM channel_settings
"""
_LIST = text(f"{_LATEST} ORDER BY team, channel, version DESC")
_HISTORY = text("""
SELECT team, channel, version, settings, changed_by, changed_at FROM channel_settings
WHERE team = :team AND channel = :channel ORDER BY version DESC LIMIT :limit
""")
_INSERT = text("""
INSERT INTO channel_settings (team, channel, version, settings, changed_by)
VALUES (:team, :channel, :version, :settings, :changed_by)
""").bindparams(bindparam("settings", type_=JSONB))


def list_channels(transaction: Transaction) -> list[ChannelVersion]:
    """Lists what is set, by channel."""
    return [ChannelVersion(*row) for row in transaction.execute(_LIST)]


def load_history(
    transaction: Transaction, *, team: str, channel: str, limit: int = 20
) -> Sequence[ChannelVersion]:
    """Returns the last versions of what is set for a channel, newest first."""
    values = {"team": team, "channel": channel, "limit": limit}
    return [ChannelVersion(*row) for row in transaction.execute(_HISTORY, values)]


def change(
    transaction: Transaction, *, team: str, channel: str, field: str, value: Any, changed_by: str
) -> ChannelVersion | None:
    """Stores a new version with one field changed, or taken out for None; returns None where that is no change."""
    locks.lock(transaction, f"channel_settings:{team}:{channel}")
    history = load_history(transaction, team=team, channel=channel, limit=1)
    before = dict(history[0].stored) if history else {}
    after = {name: known for name, known in before.items() if name != field}
    after |= {} if value is None else {field: value}
    if after == before:
        return None
    version = history[0].version + 1 if history else 1
    values = {"team": team, "channel": channel, "version": version, "settings": after, "changed_by": changed_by}
    transaction.execute(_INSERT, values)
    return load_history(transaction, team=team, channel=channel, limit=1)[0]
