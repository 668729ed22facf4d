"""``docent ingest``: reads a folder in and says what became of it."""

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from agent.database import Database
from bot import printing
from ingest import settings
from ingest.library import Library
from ingest.syncs import SyncReport


def run(database: Database, path: Path, *, name: str | None, link: str | None, as_json: bool) -> None:
    """Syncs the folder with a progress bar; lists every problem with its cause and what to do."""
    library = Library(database, settings.load())
    with Progress(console=Console(stderr=True), transient=True, disable=as_json) as progress:
        task = progress.add_task("Reading documents", total=None)
        report = library.sync_folder(
            str(path),
            source_name=name,
            link=link,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    if as_json:
        printing.print_json(asdict(report))
    else:
        _print(report)


def _print(report: SyncReport) -> None:
    console = Console(soft_wrap=True)
    console.print(
        f"{escape(report.source)}: {report.n_added} added, {report.n_changed} changed, "
        f"{report.n_unchanged} unchanged, {report.n_removed} removed; "
        f"{report.n_chunks} chunks written in {report.seconds:.1f} s."
    )
    for problem in report.problems:
        console.print(f"  [yellow]{escape(problem.uri)}[/]: {escape(problem.cause)}; {escape(problem.advice)}.")
