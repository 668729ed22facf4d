"""The form in which the settings of a channel are edited. Owns its JSON, in both directions.

Promises that what the form does not show stays as it is, and that only what a person changed in it is changed.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

from agent.errors import UserError
from agent.text import shorten
from bot.slack.block_kit import ContextBlock, Option, PlainText, mrkdwn, plain_text
from bot.slack.channels.channel_settings import (
    INSTRUCTIONS_CHARS,
    MONEY,
    SETTINGS,
    TONE_CHARS,
    ChannelSettings,
    Stored,
)
from bot.slack.channels.configured import Configured
from bot.slack.channels.setting_kinds import Choice
from bot.slack.client import Payload
from bot.slack.home.layout import HeaderBlock, header
from bot.slack.reading.foreign_json import list_objects, to_id, to_object, to_string

CALLBACK = "docent_channel_form"
DEFAULT = "default"
PEOPLE, GROUPS = "experts_people", "experts_groups"  # both make up the field experts
OPTION_CHARS, MAX_OPTIONS, VALUE_CHARS = 75, 100, 150
MAX_VERSION = 2**31 - 1  # that Postgres can look for
TITLE = "Channel settings"
MEANINGS = {
    "always": "Everybody's, unless it addresses somebody else",
    "asker": "Of those who have asked in the thread",
    "mention": "Nobody's: I must be mentioned",
    "on": "On",
    "off": "Off",
}
LABELS = {
    "follow_ups": "Whose replies in a thread are answered without a mention?",
    "respond_to_all": "Answer every message that begins a thread",
    "muted": "Mute: answer nobody here, except by command",
    "ephemeral": "Show an answer to its asker alone",
    "allowed_groups": "Answer only members of",
    "sources": "Search only these sources",
    PEOPLE: "Experts: people who are asked instead, and may correct answers",
    GROUPS: "Experts: user groups",
    "ask_human": "Ask the experts by itself what the documents do not answer",
    "tone": "How should answers sound?",
    "instructions": "What should answers heed?",
    "cost_line": "Say below an answer what it cost",
    "model": "Model that is asked first",
    "budget_day_usd": "Dollars for the model a day",
    "budget_month_usd": "Dollars for the model a month",
}
HINTS = {
    "sources": "Of what everybody here may read. Empty: all.",
    "allowed_groups": "Empty: everybody.",
    "instructions": "Language, form, what to point out. Answers still come from the documents alone.",
    "budget_day_usd": "Counts where it is less than everywhere. Empty: as everywhere.",
    "budget_month_usd": "Empty: as everywhere.",
}
HEADINGS = {
    "follow_ups": "Who is answered",
    "sources": "From what",
    "tone": "How",
    "model": "With what and for how much",
}
_WRITTEN = {"tone": TONE_CHARS, "instructions": INSTRUCTIONS_CHARS, "budget_day_usd": 12, "budget_month_usd": 12}


class SelectInput(TypedDict):
    """A choice of one or many options, of people, or a field to write in."""

    type: Literal["static_select", "multi_static_select", "multi_users_select", "plain_text_input"]
    action_id: str
    options: NotRequired[list[Option]]
    initial_option: NotRequired[Option]
    initial_options: NotRequired[list[Option]]
    initial_users: NotRequired[list[str]]
    initial_value: NotRequired[str]
    multiline: NotRequired[bool]
    max_length: NotRequired[int]


class FormInput(TypedDict):
    """A labelled element of the form."""

    type: Literal["input"]
    block_id: str
    optional: bool
    label: PlainText
    hint: NotRequired[PlainText]
    element: SelectInput


class FormView(TypedDict):
    """The form for ``views.open``."""

    type: Literal["modal"]
    callback_id: str
    private_metadata: str
    title: PlainText
    submit: PlainText
    close: PlainText
    blocks: list[ContextBlock | HeaderBlock | FormInput]


@dataclass(frozen=True)
class FormSubject:
    """What is edited: which version of which channel's settings, since when (seconds since 1970), and whether by
    an operator."""

    team: str
    channel: str
    version: int
    opened_at: float
    is_operator: bool


@dataclass(frozen=True)
class FormChoices:
    """What can be chosen: models and sources, user groups by their ids, and what counts everywhere."""

    configured: Configured
    groups: Mapping[str, str]
    everywhere: ChannelSettings


@dataclass(frozen=True)
class FilledForm:
    """A form that was sent: its subject, what each field is to be (None: not set), and what is wrong by block."""

    subject: FormSubject
    values: Mapping[str, Any]
    errors: Mapping[str, str]


def build(subject: FormSubject, stored: Stored, choices: FormChoices, *, lead: str) -> FormView:
    """Builds the form with what is set; ``lead`` stands above it, in Slack's markup."""
    blocks: list[ContextBlock | HeaderBlock | FormInput] = [{"type": "context", "elements": [mrkdwn(lead)]}]
    for block_id in LABELS:
        if block_id in MONEY and not subject.is_operator:
            continue
        element = _build_element(block_id, stored, choices)
        if block_id in HEADINGS:
            blocks.append(header(HEADINGS[block_id]))
        if element is not None:
            blocks.append(_label(block_id, element))
    kept = {
        "team": subject.team,
        "channel": subject.channel,
        "version": subject.version,
        "opened_at": subject.opened_at,
        "is_operator": subject.is_operator,
    }
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": json.dumps(kept),
        "title": plain_text(TITLE),
        "submit": plain_text("Save"),
        "close": plain_text("Cancel"),
        "blocks": blocks,
    }


def parse(view: Payload) -> FilledForm | None:
    """Reads a form that was sent; returns None for one that is not ours."""
    subject = _read_subject(view)
    state = to_object(to_object(view.get("state")).get("values"))
    if subject is None:
        return None
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for block_id in LABELS:
        if block_id not in state or (block_id in MONEY and not subject.is_operator):
            continue
        try:
            values[block_id] = _read_value(block_id, to_object(to_object(state[block_id]).get(block_id)))
        except UserError as error:
            errors[block_id] = str(error)
    return FilledForm(subject, values, errors)


def find_changes(form: FilledForm, base: Stored) -> dict[str, Any]:
    """Returns what the person changed of ``base``, by field; None takes a field out."""
    values = dict(form.values)
    if PEOPLE in values or GROUPS in values:
        before = base.get("experts") or []
        people = values.pop(PEOPLE, [id_ for id_ in before if not id_.startswith("S")])
        groups = values.pop(GROUPS, [id_ for id_ in before if id_.startswith("S")])
        values["experts"] = [*(people or ()), *(groups or ())] or None
    return {field: value for field, value in values.items() if value != base.get(field)}


def _label(block_id: str, element: SelectInput) -> FormInput:
    block: FormInput = {
        "type": "input",
        "block_id": block_id,
        "optional": True,
        "label": plain_text(LABELS[block_id]),
        "element": element,
    }
    if block_id in HINTS:
        block["hint"] = plain_text(HINTS[block_id])
    return block


def _build_element(block_id: str, stored: Stored, choices: FormChoices) -> SelectInput | None:
    """Builds an input with what is set; None where there is nothing to choose from."""
    if block_id == PEOPLE:
        people = [id_ for id_ in stored.get("experts") or () if not id_.startswith("S")]
        element: SelectInput = {"type": "multi_users_select", "action_id": block_id}
        if people:
            element["initial_users"] = people
        return element
    if block_id == GROUPS:
        return _select_many(
            block_id, choices.groups, [i for i in stored.get("experts") or () if i.startswith("S")]
        )
    if block_id == "allowed_groups":
        return _select_many(block_id, choices.groups, stored.get(block_id) or ())
    if block_id == "sources":
        names = {name: name for name in choices.configured.sources}
        return _select_many(block_id, names, stored.get(block_id) or ())
    if block_id == "model":
        models = choices.configured.models
        return _select_one(block_id, {name: name for name in models}, stored.get(block_id), models[0])
    if block_id in _WRITTEN:
        return _write(block_id, stored.get(block_id) or "")
    setting = _find_setting(block_id)
    assert isinstance(setting, Choice)
    meanings = {word: MEANINGS[word] for word in setting.values}
    own = setting.format(stored[block_id]) if block_id in stored else None
    usual = setting.format(getattr(choices.everywhere, block_id))
    return _select_one(block_id, meanings, own, MEANINGS[usual])


def _select_one(block_id: str, options: Mapping[str, str], own: str | None, usual: str) -> SelectInput:
    known = {DEFAULT: f"As everywhere: {usual}", **options}
    listed = _list_options(known)
    chosen = next((option for option in listed if option["value"] == own), listed[0])
    return {"type": "static_select", "action_id": block_id, "options": listed, "initial_option": chosen}


def _select_many(block_id: str, options: Mapping[str, str], own: Sequence[str]) -> SelectInput | None:
    known = {**{name: f"{name} (gone)" for name in own if name not in options}, **options}
    listed = _list_options(known)
    if not listed:
        return None
    element: SelectInput = {"type": "multi_static_select", "action_id": block_id, "options": listed}
    if chosen := [option for option in listed if option["value"] in own]:
        element["initial_options"] = chosen
    return element


def _write(block_id: str, text: str) -> SelectInput:
    element: SelectInput = {
        "type": "plain_text_input",
        "action_id": block_id,
        "multiline": block_id == "instructions",
        "max_length": _WRITTEN[block_id],
    }
    if text:
        element["initial_value"] = text
    return element


def _list_options(options: Mapping[str, str]) -> list[Option]:
    """Lists options as Slack takes them: a value that is too long for it cannot be chosen."""
    usable = [(value, label) for value, label in options.items() if len(value) <= VALUE_CHARS][:MAX_OPTIONS]
    return [{"text": plain_text(shorten(label, OPTION_CHARS)), "value": value} for value, label in usable]


def _read_value(block_id: str, state: Mapping[str, Any]) -> Any:
    """Returns the JSON of what was chosen or written; None for nothing, raises :class:`UserError`."""
    if block_id == PEOPLE:
        people = state.get("selected_users")
        return [id_ for one in people if (id_ := to_id(one))] if isinstance(people, list) else []
    if block_id in (GROUPS, "allowed_groups", "sources"):
        chosen = [to_string(option.get("value")) for option in list_objects(state.get("selected_options"))]
        return chosen if block_id == GROUPS else chosen or None
    if block_id in _WRITTEN:
        written = to_string(state.get("value")).strip()
        return _find_setting(block_id).parse(written) if written else None
    word = to_string(to_object(state.get("selected_option")).get("value")) or DEFAULT
    return None if word == DEFAULT else _find_setting(block_id).parse(word)


def _find_setting(field: str) -> Any:
    return next(setting for setting in SETTINGS.values() if setting.field == field)


def _read_subject(view: Payload) -> FormSubject | None:
    try:
        kept = to_object(json.loads(to_string(view.get("private_metadata"))))
        team, channel = to_id(kept.get("team")), to_id(kept.get("channel"))
        version, opened_at = int(kept.get("version") or 0), float(kept.get("opened_at") or 0)
    except (TypeError, ValueError, OverflowError):
        return None
    is_ours = bool(channel) and 0 <= version <= MAX_VERSION and math.isfinite(opened_at)
    return FormSubject(team, channel, version, opened_at, kept.get("is_operator") is True) if is_ours else None
