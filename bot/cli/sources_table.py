"""``docent documents``: which sources there are, what each holds, and what is wrong with it."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import func, select

from agent.clock import now
from agent.errors import UserError
from agent.store.database import Database
from bot import output
from ingest import source_config
from ingest.settings import IngestSettings
from ingest.sync import reports
from ingest.sync.reports import LatestSync
from ingest.tables import DocumentRow


@dataclass(frozen=True)
class SourceSummary:
    """One source. ``problem`` tells why its last sync ended early; ``every`` how often the clock syncs it."""

    source: str
    n_documents: int
    n_chunks: int
    n_problems: int
    synced_at: datetime | None
    status: str
    every: str
    problem: str | None


def show(
    database: Database, settings: IngestSettings, *, source: str | None, lists_problems: bool, as_json: bool
) -> None:
    """A table, and the problems where they are asked for."""
    found = [one for one in _holdings(database, settings) if source in (None, one.source)]
    if source and not found:
        raise UserError(f"There is no source '{source}'. 'docent documents' lists them.")
    with database.transaction() as transaction:
        problems = reports.load_problems(transaction, source=source)
    if as_json:
        output.print_json(
            {"sources": [asdict(one) for one in found], "problems": [asdict(one) for one in problems]}
        )
        return
    console = Console(soft_wrap=True, highlight=False)
    if not found:
        console.print("No documents have been read in yet: docent ingest PATH, or docent.toml and docent sync.")
        return
    console.print(_table(found))
    for one in found:
        if one.problem:
            console.print(f"[yellow]{escape(one.source)}[/]: {one.status}: {escape(one.problem)}")
    if lists_problems:
        for name in sorted({problem.source for problem in problems}):
            console.print(f"\n[bold]{escape(name)}[/]")
            output.print_problems(console, [problem for problem in problems if problem.source == name])
        if not problems:
            console.print("No document has a problem.")
    elif problems:
        console.print("'docent documents --problems' lists what could not be read, why, and what to do.")


def _holdings(database: Database, settings: IngestSettings) -> list[SourceSummary]:
    row = DocumentRow
    counted = select(
        row.source,
        func.count(),
        func.coalesce(func.sum(row.n_chunks), 0),
        func.count(row.problem),
        func.max(row.synced_at),
    ).group_by(row.source)
    with database.transaction() as transaction:
        counts = {name: rest for name, *rest in transaction.execute(counted)}
        last = {sync.source: sync for sync in reports.load_latest(transaction)}
    given = source_config.sources(settings.config)
    return [
        _holding(name, counts.get(name), last.get(name), given.get(name))
        for name in sorted(counts.keys() | last.keys() | given.keys())
    ]


def _holding(
    name: str, counts: list[Any] | None, last: LatestSync | None, given: dict[str, Any] | None
) -> SourceSummary:
    n_documents, n_chunks, n_problems, synced_at = counts or [0, 0, 0, None]
    return SourceSummary(
        source=name,
        n_documents=n_documents,
        n_chunks=n_chunks,
        n_problems=n_problems,
        synced_at=last.at if last else synced_at,
        status=_status(last) if last else ("read in" if counts else "not yet synced"),
        every=_every(given),
        problem=last.problem if last else None,
    )


def _status(last: LatestSync) -> str:
    if last.status == "reading" and last.n_to_read:
        return f"reading, {last.n_done:,} of {last.n_to_read:,} done"
    return last.status


def _every(given: dict[str, Any] | None) -> str:
    every = source_config.sync_interval(given) if given is not None else None
    return str(given.get("every", "1h")) if given is not None and every else "–"


def _table(found: list[SourceSummary]) -> Table:
    table = Table(box=None)
    table.add_column("source", overflow="fold")
    for name in ("documents", "chunks", "problems"):
        table.add_column(name, justify="right")
    for name in ("last sync", "", "every"):
        table.add_column(name)
    for one in found:
        table.add_row(
            escape(one.source),
            f"{one.n_documents:,}",
            f"{one.n_chunks:,}",
            f"[yellow]{one.n_problems:,}[/]" if one.n_problems else "0",
            _ago(one.synced_at),
            one.status,
            one.every,
        )
    return table


def _ago(then: datetime | None) -> str:
    if then is None:
        return "never"
    minutes = (now() - then).total_seconds() / 60
    if minutes < 1:
        return "just now"
    if minutes < 120:
        return f"{minutes:.0f} min ago"
    return f"{minutes / 60:.0f} h ago" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days ago"
