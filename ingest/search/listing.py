"""Lists documents: by source, by part of a title, the latest first.

Promises that documents outside the given access ids are not listed, not counted, and their sources not named.
Lists only documents that contain text, because search finds only those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select

from agent.store.database import Transaction
from ingest.tables import DocumentRow

Order = Literal["recent", "title"]


@dataclass(frozen=True)
class DocumentEntry:
    """A document in a listing. ``updated_at`` is None where its source does not say."""

    document_id: str
    title: str
    source: str
    url: str
    updated_at: datetime | None


@dataclass(frozen=True)
class Listing:
    """A page of documents. ``n_found`` counts all that match; ``sources`` are all that may be read."""

    documents: tuple[DocumentEntry, ...]
    n_found: int
    sources: tuple[str, ...]


def list_documents(
    transaction: Transaction,
    access_ids: Sequence[str],
    *,
    source: str,
    title: str,
    order: Order,
    limit: int,
    within: Sequence[str] = (),
    without: str = "",
) -> Listing:
    """Lists the documents of a source with a part of a title, in any case; an empty text matches all.

    Those of other sources than ``within`` are not there, if any are named; nor are those of the source
    ``without``, which are no documents to people.
    """
    row = DocumentRow
    is_readable = [row.access_id.in_(access_ids), row.n_chunks > 0, row.source != without]
    if within:
        is_readable.append(row.source.in_(within))
    conditions = [*is_readable]
    if source:
        conditions.append(row.source == source)
    if title:
        conditions.append(row.title.icontains(title, autoescape=True))
    query = select(row).where(*conditions).limit(limit)
    if order == "recent":
        query = query.order_by(row.updated_at.desc().nulls_last())
    query = query.order_by(func.lower(row.title).collate("C"), row.source, row.uri)
    sources = select(row.source.collate("C")).where(*is_readable).distinct().order_by(row.source.collate("C"))
    return Listing(
        documents=tuple(_entry(document) for document in transaction.scalars(query)),
        n_found=transaction.scalar(select(func.count()).select_from(row).where(*conditions)) or 0,
        sources=tuple(transaction.scalars(sources)),
    )


def _entry(row: DocumentRow) -> DocumentEntry:
    return DocumentEntry(row.id.hex, row.title, row.source, row.url, row.updated_at)
