"""Which documents there are: by source, by part of a title, the latest first.

Promises that what stands outside the given access ids is not listed, not counted, and its source not named.
Lists only documents that hold text, as search finds only those.
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
    """One document. ``updated_at`` is None where its source does not tell."""

    document_id: str
    title: str
    source: str
    url: str
    updated_at: datetime | None


@dataclass(frozen=True)
class Listing:
    """``n_found`` counts all that fit, ``documents`` are the first of them; ``sources`` are all that exist."""

    documents: tuple[DocumentEntry, ...]
    n_found: int
    sources: tuple[str, ...]


def of(
    transaction: Transaction, access_ids: Sequence[str], *, source: str, title: str, order: Order, limit: int
) -> Listing:
    """An empty ``source`` or ``title`` leaves nothing out; a title is found by any part of it, in any case."""
    row = DocumentRow
    is_readable = (row.access_id.in_(access_ids), row.n_chunks > 0)
    fits = [*is_readable]
    if source:
        fits.append(row.source == source)
    if title:
        fits.append(row.title.icontains(title, autoescape=True))
    found = select(row).where(*fits).limit(limit)
    if order == "recent":
        found = found.order_by(row.updated_at.desc().nulls_last())
    found = found.order_by(func.lower(row.title).collate("C"), row.source, row.uri)
    sources = select(row.source.collate("C")).where(*is_readable).distinct().order_by(row.source.collate("C"))
    return Listing(
        documents=tuple(_entry(document) for document in transaction.scalars(found)),
        n_found=transaction.scalar(select(func.count()).select_from(row).where(*fits)) or 0,
        sources=tuple(transaction.scalars(sources)),
    )


def _entry(row: DocumentRow) -> DocumentEntry:
    return DocumentEntry(row.id.hex, row.title, row.source, row.url, row.updated_at)
