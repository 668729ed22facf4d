"""The commands about single channels: ``docent channels``, and below it ``set`` and ``show``."""

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

    from agent.store.database import Database
    from bot.slack.channels.channel_settings import ChannelVersion

CHANNEL = re.compile(r"[CDG][A-Z0-9]{2,30}")
DEFAULT = "default"
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
    """Show what was set for a channel, by whom and when, the latest first."""
    from bot.slack.channels import channel_settings

    with connection.open_database() as database, database.transaction() as transaction:
        known = channel_settings.list_channels(transaction)
        teams = {version.team for version in known if version.channel == _check(channel)}
        team = team or (teams.pop() if len(teams) == 1 else "")
        versions = channel_settings.load_history(transaction, team=team, channel=channel) if team else []
    _print(versions, as_json=json_, nothing=f"Nothing was ever set for {channel}.")


@channels_app.command("set")
def set_(
    channel: Channel,
    name: Annotated[str, typer.Argument(help="What to set: follow-ups, respond-to-all or cost-line.")],
    value: Annotated[str, typer.Argument(help="always, asker or mention; on or off; or default.")],
    *,
    team: Team = "",
) -> None:
    """Set something for a channel. It counts within seconds.

    \b
    follow-ups      whose replies in a thread are answered without a mention: everybody's (always), of those who
                    asked there (asker), or nobody's (mention)
    respond-to-all  every message that begins a thread is answered; where nothing is found, nothing is said
    cost-line       below an answer stand its model, tokens and dollars
    """
    from bot.slack.channels import channel_settings

    setting = channel_settings.SETTINGS.get(name)
    if setting is None:
        known = ", ".join(channel_settings.SETTINGS)
        raise UserError(f"'{name}' cannot be set for a channel. It is one of: {known}.")
    wanted = None if value == DEFAULT else setting.parse(value)
    _check(channel)
    with connection.open_database() as database:
        team = team or _find_team(database)
        with database.transaction() as transaction:
            changed = channel_settings.change(
                transaction,
                team=team,
                channel=channel,
                field=setting.field,
                value=wanted,
                changed_by=f"{getpass.getuser()} (terminal)",
            )
    if changed is None:
        sys.stdout.write(f"{channel}: {name} was {value} already.\n")
    else:
        sys.stdout.write(f"{channel}: {name} is {value} now (version {changed.version}).\n")


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
    from bot.slack.channels.channel_settings import SETTINGS

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
        values = [
            f"{name} {setting.format(version.stored[setting.field])}"
            for name, setting in SETTINGS.items()
            if setting.field in version.stored
        ]
        changed_at = f"{version.changed_at:%Y-%m-%d %H:%M}"
        said = ", ".join(values) or DEFAULT
        table.add_row(version.channel, said, str(version.version), escape(version.changed_by), changed_at)
    console.print(table)
