"""What is set for single channels: who is answered, how, from what, by which model and for how much.

Each change is a new version with who made it and when. Promises that a setting of another release is left as it
is: what is unknown here, or has a value that is, counts as not set.

To add a setting, add a field to :class:`ChannelSettings` and its entry to :data:`SETTINGS`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from agent.store import locks
from agent.store.database import Transaction
from agent.store.tables import BudgetPeriod
from bot.slack.channels.setting_kinds import Choice, Dollars, FreeText, NameList, Setting

PERSON_OR_GROUP = re.compile(r"[UWS][A-Z0-9]{2,40}")
MAX_PEOPLE = 20
Stored = Mapping[str, Any]  # by field: what was set, as JSON
ON_OFF = {"on": True, "off": False}
TONE_CHARS, INSTRUCTIONS_CHARS = 200, 2_000
SOURCE_NAME = re.compile(r"[^,\n]{1,100}")
MODEL_NAME_CHARS = 200


class FollowUps(StrEnum):
    """Whose replies in a thread are answered without a mention."""

    ALWAYS = "always"  # everybody's, unless it addresses somebody else
    ASKER = "asker"  # of those who have asked in the thread
    MENTION = "mention"  # nobody's
    MUTED = "muted"  # nobody's, and no mention is either; for single threads only


@dataclass(frozen=True)
class ChannelSettings:
    """What counts in a channel. ``experts`` are ids of people and user groups, ``allowed_groups`` of groups."""

    follow_ups: FollowUps = FollowUps.ASKER
    respond_to_all: bool = False  # every message that begins a thread is a question
    muted: bool = False  # nothing is said in the channel, except to those who use a command
    ephemeral: bool = False  # an answer is shown to its asker alone
    cost_line: bool = False  # below an answer stands what it cost
    sources: tuple[str, ...] = ()  # names; empty: all
    experts: tuple[str, ...] = ()  # people and user groups that are asked where the documents do not help
    ask_human: bool = False  # a question that the documents do not answer goes to them by itself
    allowed_groups: tuple[str, ...] = ()  # whose members are answered; empty: everybody
    tone: str = ""
    instructions: str = ""
    model: str = ""  # the name of one that is configured, which is asked first
    budget_day_usd: Decimal | None = None  # where it is less than the deployment's
    budget_month_usd: Decimal | None = None

    @property
    def budgets(self) -> dict[BudgetPeriod, Decimal]:
        """Returns what the channel may spend by its own settings, in dollars."""
        amounts = {BudgetPeriod.DAY: self.budget_day_usd, BudgetPeriod.MONTH: self.budget_month_usd}
        return {period: usd for period, usd in amounts.items() if usd is not None}


SETTINGS: Mapping[str, Setting] = {
    "follow-ups": Choice(
        "follow_ups",
        {str(one): one for one in FollowUps if one is not FollowUps.MUTED},
        "whose replies in a thread are answered without a mention",
    ),
    "respond-to-all": Choice(
        "respond_to_all",
        ON_OFF,
        "every message that begins a thread is answered; where nothing is found, nothing is said",
    ),
    "muted": Choice("muted", ON_OFF, "nothing is answered in the channel, except to those who use a command"),
    "ephemeral": Choice("ephemeral", ON_OFF, "only who asked sees the answer, and may share it"),
    "cost-line": Choice("cost_line", ON_OFF, "below an answer stand its model, tokens and dollars"),
    "sources": NameList(
        "sources",
        SOURCE_NAME,
        "only these sources are searched, of what everybody there may read",
        "names of sources, comma-separated",
    ),
    "experts": NameList(
        "experts",
        re.compile(r"[UWS][A-Z0-9]{2,30}"),
        "people and user groups that 'Ask a human' tags and who may correct answers",
        "ids of people and user groups, comma-separated: U0123,S0456",
    ),
    "ask-human": Choice(
        "ask_human",
        ON_OFF,
        "a question that the documents do not answer goes to the experts by itself",
    ),
    "allowed-groups": NameList(
        "allowed_groups",
        re.compile(r"S[A-Z0-9]{2,30}"),
        "only members of these user groups are answered",
        "ids of user groups, comma-separated: S0456",
    ),
    "tone": FreeText("tone", TONE_CHARS, "how answers should sound"),
    "instructions": FreeText(
        "instructions", INSTRUCTIONS_CHARS, "what answers should heed: language, form, what to point out"
    ),
    "model": FreeText(
        "model", MODEL_NAME_CHARS, "which of the configured models is asked first", "the name of a model"
    ),
    "budget-day": Dollars("budget_day_usd", "dollars for the model a day, where that is less than everywhere"),
    "budget-month": Dollars("budget_month_usd", "dollars for the model a month"),
}
MONEY = frozenset({"model", "budget_day_usd", "budget_month_usd"})  # fields that only operators set


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

    >>> settings = apply({"follow_ups": "always", "voice": "of a later release"}, ChannelSettings(cost_line=True))
    >>> settings.follow_ups, settings.cost_line
    (<FollowUps.ALWAYS: 'always'>, True)
    """
    known = {setting.field: setting for setting in SETTINGS.values()}
    items = (stored or {}).items()
    changes = {
        name: known[name].read(value) for name, value in items if name in known and known[name].takes(value)
    }
    return replace(defaults, **changes)


def takes(field: str, value: object) -> bool:
    """Returns whether a field's value would count once it is stored."""
    return any(setting.field == field and setting.takes(value) for setting in SETTINGS.values())


def describe(stored: Stored) -> dict[str, str]:
    """Returns what is stored as people write it, by the names of the settings."""
    return {
        name: setting.format(stored[setting.field])
        for name, setting in SETTINGS.items()
        if setting.field in stored and setting.takes(stored[setting.field])
    }


_LATEST = """
SELECT DISTINCT ON (team, channel) team, channel, version, settings, changed_by, changed_at FROM channel_settings
"""
_LIST = text(f"{_LATEST} ORDER BY team, channel, version DESC")
_HISTORY = text("""
SELECT team, channel, version, settings, changed_by, changed_at FROM channel_settings
WHERE team = :team AND channel = :channel ORDER BY version DESC LIMIT :limit
""")
_VERSION = text("""
SELECT settings FROM channel_settings WHERE team = :team AND channel = :channel AND version = :version
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


def load(transaction: Transaction, *, team: str, channel: str) -> ChannelSettings:
    """Returns what is set for a channel."""
    latest = next(iter(load_history(transaction, team=team, channel=channel, limit=1)), None)
    return apply(latest.stored if latest else None, ChannelSettings())


def load_budgets(transaction: Transaction) -> dict[tuple[str, BudgetPeriod], Decimal]:
    """Returns what channels may spend by their own settings: dollars by the budget's subject and period."""
    limits: dict[tuple[str, BudgetPeriod], Decimal] = {}
    for one in list_channels(transaction):
        settings = apply(one.stored, ChannelSettings())
        for period, usd in settings.budgets.items():
            limits[f"{one.team}:{one.channel}", period] = usd
    return limits


def load_version(transaction: Transaction, *, team: str, channel: str, version: int) -> Stored:
    """Returns what a version of a channel's settings was; nothing for one that there is not."""
    values = {"team": team, "channel": channel, "version": version}
    return transaction.scalar(_VERSION, values) or {}


def change(
    transaction: Transaction, *, team: str, channel: str, field: str, value: Any, changed_by: str
) -> ChannelVersion | None:
    """Stores a new version with one field changed, or taken out for None; returns None where that is no change."""
    return change_all(transaction, team=team, channel=channel, changes={field: value}, changed_by=changed_by)


def change_all(
    transaction: Transaction, *, team: str, channel: str, changes: Mapping[str, Any], changed_by: str
) -> ChannelVersion | None:
    """Does so for several fields at once, in one version."""
    latest = lock_latest(transaction, team=team, channel=channel)
    before = dict(latest.stored) if latest else {}
    after = {name: known for name, known in before.items() if name not in changes}
    after |= {name: value for name, value in changes.items() if value is not None}
    if after == before:
        return None
    version = latest.version + 1 if latest else 1
    values = {"team": team, "channel": channel, "version": version, "settings": after, "changed_by": changed_by}
    transaction.execute(_INSERT, values)
    return load_history(transaction, team=team, channel=channel, limit=1)[0]


def lock_latest(transaction: Transaction, *, team: str, channel: str) -> ChannelVersion | None:
    """Returns the latest version of what is set for a channel; nobody changes it until the transaction ends."""
    locks.lock(transaction, f"channel_settings:{team}:{channel}")
    return next(iter(load_history(transaction, team=team, channel=channel, limit=1)), None)
