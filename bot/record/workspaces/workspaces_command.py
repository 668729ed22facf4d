"""The commands about installed workspaces: ``docent workspaces``, below it show, remove, forget and the keys."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from agent.errors import ReplyError, UserError
from bot.output import AsJson
from bot.record.people_command import open_database

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.store.database import Database
    from bot.slack.installation.workspaces import InstalledWorkspace

Id = Annotated[str, typer.Argument(metavar="WORKSPACE", help="Its id, T0123, or that of an organisation, E0123.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether to.")]
NOT_MANY = (
    "SLACK_CLIENT_ID is not set, so Docent serves the one workspace of SLACK_BOT_TOKEN. docs/workspaces.md says "
    "how to let many install it."
)

workspaces_app = typer.Typer(help="Say which workspaces have installed the app.", invoke_without_command=True)


@workspaces_app.callback()
def list_(context: typer.Context, *, json_: AsJson = False) -> None:
    """List the workspaces that have installed the app, and which sources are declared for each.

    For example: docent workspaces show T0123
    """
    if context.invoked_subcommand:
        return
    import bot.settings
    from bot import output
    from bot.slack.installation import workspaces

    with open_database() as database, database.transaction() as transaction:
        known = workspaces.list_workspaces(transaction, also_removed=True)
    sources = _list_sources()
    if json_:
        output.print_json([_to_json(one, sources) for one in known])
        return
    if not known:
        from bot.slack.installation.terminal import NONE_INSTALLED

        print_line(NONE_INSTALLED if bot.settings.load().has_many_workspaces else NOT_MANY)
        return
    _print_table(known, sources)


@workspaces_app.command("list")
def list_all(context: typer.Context, *, json_: AsJson = False) -> None:
    """Do the same as 'docent workspaces'."""
    context.invoked_subcommand = None
    list_(context, json_=json_)


@workspaces_app.command()
def show(workspace: Id, *, json_: AsJson = False) -> None:
    """Show one workspace: who installed it and when, its permissions, what is stored of it."""
    from bot import output
    from bot.record.workspaces import workspace_data

    with open_database() as database:
        one = _find(database, workspace)
        counts = workspace_data.count(database, workspace)
    facts = _to_json(one, _list_sources()) | {"stored": counts}
    if json_:
        output.print_json(facts)
        return
    for name, value in facts.items():
        if value not in (None, "", [], {}):
            print_line(f"{name.replace('_', ' ')}: {_format(value)}")


@workspaces_app.command()
def remove(workspace: Id, *, yes: Yes = False) -> None:
    """Remove the app from a workspace: revoke its token, and delete it here. What was asked there is kept."""
    from bot.slack.installation import terminal, uninstalling
    from bot.slack.installation.workspaces import RemovalReason

    if not yes:
        typer.confirm(f"Remove the app from {workspace}? Nobody there is answered any more.", abort=True)
    with open_database() as database:
        one = _find(database, workspace)
        if not one.is_installed:
            raise UserError(f"The app was removed from {one.title} already.")
        try:
            slack = terminal.choose(database, workspace).slack
            if slack:
                slack.call("auth.revoke", is_repeatable=True)
        except ReplyError as error:
            print_line(f"{error}. Its administrators can remove the app in Slack, too.")
        uninstalling.remove(database, workspace, RemovalReason.OPERATOR)
    print_line(f"Removed from {one.title}. 'docent workspaces forget {workspace}' deletes what was asked there.")


@workspaces_app.command()
def forget(workspace: Id, *, yes: Yes = False) -> None:
    """Delete everything that is stored of a workspace from which the app was removed. This cannot be undone."""
    from bot.processes.schedules import retention_schedule
    from bot.record.workspaces import workspace_data

    if not yes:
        typer.confirm(f"Delete everything that was asked in {workspace}, and its settings?", abort=True)
    with open_database() as database:
        one = _find(database, workspace)
        if one.is_installed:
            raise UserError(f"The app is in {one.title}. Remove it first: docent workspaces remove {workspace}")
        pruned = workspace_data.forget(database, workspace)
    print_line(f"Deleted {retention_schedule.describe(pruned)} of {one.title}.")
    for name in sorted(name for name, places in _list_sources().items() if places == [workspace]):
        print_line(f"The documents of '{name}' are for this workspace alone: 'docent forget {name}' deletes them.")


@workspaces_app.command("new-key")
def new_key() -> None:
    """Print a new key for DOCENT_TOKEN_KEYS."""
    from bot.slack.installation import encryption

    print_line(encryption.make_key())


@workspaces_app.command("rotate-key")
def rotate_key() -> None:
    """Encrypt every stored token anew, with the first key of DOCENT_TOKEN_KEYS. Others can be dropped then.

    \b
    Put a new key before the others, and restart the processes, so that all of them can read it.
    Then run this, and take the old keys out.
    """
    import bot.settings
    from bot.slack.installation import encryption, workspaces

    cipher = encryption.open_cipher(bot.settings.load())
    with open_database() as database, database.transaction() as transaction:
        n = workspaces.encrypt_anew(transaction, cipher)
    tokens = "The tokens of 1 workspace are" if n == 1 else f"The tokens of {n} workspaces are"
    print_line(f"{tokens} encrypted with the newest key. The other keys of DOCENT_TOKEN_KEYS are not needed now.")


def print_line(line: str) -> None:
    """Prints a line of a command's output."""
    sys.stdout.write(f"{line}\n")


def _find(database: "Database", workspace: str) -> "InstalledWorkspace":
    from bot.slack.installation import workspaces

    with database.transaction() as transaction:
        found = workspaces.find_workspace(transaction, workspace)
    if found is None:
        raise UserError(f"There is no workspace {workspace}. 'docent workspaces' lists them.")
    return found


def _list_sources() -> "Mapping[str, list[str]]":
    """Returns the workspaces of each declared source, by its name."""
    import ingest.settings
    from ingest import source_config

    tables = source_config.sources(ingest.settings.load().config)
    return {name: source_config.list_workspaces(table) for name, table in tables.items()}


def _to_json(one: "InstalledWorkspace", sources: "Mapping[str, list[str]]") -> dict[str, object]:
    from dataclasses import asdict

    served = {one.id, "*"}
    names = sorted(name for name, places in sources.items() if served.intersection(places))
    return asdict(one) | {"is_installed": one.is_installed, "sources": names}


def _print_table(known: "Sequence[InstalledWorkspace]", sources: "Mapping[str, list[str]]") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None)
    for column in ("workspace", "name", "installed", "app", "sources"):
        table.add_column(column, no_wrap=column == "workspace")
    for one in known:
        facts = _to_json(one, sources)
        state = "installed" if one.is_installed else f"removed {one.removed_at:%Y-%m-%d} ({one.removed_because})"
        names = facts["sources"]
        shown = ", ".join(map(str, names)) if isinstance(names, list) and names else "none"
        table.add_row(one.id, escape(one.name), f"{one.installed_at:%Y-%m-%d}", state, escape(shown))
    Console(soft_wrap=True, highlight=False).print(table)


def _format(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return ", ".join(f"{n} {name}" for name, n in value.items()) if isinstance(value, dict) else str(value)
