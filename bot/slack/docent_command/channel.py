"""``/docent settings``, ``mute`` and ``unmute``: what is set for the channel where the command is used."""

import html
import re

from agent.errors import ReplyError, UserError
from agent.text import cut
from agent.translation.speech import mark, say
from bot.slack.block_kit import Message
from bot.slack.channels import channel_settings, thread_menu
from bot.slack.channels.channel_settings import SETTINGS, FollowUps
from bot.slack.docent_command import status
from bot.slack.docent_command.subcommands import DocentCall
from bot.slack.home import channel_editing
from bot.slack.home.context import HomeContext
from bot.slack.inbox import ReplyAddress
from bot.slack.reading import permalinks
from bot.slack.replies.text.markdown import escape

SHOW, HISTORY = "show", "history"
MAX_VERSIONS = 10
QUOTES = '"“”„'
NO_CHANNEL = "Settings are of channels: use the command in one."
NO_FORM = "Slack did not open the form. Please try again, or write `{command} settings NAME VALUE`."
NOTHING_EVER = "Nothing was ever set for this channel."
NOT_A_LINK = mark(
    "`{command} {name}` is for this channel; with the link to a message (*Copy link* in its menu) it is for that "
    "message's thread."
)
NOT_YOUR_THREAD = mark(
    "Only <@{owner}>, who asked first in that thread, and the people who operate me can do that."
)
NO_THREAD = mark("I have answered nothing in that thread, so there is nothing to mute.")
MUTED_THREAD = mark("I stay quiet in that thread now. `{command} unmute` and the link to it lets me speak again.")
UNMUTED_THREAD = mark("I answer in that thread again, as usual in its channel.")
_THREAD_TS = re.compile(r"[?&]thread_ts=(\d{1,12}\.\d{1,6})")


def settings(context: HomeContext, call: DocentCall) -> Message | None:
    """Opens the form; with words shows what is set, or sets one thing."""
    address = _require_channel(call.address)
    name, _, written = call.words.partition(" ")
    if name == SHOW:
        return {"text": "\n".join(status.describe_channel(context, address.team_id, address.channel))}
    if name == HISTORY:
        return {"text": _list_versions(context, address)}
    if written.strip():
        return {"text": _set(context, address, name, written.strip())}
    if name:
        return {"text": _explain(context, call, name)}
    try:
        channel_editing.open_form(
            context,
            team=address.team_id,
            channel=address.channel,
            user_id=address.user_id,
            trigger_id=call.trigger_id,
        )
    except ReplyError as error:
        raise UserError(NO_FORM.format(command=call.command)) from error
    return None


def mute(context: HomeContext, call: DocentCall) -> Message:
    """Stays quiet in the channel, or in the thread that is linked to."""
    return _mute(context, call, is_muted=True)


def unmute(context: HomeContext, call: DocentCall) -> Message:
    """Speaks again."""
    return _mute(context, call, is_muted=False)


def _mute(context: HomeContext, call: DocentCall, *, is_muted: bool) -> Message:
    if call.words:
        return {"text": _mute_thread(context, call, is_muted=is_muted)}
    return {"text": _set(context, _require_channel(call.address), "muted", "on" if is_muted else "default")}


def _mute_thread(context: HomeContext, call: DocentCall, *, is_muted: bool) -> str:
    linked = permalinks.find(call.words)
    if len(linked) != 1 or not permalinks.is_own(context.slack, linked[0]):
        raise UserError(say(NOT_A_LINK, command=call.command, name="mute" if is_muted else "unmute"))
    root = _THREAD_TS.search(call.words)
    channel, ts = linked[0].channel, root[1] if root else linked[0].ts
    address = ReplyAddress(call.address.team_id, channel, call.address.user_id, thread_ts=ts)
    follow_ups = FollowUps.MUTED if is_muted else None
    is_operator = context.operators.may_edit(address.user_id, channel)
    with context.database.transaction() as transaction:
        choice = thread_menu.store(
            transaction, address.session_key, follow_ups, address.user_id, is_operator=is_operator
        )
    if not choice.is_stored:
        if not _is_member(context, address):  # who asked there is none of their business
            return say(NO_THREAD)
        return say(NOT_YOUR_THREAD, owner=choice.owner) if choice.owner else say(NO_THREAD)
    context.settings.note_thread(address.session_key, follow_ups)
    return say(MUTED_THREAD, command=call.command) if is_muted else say(UNMUTED_THREAD)


def _is_member(context: HomeContext, address: ReplyAddress) -> bool:
    try:
        with context.database.transaction() as transaction:
            context.audiences.refresh(transaction)
        return context.audiences.is_member(address.channel, address.user_id)
    except ReplyError:
        return False


def _set(context: HomeContext, address: ReplyAddress, name: str, written: str) -> str:
    """Sets one thing; quotation marks around a text are none of it."""
    written = html.unescape(written)
    if len(written) > 2 and written[0] in QUOTES and written[-1] in QUOTES:
        written = written[1:-1]
    return channel_editing.set_one(
        context,
        team=address.team_id,
        channel=address.channel,
        user_id=address.user_id,
        name=name,
        written=written,
    )


def _explain(context: HomeContext, call: DocentCall, name: str) -> str:
    """Returns what a setting is, what it is here, and what may be written."""
    setting = SETTINGS.get(name)
    if setting is None:
        raise UserError(f"There is no setting '{escape(name)}'. It is one of: {', '.join(SETTINGS)}.")
    address = call.address
    with context.database.transaction() as transaction:
        history = channel_settings.load_history(
            transaction, team=address.team_id, channel=address.channel, limit=1
        )
    own = history[0].stored.get(setting.field) if history else None
    now = "not set here" if own is None else str(own) if isinstance(own, str) else setting.format(own)
    how = f"`{call.command} settings {name} …` takes {setting.takes_what}, or default."
    return f"*{name}*: {setting.help}.\nNow: {escape(now)}\n{escape(how)}"


def _list_versions(context: HomeContext, address: ReplyAddress) -> str:
    with context.database.transaction() as transaction:
        history = channel_settings.load_history(transaction, team=address.team_id, channel=address.channel)
    if not history:
        return NOTHING_EVER
    shown, n_more = cut(history, MAX_VERSIONS)
    lines = []
    for one in shown:
        who = f"<@{one.changed_by}>" if one.changed_by.startswith(("U", "W")) else escape(one.changed_by)
        said = ", ".join(f"{name} {what}" for name, what in status.describe(one.stored).items()) or "nothing set"
        lines.append(f"*{one.version}*  {one.changed_at:%Y-%m-%d %H:%M}  {who}: {said}")
    lines += [f"… and {n_more} earlier ones"] if n_more else []
    return "\n".join(lines)


def _require_channel(address: ReplyAddress) -> ReplyAddress:
    if address.channel.startswith("D"):
        raise UserError(NO_CHANNEL)
    return address
