"""The commands about what was asked: ``docent sessions`` (list, show, replay, export, prune) and ``docent usage``.

Owns their options and checks them. :mod:`bot.record` reads; the modules beside this one print.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, TextIO
from zoneinfo import ZoneInfo

import typer

from agent.clock import now
from agent.errors import UserError
from agent.types import EndReason, TurnStatus
from bot.cli import connection, time_ranges
from bot.output import AsJson

USAGE_SINCE = "30d"
RATINGS = {"up": 1, "down": -1}

SessionId = Annotated[
    str, typer.Argument(metavar="ID", help="The id of a session or of a turn, or its first characters.")
]

Workspace = Annotated[
    str | None, typer.Option(help="Only what was asked in this workspace, T0123, where there are many.")
]

sessions_app = typer.Typer(help="Inspect what was asked and answered.", no_args_is_help=True)


@sessions_app.command("list")
def sessions_list(
    n: Annotated[int, typer.Option("-n", min=1, help="List so many sessions.")] = 20,
    *,
    since: Annotated[str | None, typer.Option(help="Asked from this day or age on: 2026-05-31, or 7d.")] = None,
    user: Annotated[str | None, typer.Option(help="Asked by this person: U0123.")] = None,
    channel: Annotated[str | None, typer.Option(help="Asked in this channel: C0123.")] = None,
    workspace: Workspace = None,
    reason: Annotated[EndReason | None, typer.Option(help="Ended for this reason.")] = None,
    rating: Annotated[Literal["up", "down"] | None, typer.Option(help="Rated 👍 or 👎.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Ended without an answer.")] = False,
    json_: AsJson = False,
) -> None:
    """List the newest sessions. With options, those with a question that all of them fit.

    For example: docent sessions list --since 7d --rating down
    """
    from bot import output
    from bot.record import session_query

    chosen = session_query.SessionFilter(
        since=_parse_moment(since) if since else None,
        user=user,
        channel=channel.lstrip("#") if channel else None,
        workspace=workspace,
        reason=reason,
        status=TurnStatus.FAILED if failed else None,
        rating=RATINGS[rating] if rating else None,
    )
    with connection.open_database() as database:
        rows = session_query.list_recent(database, limit=n, filter=chosen)
    output.print_sessions(rows, as_json=json_, is_filtered=chosen != session_query.SessionFilter())


@sessions_app.command("show")
def sessions_show(
    id: SessionId,
    full: Annotated[
        bool, typer.Option("--full", help="Show every message that the model saw and wrote, word for word.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Show everything recorded of a session."""
    from rich.console import Console

    from bot import output
    from bot.cli import session_report
    from bot.record import session_query

    with connection.open_database() as database:
        session = session_query.load(database, id)
    if json_:
        output.print_json(session)
    else:
        session_report.print_session(Console(soft_wrap=True, highlight=False), session, is_full=full)


@sessions_app.command("replay")
def sessions_replay(
    id: SessionId,
    model: Annotated[
        str | None,
        typer.Option(help="Ask this model, written MODEL or MODEL@BASE-URL. Default: those of the settings."),
    ] = None,
    live_tools: Annotated[
        bool,
        typer.Option("--live-tools", help="Run the tools again, except those that may change something."),
    ] = False,
    json_: AsJson = False,
) -> None:
    """Answer a recorded question again. Shows the recorded and the new answer side by side."""
    import agent.settings
    from bot.cli import comparison
    from bot.jobs import wiring
    from bot.record import replay

    with connection.open_database() as database:
        context = wiring.build(agent.settings.load(), database)
        both = replay.run(context, database, id, model=model, is_live=live_tools)
        context.leases.close()
    comparison.print_comparison(both, as_json=json_)


@sessions_app.command("export")
def sessions_export(
    *,
    since: Annotated[str, typer.Option(help="Export from this day or age on: 2026-05-31, or 7d.")],
    until: Annotated[str | None, typer.Option(help="Export up to this day or age. Default: now.")] = None,
    format: Annotated[
        Literal["openai-chat", "eval"],
        typer.Option(help="Well-rated answers for fine-tuning, or badly rated ones as cases for 'docent eval'."),
    ] = "openai-chat",
    output: Annotated[Path | None, typer.Option(help="Write to this file. Default: standard output.")] = None,
    model: Annotated[str | None, typer.Option(help="Export only what this model answered.")] = None,
    workspace: Workspace = None,
) -> None:
    """Export rated answers as JSON lines. No person is named in them, and nothing private is in them.

    For example: docent sessions export --since 7d --format eval --output cases.jsonl
    """
    from bot.record import export, export_scope
    from bot.slack.installation import terminal

    start = _parse_moment(since)
    end = _parse_moment(until) if until else now()
    if start >= end:
        raise UserError(f"No time is left from {since} to {until or 'now'}: --since must be before --until.")
    with connection.open_database() as database, _open_output(output) as file:
        place = terminal.choose(database, workspace)
        chosen = export.ExportFilter(start, end, model, place.id)
        scope = export_scope.build(place.slack)
        exported = export.export(database, chosen, scope=scope, format=format, output=file)
    for line in export.describe(exported, format=format, to=str(output) if output else "standard output"):
        sys.stderr.write(f"{line}\n")


@sessions_app.command("prune")
def sessions_prune(
    older_than: Annotated[
        str | None,
        typer.Option(
            help="Delete what ended so long ago: 90d. Default: DOCENT_RETENTION_DAYS.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
) -> None:
    """Delete turns that ended long ago. Everything recorded of them goes too."""
    from agent.store import retention
    from bot.processes.schedules import retention_schedule

    before, zone = now() - _retention(older_than), _time_zone()
    day = f"{before.astimezone(zone):%Y-%m-%d %H:%M}"
    with connection.open_database() as database:
        if dry_run:
            counts = retention_schedule.describe(retention.count_prunable(database, before=before))
            sys.stdout.write(f"Would delete {counts} that ended before {day}.\n")
        else:
            counts = retention_schedule.describe(retention_schedule.prune(database, before=before, zone=zone))
            sys.stdout.write(f"Deleted {counts} that ended before {day}.\n")


def usage(
    by: Annotated[
        Literal["user", "channel", "model", "day", "workspace"],
        typer.Option(help="Sum up by person, channel, model, day or workspace."),
    ] = "day",
    since: Annotated[str, typer.Option(help="Count from this day or age on: 2026-05-31, or 30d.")] = USAGE_SINCE,
    *,
    workspace: Workspace = None,
    json_: AsJson = False,
) -> None:
    """Sum up questions, tokens and cost. Also shows how much of each budget is used.

    For example: docent usage --by user --since 7d
    """
    from rich.console import Console

    import agent.settings
    from agent.store.budgets import Budgets
    from bot import output
    from bot.cli import usage_table
    from bot.record import usage as usage_query

    zone = _time_zone()
    start = _parse_moment(since)
    with connection.open_database() as database:
        rows = usage_query.summarize(database, by=by, since=start, zone=zone, workspace=workspace)
        limits = Budgets.from_settings(agent.settings.load()).limits
        budgets = usage_query.budget_statuses(database, limits=limits, zone=zone, workspace=workspace)
    if json_:
        output.print_json(usage_table.to_json(by, rows, budgets))
    else:
        usage_table.show(Console(), by, rows, budgets)


def report(
    since: Annotated[str, typer.Option(help="Report from this day or age on: 2026-05-31, or 7d.")] = "7d",
    *,
    workspace: Workspace = None,
    json_: AsJson = False,
) -> None:
    """Report what the documents did not answer, and which of them to look at. Counts private questions only.

    For example: docent report --since 30d
    """
    from bot import output
    from bot.record.reports import operator_report, wording
    from bot.slack.installation import terminal

    zone = _time_zone()
    with connection.open_database() as database:
        place = terminal.choose(database, workspace)
        made = operator_report.make(database, _parse_moment(since), now(), place.slack, place.id)
    if json_:
        output.print_json(operator_report.to_json(made))
    else:
        sys.stdout.writelines(f"{line}\n" for line in wording.to_lines(made, zone))


def _time_zone() -> ZoneInfo:
    import agent.settings

    return ZoneInfo(agent.settings.load().time_zone)


def _parse_moment(text: str) -> datetime:
    return time_ranges.parse_moment(text, zone=_time_zone(), now=now())


@contextmanager
def _open_output(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise UserError(f"Cannot write to '{path}': {error.strerror}.") from error
    with file:
        yield file


def _retention(older_than: str | None) -> timedelta:
    if older_than is not None:
        return time_ranges.parse_length(older_than)
    import bot.settings

    days = bot.settings.load().retention_days
    if days is None:
        raise UserError(
            "Nothing says how long to keep records. Add --older-than 90d, or set DOCENT_RETENTION_DAYS."
        )
    return timedelta(days=days)
