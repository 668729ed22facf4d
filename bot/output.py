"""Prints results of commands: tables for people, JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from agent.clock import now

if TYPE_CHECKING:  # each command names an option of this module, and few print tables
    from datetime import datetime

    from rich.console import Console

    from agent.types import Passage
    from bot.record.records import SessionSummary
    from ingest.sync.reports import DocumentProblem

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

SNIPPET_CHARS = 160
ID_CHARS = 18  # enough of a session's id to identify it


def print_passages(passages: "Sequence[Passage]", *, as_json: bool) -> None:
    """Prints search results, best first."""
    from rich.console import Console
    from rich.markup import escape

    if as_json:
        print_json([asdict(passage) for passage in passages])
        return
    if not passages:
        Console().print("Nothing found.")
        return
    for n, passage in enumerate(passages, 1):
        snippet = " ".join(passage.text.split())[:SNIPPET_CHARS]
        console = Console(soft_wrap=True)
        heading = f" › {passage.heading_path}" if passage.heading_path else ""
        console.print(f"[bold]{n}. {escape(passage.title)}[/]{escape(heading)}  [dim]{passage.score:.2f}[/]")
        console.print(f"   {escape(snippet)}…\n   [blue]{escape(passage.url)}[/]")


def print_sessions(rows: "Sequence[SessionSummary]", *, as_json: bool, is_filtered: bool = False) -> None:
    """Prints a table of sessions, as wide as the terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if as_json:
        print_json(rows)
        return
    table = Table(box=None, expand=True)
    for name, width in (("session", ID_CHARS), ("updated", 16), ("status", 9), ("turns", 5), ("cost", 7)):
        table.add_column(name, min_width=width, no_wrap=True)
    table.add_column("last question", ratio=1, no_wrap=True, overflow="ellipsis")
    for row in rows:
        question = " ".join(row["last_question"].split())
        table.add_row(
            row["id"][:ID_CHARS],
            row["updated_at"][:16].replace("T", " "),
            row["status"],
            str(row["n_turns"]),
            f"${row['cost_usd'] or 0:.4f}",
            escape(question),
        )
    nothing = "No session fits." if is_filtered else 'No sessions yet. Ask something: docent ask "…"'
    Console().print(table if rows else nothing)


def print_problems(console: "Console", problems: "Sequence[DocumentProblem]") -> None:
    """Prints the documents that could not be read, or not completely."""
    from rich.markup import escape

    for problem in problems:
        console.print(f"  [yellow]{escape(problem.uri)}[/]: {escape(problem.cause)}; {escape(problem.advice)}.")


def format_age(moment: "datetime | None") -> str:
    """Returns how long ago something happened, to the minute, hour or day; "never" without a moment."""
    if moment is None:
        return "never"
    minutes = (now() - moment).total_seconds() / 60
    if minutes < 2:
        return "just now"
    if minutes < 120:
        return f"{minutes:.0f} minutes ago"
    return f"{minutes / 60:.0f} hours ago" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days ago"


def print_json(value: object) -> None:
    """Prints one JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
