"""The commands about single channels: ``docent channels``, and below it ``set``, ``show`` and ``history``."""

import getpass
import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from agent.errors import UserError
from bot.cli import connection
from bot.output import AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.store.database import Database, Transaction
    from bot.slack.channels.channel_settings import ChannelVersion

CHANNEL = re.compile(r"[CDG][A-Z0-9]{2,30}")
DEFAULT = "default"
LONG_CHARS = 60  # from which on a text is shown whole, without quotes
Channel = Annotated[str, typer.Argument(help="The channel's id in Slack: C0123ABCD, at the end of its 'About'.")]
Team = Annotated[str, typer.Option("--team", help="The workspace's id, T0123; by default the token's.")]

channels_app = typer.Typer(help="Say what is set for single channels, and set it.", invoke_without_command=True)


@channels_app.callback()
def channels(context: typer.Context, *, json_: AsJson = False) -> None:
    """List what is set for single channels; elsewhere the settings of the environment count.

    For example: docent channels set C0123ABCD follow-ups always
    """
    if context.invoked_subcommand:
        return
    from bot.slack.channels import channel_settings

    with connection.open_database() as database, database.transaction() as transaction:
        versions = channel_settings.list_channels(transaction)
    _print(versions, as_json=json_, nothing="Nothing is set for single channels.")


@channels_app.command("show")
def show(channel: Channel, *, team: Team = "", json_: AsJson = False) -> None:
    """Show everything that counts in a channel now, and which of it is set for it."""
    import agent.settings
    from bot import output
    from bot.slack.channels import configured

    with connection.open_database() as database, database.transaction() as transaction:
        latest = next(iter(_load_history(transaction, channel, team)), None)
        known = configured.load(transaction, configured.list_models(agent.settings.load()))
    stored = latest.stored if latest else {}
    if json_:
        output.print_json({"channel": channel, "version": latest.version if latest else 0, "stored": stored})
        return
    _print_settings(channel, latest)
    for sentence in known.find_gone(stored):
        sys.stdout.write(f"{sentence}\n")


@channels_app.command("history")
def history(channel: Channel, *, team: Team = "", json_: AsJson = False) -> None:
    """Show what was set for a channel, by whom and when, the latest first."""
    with connection.open_database() as database, database.transaction() as transaction:
        versions = _load_history(transaction, channel, team)
    _print(versions, as_json=json_, nothing=f"Nothing was ever set for {channel}.")


@channels_app.command("set")
def set_(
    channel: Channel,
    name: Annotated[str, typer.Argument(help="What to set: see below.")],
    value: Annotated[str, typer.Argument(help="Its value, as below; or default.")],
    *,
    team: Team = "",
) -> None:
    """Set something for a channel. It counts within seconds.

    \b
    follow-ups      whose replies in a thread are answered without a mention: everybody's (always), of those who
                    asked there (asker), or nobody's (mention)
    respond-to-all  every message that begins a thread is answered; where nothing is found, nothing is said
    muted           nothing is answered in the channel, except to those who use a command (on, off)
    ephemeral       only who asked sees the answer, and may share it
    cost-line       below an answer stand its model, tokens and dollars
    sources         only these are searched, of what everybody there may read: names, comma-separated
    experts         people and user groups that 'Ask a human' tags and who may correct answers: U0123ABCD,S0456EFGH
    ask-human       a question that the documents do not answer goes to the experts by itself
    allowed-groups  only members of these user groups are answered: S0456
    tone            how answers should sound: a text in quotes
    instructions    what answers should heed: language, form, what to point out; changes no rule of access
    model           which of the configured models is asked first
    budget-day      dollars for the model a day, where that is less than everywhere; budget-month: a month
    """
    import agent.settings
    from bot.slack.channels import channel_settings, configured

    setting = channel_settings.SETTINGS.get(name)
    if setting is None:
        names = ", ".join(channel_settings.SETTINGS)
        raise UserError(f"'{name}' cannot be set for a channel. It is one of: {names}.")
    wanted = None if value == DEFAULT else setting.parse(value)
    said = DEFAULT if wanted is None else setting.format(wanted)
    _check(channel)
    with connection.open_database() as database:
        team = team or _find_team(database)
        with database.transaction() as transaction:
            if wanted is not None:
                known = configured.load(transaction, configured.list_models(agent.settings.load()))
                known.check(setting.field, wanted)
            changed = channel_settings.change(
                transaction,
                team=team,
                channel=channel,
                field=setting.field,
                value=wanted,
                changed_by=f"{getpass.getuser()} (terminal)",
            )
    said = DEFAULT if wanted is None else setting.format(wanted)
    if changed is None:
        sys.stdout.write(f"{channel}: {name} was {said} already.\n")
    else:
        sys.stdout.write(f"{channel}: {name} is {said} now (version {changed.version}).\n")


def _load_history(transaction: "Transaction", channel: str, team: str) -> "Sequence[ChannelVersion]":
    """Loads the versions of a channel, whose workspace need not be named where only one has set something."""
    from bot.slack.channels import channel_settings

    known = channel_settings.list_channels(transaction)
    teams = {version.team for version in known if version.channel == _check(channel)}
    team = team or (teams.pop() if len(teams) == 1 else "")
    return channel_settings.load_history(transaction, team=team, channel=channel) if team else []


def _check(channel: str) -> str:
    if not CHANNEL.fullmatch(channel):
        raise UserError(
            f"'{channel}' is not the id of a channel, such as C0123ABCD: Slack shows it at the end of its 'About'."
        )
    return channel


def _find_team(database: "Database") -> str:
    """Returns the id of the token's workspace, or of the only one that is installed; raises :class:`UserError`."""
    from agent.errors import ReplyError
    from bot.slack.installation import terminal

    place = terminal.choose(database, None)
    if place.id:
        return place.id
    if not place.slack:
        raise UserError("SLACK_BOT_TOKEN is not set: name the workspace with --team T0123, or set the token.")
    try:
        return str(place.slack.try_once("auth.test")["team_id"])
    except ReplyError as error:
        raise UserError(f"{error}. Name the workspace with --team T0123, or run 'docent doctor'.") from error


def _print(versions: "Sequence[ChannelVersion]", *, as_json: bool, nothing: str) -> None:
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from bot import output
    from bot.slack.channels import channel_settings

    if as_json:
        output.print_json([asdict(version) for version in versions])
        return
    console = Console(soft_wrap=True, highlight=False)
    if not versions:
        console.print(nothing)
        return
    table = Table(box=None)
    for column in ("channel", "what is set", "version", "changed by", "changed at"):
        table.add_column(column, no_wrap=column == "channel")
    for version in versions:
        values = [f"{name} {said}" for name, said in channel_settings.describe(version.stored).items()]
        changed_at = f"{version.changed_at:%Y-%m-%d %H:%M}"
        said = escape(", ".join(values)) or DEFAULT
        table.add_row(version.channel, said, str(version.version), escape(version.changed_by), changed_at)
    console.print(table)


def _print_settings(channel: str, latest: "ChannelVersion | None") -> None:
    """Prints each setting with what counts, and whether it is the channel's own."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    import bot.settings
    from bot.slack.channels.channel_settings import SETTINGS

    everywhere = bot.settings.load().of_channels
    stored = latest.stored if latest else {}
    table = Table(box=None)
    for column in ("setting", "here", "what it is"):
        table.add_column(column, no_wrap=column == "setting")
    for name, setting in SETTINGS.items():
        own = stored.get(setting.field)
        if own is not None and setting.takes(own):
            said = own if isinstance(own, str) and len(own) > LONG_CHARS else setting.format(own)
        else:
            usual = everywhere.get(setting.field)
            said = f"{DEFAULT} ({setting.format(usual)})" if usual is not None else DEFAULT
        table.add_row(name, escape(str(said)), setting.help)
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    if latest:
        by = f"by {escape(latest.changed_by)}, {latest.changed_at:%Y-%m-%d %H:%M}"
        console.print(f"{channel}: version {latest.version}, {by}")
