"""Prints ``docent documents``: the sources, what each contains, and which documents have problems.

Covers the sources that were synced and those that docent.toml declares. Does not open a source or the index.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import func, select

from agent.errors import UserError
from agent.store.database import Database
from bot import output
from ingest import source_config
from ingest.settings import IngestSettings
from ingest.sync import reports
from ingest.sync.reports import DocumentProblem, LatestSync, ReadDocument
from ingest.sync.store import SyncStatus
from ingest.tables import DocumentRow

NOT_SCHEDULED = "–"
MAX_PROBLEMS = 20  # below a source's documents; '--problems' lists all
DEFAULT_EVERY = "1h"


@dataclass(frozen=True)
class SourceSummary:
    """One source. ``problem`` says why its last sync ended early; ``every`` how often the clock syncs it."""

    source: str
    n_documents: int
    n_chunks: int
    n_problems: int
    synced_at: datetime | None
    status: str
    every: str
    problem: str | None


@dataclass(frozen=True)
class _Counts:
    n_documents: int = 0
    n_chunks: int = 0
    n_problems: int = 0
    synced_at: datetime | None = None


def show(
    database: Database, settings: IngestSettings, *, source: str | None, lists_problems: bool, as_json: bool
) -> None:
    """Prints a table of the sources, or of one; ``lists_problems`` adds the documents with problems."""
    summaries = [summary for summary in summarize(database, settings) if source in (None, summary.source)]
    if source and not summaries:
        raise UserError(f"There is no source '{source}'. 'docent documents' lists them.")
    with database.transaction() as transaction:
        problems = reports.load_problems(transaction, source=source)
        listed = reports.load_documents(transaction, source) if source else ()
    if as_json:
        output.print_json(
            {
                "sources": [asdict(summary) for summary in summaries],
                "problems": [asdict(problem) for problem in problems],
                **({"documents": [asdict(document) for document in listed]} if source else {}),
            }
        )
        return
    console = Console(soft_wrap=True, highlight=False)
    if not summaries:
        console.print(
            "No documents have been read in yet. Run 'docent ingest PATH', or declare sources in docent.toml and "
            "run 'docent sync'."
        )
        return
    console.print(make_table(summaries))
    for summary in summaries:
        if summary.problem:
            console.print(f"[yellow]{escape(summary.source)}[/]: {summary.status}: {escape(summary.problem)}")
    if listed and not lists_problems:
        console.print(_make_documents_table(listed))
    if lists_problems:
        _print_problems(console, problems)
    elif source and 0 < len(problems) <= MAX_PROBLEMS:
        output.print_problems(console, problems)
    elif problems:
        console.print("'docent documents --problems' lists what could not be read, why, and what to do.")


def summarize(database: Database, settings: IngestSettings) -> list[SourceSummary]:
    """Summarises every source that has documents, was ever synced, or is declared, by name."""
    row = DocumentRow
    query = select(
        row.source,
        func.count(),
        func.coalesce(func.sum(row.n_chunks), 0),
        func.count(reports.PROBLEM),
        func.max(row.synced_at),
    ).group_by(row.source)
    with database.transaction() as transaction:
        counts = {
            name: _Counts(n_documents, n_chunks, n_problems, synced_at)
            for name, n_documents, n_chunks, n_problems, synced_at in transaction.execute(query)
        }
        last = {sync.source: sync for sync in reports.load_latest(transaction)}
    declared = source_config.sources(settings.config, is_required=settings.is_config_named)
    return [
        _summarize_source(name, counts.get(name), last.get(name), declared.get(name))
        for name in sorted(counts.keys() | last.keys() | declared.keys())
    ]


def make_table(summaries: Sequence[SourceSummary]) -> Table:
    """Makes a table with a row for each source."""
    table = Table(box=None)
    table.add_column("source", overflow="fold")
    for name in ("documents", "chunks", "problems"):
        table.add_column(name, justify="right")
    for name in ("last sync", "", "every"):
        table.add_column(name)
    for summary in summaries:
        table.add_row(
            escape(summary.source),
            f"{summary.n_documents:,}",
            f"{summary.n_chunks:,}",
            f"[yellow]{summary.n_problems:,}[/]" if summary.n_problems else "0",
            output.format_age(summary.synced_at),
            summary.status,
            summary.every,
        )
    return table


def _make_documents_table(documents: Sequence[ReadDocument]) -> Table:
    table = Table(box=None)
    table.add_column("document", overflow="fold")
    table.add_column("title", overflow="ellipsis", no_wrap=True)
    table.add_column("chunks", justify="right")
    for name in ("language", "read", "changed"):
        table.add_column(name, no_wrap=True)
    for document in documents:
        changed = f"{document.changed_at:%Y-%m-%d}" if document.changed_at else NOT_SCHEDULED
        language = document.language or NOT_SCHEDULED
        without = "[yellow]not read[/]" if document.problem else "no text"  # such as a photograph
        read = output.format_age(document.read_at) if document.n_chunks else without
        if document.n_chunks and document.problem:
            read = f"[yellow]in part[/], {read}"
        table.add_row(
            escape(document.uri), escape(document.title), f"{document.n_chunks:,}", language, read, changed
        )
    return table


def _print_problems(console: Console, problems: Sequence[DocumentProblem]) -> None:
    for name in sorted({problem.source for problem in problems}):
        console.print(f"\n[bold]{escape(name)}[/]")
        output.print_problems(console, [problem for problem in problems if problem.source == name])
    if not problems:
        console.print("No document has a problem.")


def _summarize_source(
    name: str, counts: _Counts | None, last: LatestSync | None, declared: Mapping[str, object] | None
) -> SourceSummary:
    known = counts or _Counts()
    return SourceSummary(
        source=name,
        n_documents=known.n_documents,
        n_chunks=known.n_chunks,
        n_problems=known.n_problems,
        synced_at=last.at if last else known.synced_at,
        status=_describe_status(last) if last else ("read in" if counts else "not yet synced"),
        every=_describe_schedule(declared),
        problem=last.problem if last else None,
    )


def _describe_status(last: LatestSync) -> str:
    if last.status == SyncStatus.READING and last.n_to_read:
        return f"reading, {last.n_done:,} of {last.n_to_read:,} done"
    return last.status


def _describe_schedule(declared: Mapping[str, object] | None) -> str:
    if declared is None or source_config.sync_interval(declared) is None:
        return NOT_SCHEDULED
    return str(declared.get("every", DEFAULT_EVERY))
