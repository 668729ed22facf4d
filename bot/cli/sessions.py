"""``docent sessions`` and ``docent usage``: the commands that read the record, and delete from it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, TextIO
from zoneinfo import ZoneInfo

import typer

import agent.settings
import bot.settings
from agent import observability
from agent.clock import now
from agent.errors import UserError
from agent.store.database import Database
from bot import time_ranges
from bot.output import AsJson

USAGE_SINCE = "30d"


sessions_app = typer.Typer(help="What was asked, and what was done about it.", no_args_is_help=True)


@sessions_app.command("list")
def sessions_list(n: Annotated[int, typer.Option("-n", min=1)] = 20, json_: AsJson = False) -> None:
    """The newest sessions."""
    from bot import output
    from bot.record import session_query

    with _opened() as database:
        output.print_sessions(session_query.list_recent(database, limit=n), as_json=json_)


@sessions_app.command("show")
def sessions_show(
    id: str,
    full: Annotated[bool, typer.Option("--full", help="Also what the model saw and said, word for word.")] = False,
    json_: AsJson = False,
) -> None:
    """Everything recorded of one session; ID is the beginning of a session's or a turn's id."""
    from rich.console import Console

    from bot import output
    from bot.cli import session_report
    from bot.record import session_query

    with _opened() as database:
        session = session_query.load(database, id)
    if json_:
        output.print_json(session)
    else:
        session_report.print_session(Console(soft_wrap=True, highlight=False), session, is_full=full)


@sessions_app.command("replay")
def sessions_replay(
    id: str,
    model: Annotated[
        str | None, typer.Option(help="Another model, or model@base-url; default: those of the settings.")
    ] = None,
    live_tools: Annotated[
        bool, typer.Option("--live-tools", help="Run the tools again, but those that may do something lasting.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Answer a recorded question again and show both; ID is the beginning of a session's or a turn's id."""
    from bot.cli import comparison
    from bot.jobs import wiring
    from bot.record import replay

    with _opened() as database:
        at = wiring.build(agent.settings.load(), database)
        both = replay.run(at, database, id, model=model, is_live=live_tools)
        at.leases.close()
    comparison.print_comparison(both, as_json=json_)


@sessions_app.command("export")
def sessions_export(
    since: Annotated[str, typer.Option(help="From this day on, or so long ago: 2026-05-31, 7d.")],
    until: Annotated[str | None, typer.Option(help="Before this day, or so long ago; default: now.")] = None,
    format: Annotated[
        Literal["openai-chat", "eval"],
        typer.Option(help="Well-rated answers for fine-tuning, or badly rated ones as cases of an evaluation."),
    ] = "openai-chat",
    output: Annotated[Path | None, typer.Option(help="A file; default: standard output.")] = None,
    model: Annotated[str | None, typer.Option(help="Only what this model answered.")] = None,
) -> None:
    """Rated answers as JSON lines, without anybody's name."""
    from bot.record import export

    zone = _zone()
    start, end = (
        time_ranges.parse_moment(given, zone=zone, now=now()) if given else now() for given in (since, until)
    )
    if start >= end:
        raise UserError(f"Nothing lies between {since} and {until or 'now'}: --since must be before --until.")
    wanted = export.ExportFilter(start, end, model)
    with _opened() as database, _written(output) as file:
        done = export.export(database, wanted, format=format, output=file)
    for line in export.describe(done, format=format, to=str(output) if output else "standard output"):
        sys.stderr.write(f"{line}\n")


@sessions_app.command("prune")
def sessions_prune(
    older_than: Annotated[
        str | None, typer.Option(help="Such as 90d; default: DOCENT_RETENTION_DAYS.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Delete ended turns that are too old, with everything recorded of them."""
    from agent.store import retention as rows
    from bot.processes import retention_schedule

    before = now() - _kept(older_than)
    day = f"{before.astimezone(_zone()):%Y-%m-%d %H:%M}"
    with _opened() as database:
        if dry_run:
            counted = retention_schedule.describe(rows.count_prunable(database, before=before))
            sys.stdout.write(f"Would delete {counted} that ended before {day}.\n")
        else:
            pruned = retention_schedule.prune(database, before=before, zone=_zone())
            sys.stdout.write(f"Deleted {retention_schedule.describe(pruned)} that ended before {day}.\n")


def usage(
    by: Annotated[Literal["user", "channel", "model", "day"], typer.Option(help="What to sum up by.")] = "day",
    since: Annotated[str, typer.Option(help="From this day on, or so long ago: 2026-05-31, 30d.")] = USAGE_SINCE,
    json_: AsJson = False,
) -> None:
    """Questions, tokens and dollars, and how the budgets stand."""
    from rich.console import Console

    from agent.store.budgets import Budgets
    from bot import output
    from bot.cli import usage_table
    from bot.record import usage as sums

    zone = _zone()
    start = time_ranges.parse_moment(since, zone=zone, now=now())
    with _opened() as database:
        lines = sums.summarize(database, by=by, since=start, zone=zone)
        limits = Budgets.from_settings(agent.settings.load()).limits
        standings = sums.budget_statuses(database, limits=limits, zone=zone)
    if json_:
        output.print_json(usage_table.to_json(by, lines, standings))
    else:
        usage_table.show(Console(), by, lines, standings)


@contextmanager
def _opened() -> Iterator[Database]:
    from bot.processes import environment

    observability.set_up(agent.settings.load(), process="cli")
    with environment.open_database() as database:
        yield database


def _zone() -> ZoneInfo:
    return ZoneInfo(agent.settings.load().time_zone)


@contextmanager
def _written(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    try:
        file = output.open("w", encoding="utf-8")
    except OSError as error:
        raise UserError(f"'{output}' cannot be written: {error.strerror}.") from error
    with file:
        yield file


def _kept(older_than: str | None) -> timedelta:
    if older_than is not None:
        return time_ranges.parse_length(older_than)
    days = bot.settings.load().retention_days
    if days is None:
        raise UserError("Everything is kept: set DOCENT_RETENTION_DAYS, or say --older-than 90d.")
    return timedelta(days=days)
