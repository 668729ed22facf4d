"""Decides who may read documents that were just read: what is listed, and what each page says itself.

A page that cannot be read any more keeps what it said when it was read last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select

from agent.store.database import Transaction
from ingest.access import known_documents, principals, reader_sets
from ingest.access.declaration import Declaration
from ingest.access.reader_sets import Readers
from ingest.sync.reader_pool import ParsedDocument
from ingest.tables import DocumentRow


@dataclass
class PageAccess:
    """The readers' ids, and the principals of front matter, by a document's id in hex."""

    ids: dict[str, str] = field(default_factory=dict)
    own: dict[str, list[str] | None] = field(default_factory=dict)
    n_narrowed: int = 0
    n_widened: int = 0


def decide(transaction: Transaction, batch: Sequence[ParsedDocument], declaration: Declaration) -> PageAccess:
    """Returns who may read each document of a batch, and counts those whose readers are others than before."""
    before = _load_before(transaction, batch)
    items = [id_ for parsed in batch for id_ in (parsed.item.access_id, parsed.item.declared_access_id) if id_]
    by_id = reader_sets.load_readers(transaction, {*items, *(id_ for id_, _ in before.values())})
    access = PageAccess()
    for parsed in batch:
        earlier = before.get(UUID(parsed.item.moved_from) if parsed.item.moved_from else parsed.id)
        own = parsed.own_readers if parsed.document else earlier and earlier[1]
        listed = by_id[parsed.item.access_id]
        declared = by_id.get(parsed.item.declared_access_id or "", listed)
        readers = declaration.combine(listed, declared, known_documents.own_readers(own))
        access.ids[parsed.id.hex] = reader_sets.store_readers(transaction, readers)
        access.own[parsed.id.hex] = None if own is None else list(own)
        if earlier and not parsed.keeps_earlier:
            _count(access, by_id[earlier[0]], readers)
    return access


def _load_before(
    transaction: Transaction, batch: Sequence[ParsedDocument]
) -> dict[UUID, tuple[str, tuple[str, ...] | None]]:
    row = DocumentRow
    ids = [parsed.id for parsed in batch] + [UUID(p.item.moved_from) for p in batch if p.item.moved_from]
    query = select(row.id, row.access_id, row.own_readers).where(row.id.in_(ids))
    rows = transaction.execute(query)
    return {id_: (access_id, None if own is None else tuple(own)) for id_, access_id, own in rows}


def _count(access: PageAccess, before: Readers, after: Readers) -> None:
    is_changed, is_widened = before != after, principals.is_wider(after, before)
    access.n_widened += is_changed and is_widened
    access.n_narrowed += is_changed and not is_widened
