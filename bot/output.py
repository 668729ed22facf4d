"""What the command line prints: tables for people, JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.types import Passage
from ingest.sync.reports import Problem

SNIPPET_CHARS = 160
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ID_CHARS = 18  # of a session's id: enough to name it


def passages(found: Sequence[Passage], *, as_json: bool) -> None:
    """Search results, best first."""
    if as_json:
        as_dicts = [asdict(passage) for passage in found]
        print_json(as_dicts)
        return
    if not found:
        Console().print("Nothing found.")
        return
    for n, passage in enumerate(found, 1):
        snippet = " ".join(passage.text.split())[:SNIPPET_CHARS]
        console = Console(soft_wrap=True)
        heading = f" › {passage.heading_path}" if passage.heading_path else ""
        console.print(f"[bold]{n}. {escape(passage.title)}[/]{escape(heading)}  [dim]{passage.score:.2f}[/]")
        console.print(f"   {escape(snippet)}…\n   [blue]{escape(passage.url)}[/]")


def sessions(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """The list of sessions."""
    if as_json:
        print_json(rows)
        return
    table = Table(box=None, expand=True)
    for name, width in (("session", ID_CHARS), ("updated", 16), ("status", 9), ("turns", 5), ("cost", 7)):
        table.add_column(name, min_width=width, no_wrap=True)
    table.add_column("last question", ratio=1, no_wrap=True)
    for row in rows:
        question = " ".join(row["last_question"].split())[:60]
        table.add_row(
            row["id"][:ID_CHARS],
            row["updated_at"][:16].replace("T", " "),
            row["status"],
            str(row["n_turns"]),
            f"${row['cost_usd'] or 0:.4f}",
            escape(question),
        )
    Console().print(table if rows else 'No sessions yet. Ask something: docent ask "…"')


def problems(console: Console, found: Sequence[Problem]) -> None:
    """Documents that could not be read, or not whole."""
    for one in found:
        console.print(f"  [yellow]{escape(one.uri)}[/]: {escape(one.cause)}; {escape(one.advice)}.")


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
