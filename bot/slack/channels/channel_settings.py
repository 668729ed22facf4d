"""What is set for single channels: who is answered without a mention, whether every message is, and more.

Each change is a new version with who made it and when. Promises that a setting of another release is left as it
is: what is unknown here, or has a value that is, counts as not set.

To add a setting, add a field to :class:`ChannelSettings` and its entry to :data:`SETTINGS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from agent.errors import UserError
from agent.store import locks
from agent.store.database import Transaction

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


SETTINGS: Mapping[str, Setting] = {
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

    >>> apply({"follow_ups": "always", "tone": "of a later release"}, ChannelSettings())
    ChannelSettings(follow_ups=<FollowUps.ALWAYS: 'always'>, respond_to_all=False, cost_line=False)
    """
    known = {setting.field: setting for setting in SETTINGS.values()}
    items = (stored or {}).items()
    changes = {name: value for name, value in items if name in known and known[name].takes(value)}
    if "follow_ups" in changes:
        changes["follow_ups"] = FollowUps(changes["follow_ups"])
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
