"""Prints ``docent documents --duplicates``: groups of documents that say nearly the same, the newest first."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from uuid import UUID

from rich.console import Console
from rich.markup import escape
from sqlalchemy import select

from agent.errors import UserError
from agent.store.database import Database, Transaction
from agent.text import count
from bot import output
from ingest.index import duplicates
from ingest.index.active_index import ActiveIndex
from ingest.index.duplicates import DuplicateGroup
from ingest.settings import IngestSettings
from ingest.sync import reports
from ingest.tables import DocumentRow
from ingest.verified import answers

MAX_IDS = 500  # named in one statement
_NO_DATE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class DuplicateDocument:
    """One document of a group."""

    source: str
    uri: str
    title: str
    url: str
    changed_at: datetime | None


def show(database: Database, settings: IngestSettings, *, source: str | None, as_json: bool) -> None:
    """Prints the groups; with a source, those with a document of it."""
    with database.transaction() as transaction:
        if source and source not in reports.list_sources(transaction):
            raise UserError(f"There is no source '{source}'. 'docent documents' lists them.")
    groups = duplicates.find_duplicates(ActiveIndex(database, settings).current().index, without=answers.SOURCE)
    with database.transaction() as transaction:
        documents = _load(transaction, [id_ for group in groups for id_ in group.document_ids])
    found = [_sort(group, documents) for group in groups]
    chosen = [(group, of) for group, of in zip(groups, found, strict=True) if _concerns(of, source)]
    chosen.sort(key=lambda pair: pair[1][0].changed_at or _NO_DATE, reverse=True)
    if as_json:
        output.print_json(
            [{"similarity": round(g.similarity, 2), "documents": [asdict(one) for one in of]} for g, of in chosen]
        )
        return
    console = Console(soft_wrap=True, highlight=False)
    for group, of in chosen:
        console.print(f"[bold]{count(len(of), 'document')}[/], alike to {group.similarity:.0%} or more")
        for document in of:
            changed = f"{document.changed_at:%Y-%m-%d}" if document.changed_at else "no date   "
            place = escape(f"{document.source}: {document.uri}")
            console.print(
                f"  {changed}  {escape(document.title)}  ({place})\n              {escape(document.url)}"
            )
    console.print(
        "\nKeep one of each group, and take the others out of their source, or leave them out with 'exclude'."
        if chosen
        else "No two documents say nearly the same."
    )


def _load(transaction: Transaction, ids: Sequence[str]) -> Mapping[str, DuplicateDocument]:
    row = DocumentRow
    documents: dict[str, DuplicateDocument] = {}
    for start in range(0, len(ids), MAX_IDS):
        some = [UUID(id_) for id_ in ids[start : start + MAX_IDS]]
        query = select(row.id, row.source, row.uri, row.title, row.url, row.updated_at).where(row.id.in_(some))
        for id_, source, uri, title, url, changed_at in transaction.execute(query):
            documents[id_.hex] = DuplicateDocument(source, uri, title, url, changed_at)
    return documents


def _sort(group: DuplicateGroup, documents: Mapping[str, DuplicateDocument]) -> list[DuplicateDocument]:
    """Returns the documents of a group that are still there, the newest first."""
    there = [documents[id_] for id_ in group.document_ids if id_ in documents]
    ordered = sorted(there, key=lambda document: (document.source, document.uri))
    return sorted(ordered, key=lambda document: document.changed_at or _NO_DATE, reverse=True)


def _concerns(documents: Sequence[DuplicateDocument], source: str | None) -> bool:
    return len(documents) > 1 and source in {None, *(document.source for document in documents)}
