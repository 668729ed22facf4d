"""Edits what is set for a channel from Slack: who may, the form, and what is stored of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent import observability
from agent.errors import ReplyError, UserError
from agent.types import Audience
from bot.slack.block_kit import ThanksView, plain_text
from bot.slack.channels import channel_settings
from bot.slack.channels.channel_settings import MONEY, SETTINGS, ChannelVersion, Stored
from bot.slack.channels.configured import Configured
from bot.slack.channels.setting_kinds import MAX_NAMES
from bot.slack.home import channel_form, freshness
from bot.slack.home.channel_form import FilledForm, FormChoices, FormSubject
from bot.slack.home.context import HomeContext
from bot.slack.interactions.experts import expertise
from bot.slack.replies.text.markdown import escape

FORM_SECONDS = 3600.0  # after which a form is to be opened again
SUBMIT_SECONDS = 1.0  # for Slack to say who may: a form is to be acknowledged within three
GROUPS_SECONDS = 1.0  # for Slack to list the user groups of an organisation's workspaces, before a form is opened
NO_GROUPS = (
    "Slack does not say right now which user groups there are: `{command} settings allowed-groups S0123` and "
    "`{command} settings experts S0123` name them by their ids."
)
NOT_YOURS = (
    "Only the people who operate me, and the workspace's admins, can change what is set for a channel. "
    "`{command} settings show` says what is."
)
MONEY_IS_OPERATORS = "Only the people who operate me can set the model and the budgets of a channel."
MAY_NOT = (
    "You may not change what is set for this channel, or Slack does not say right now that you may. If you should "
    "be able to, send the form again in a minute."
)
TOO_OLD = "This form was opened more than an hour ago. Please close it and open it again."
CHANGED_MEANWHILE = "Somebody else has changed this meanwhile. Please close the form and open it again."
SAVED = "Saved. It counts at once, for questions that are asked from now on."
TOO_MUCH = f"I cannot keep this choice: at most {MAX_NAMES} are possible, and no name with a comma."
PEOPLE_OR_GROUPS = frozenset({"experts", "allowed_groups"})
NOTHING_CHANGED = "Nothing was changed."


@dataclass(frozen=True)
class SavedForm:
    """What came of a form: what is wrong, by block; else the new version, None where nothing was changed."""

    errors: Mapping[str, str]
    version: ChannelVersion | None = None


def require_editor(context: HomeContext, user_id: str, channel: str) -> None:
    """Raises :class:`UserError` for somebody who may not edit what is set for a channel."""
    if not context.operators.may_edit(user_id, channel):
        raise UserError(NOT_YOURS.format(command=context.command))


def open_form(context: HomeContext, *, team: str, channel: str, user_id: str, trigger_id: str) -> None:
    """Opens the form, within the three seconds that Slack allows; raises :class:`UserError`, and
    :class:`ReplyError` where Slack does not take it."""
    require_editor(context, user_id, channel)
    with context.database.transaction() as transaction:
        latest = next(iter(channel_settings.load_history(transaction, team=team, channel=channel, limit=1)), None)
    known, groups = _load_configured(context, user_id), _load_groups(context)
    subject = FormSubject(
        team,
        channel,
        latest.version if latest else 0,
        context.clock().timestamp(),
        context.operators.has(user_id),
    )
    stored, lead = latest.stored if latest else {}, _make_lead(channel, latest)
    if groups is None:
        lead += f"\n{NO_GROUPS.format(command=context.command)}"
        groups = {id_: id_ for name in ("experts", "allowed_groups") for id_ in stored.get(name) or ()}
    choices = FormChoices(known, groups, context.settings.defaults)
    view = channel_form.build(subject, stored, choices, lead=lead)
    context.slack.try_once("views.open", trigger_id=trigger_id, view=view)


def save(context: HomeContext, form: FilledForm, user_id: str) -> SavedForm:
    """Stores what a person changed in the form, in one transaction; nothing where any of it is wrong.

    Whether they may is asked again: they may have lost the right since the form was opened.
    """
    subject = form.subject
    if form.errors:
        return SavedForm(form.errors)
    if context.clock().timestamp() - subject.opened_at > FORM_SECONDS:
        return SavedForm(dict.fromkeys(list(form.values)[:1], TOO_OLD))
    is_operator = context.operators.has(user_id, seconds=SUBMIT_SECONDS)
    if not is_operator and not context.operators.may_edit(user_id, subject.channel, seconds=SUBMIT_SECONDS):
        return SavedForm(dict.fromkeys(list(form.values)[:1], MAY_NOT))
    with context.database.transaction() as transaction:
        place = {"team": subject.team, "channel": subject.channel}
        latest = channel_settings.lock_latest(transaction, **place)
        base = channel_settings.load_version(transaction, **place, version=subject.version)
        changes = channel_form.find_changes(form, base)
        known = context.load_configured(transaction)
        money = {} if is_operator else dict.fromkeys(changes.keys() & MONEY, MONEY_IS_OPERATORS)
        if errors := _find_errors(changes, base, latest, known) | money:
            return SavedForm(errors)
        version = channel_settings.change_all(transaction, **place, changes=changes, changed_by=user_id)
    _note(context, version)
    return SavedForm({}, version)


def set_one(context: HomeContext, *, team: str, channel: str, user_id: str, name: str, written: str) -> str:
    """Sets one setting by its name, as it was written; returns what to say, and raises :class:`UserError`."""
    setting = SETTINGS.get(name)
    if setting is None:
        raise UserError(f"'{name}' cannot be set for a channel. It is one of: {', '.join(SETTINGS)}.")
    require_editor(context, user_id, channel)
    if setting.field in MONEY and not context.operators.has(user_id):
        raise UserError(MONEY_IS_OPERATORS)
    value = None if written == channel_form.DEFAULT else setting.parse(written)
    said = channel_form.DEFAULT if value is None else escape(setting.format(value))
    if value is not None and setting.field in PEOPLE_OR_GROUPS:  # whom Slack names, and does not notify here
        said = expertise.mention(value)
    if value is not None:
        _load_configured(context, user_id).check(setting.field, value)
    with context.database.transaction() as transaction:
        version = channel_settings.change(
            transaction, team=team, channel=channel, field=setting.field, value=value, changed_by=user_id
        )
    _note(context, version)
    if version is None:
        return f"{name} was {said} here already."
    return f"{name} is {said} here now (version {version.version})."


def build_saved(saved: SavedForm) -> ThanksView:
    """Builds what takes the place of a form that was stored."""
    text = NOTHING_CHANGED
    if saved.version:
        set_now = [f"{name}: {said}" for name, said in channel_settings.describe(saved.version.stored).items()]
        lines = set_now or ["Nothing is set here now."]
        text = "\n".join([f"{SAVED} (version {saved.version.version})", *lines])
    return {
        "type": "modal",
        "title": plain_text(channel_form.TITLE),
        "close": plain_text("Close"),
        "blocks": [{"type": "section", "text": plain_text(text[:2_900])}],
    }


def _find_errors(
    changes: Mapping[str, Any], base: Stored, latest: ChannelVersion | None, known: Configured
) -> dict[str, str]:
    """Returns why changes cannot be stored, by the block that shows it."""
    errors: dict[str, str] = {}
    stored = latest.stored if latest else {}
    for field, value in changes.items():
        block = channel_form.PEOPLE if field == "experts" else field
        if latest and stored.get(field) != base.get(field):
            errors[block] = CHANGED_MEANWHILE
        elif value is not None:
            try:
                known.check(field, value)
            except UserError as error:
                errors[block] = str(error)
            else:
                if not channel_settings.takes(field, value):  # it would count as not set
                    errors[block] = TOO_MUCH
    return errors


def _load_configured(context: HomeContext, user_id: str) -> Configured:
    """Reads what there is to choose from: for who is no operator, of sources those that they may read."""
    is_operator = context.operators.has(user_id)
    audience = None if is_operator else context.find_audience(user_id) or Audience(())
    with context.database.transaction() as transaction:
        known = context.load_configured(transaction)
        if audience is None:
            return known
        readable = {source.name for source in freshness.load_readable(transaction, audience)}
    return replace(known, sources=[name for name in known.sources if name in readable])


def _note(context: HomeContext, version: ChannelVersion | None) -> None:
    if version:
        context.settings.note_channel(version)
        observability.log.info("channel_settings_changed", channel=version.channel, version=version.version)


def _load_groups(context: HomeContext) -> Mapping[str, str] | None:
    """Returns how the user groups are called, by their ids; None where Slack does not say."""
    try:
        return context.audiences.list_groups(time.monotonic() + GROUPS_SECONDS)
    except ReplyError as error:
        observability.log.info("groups_unknown", error=str(error))
        return None


def _make_lead(channel: str, latest: ChannelVersion | None) -> str:
    if latest is None:
        return f"<#{channel}>  ·  nothing is set here yet"
    who = f"<@{latest.changed_by}>" if latest.changed_by.startswith(("U", "W")) else escape(latest.changed_by)
    return f"<#{channel}>  ·  version {latest.version}, by {who} on {latest.changed_at:%Y-%m-%d}"
