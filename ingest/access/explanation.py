"""Explains who may read a document: who said so, since when, and why an audience may not.

Reads rows only. What is in effect is in the index; the rows say the same, or are repaired by the next sync.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select

from agent.store.database import Transaction
from agent.types import Audience
from ingest.access import known_documents, reader_sets
from ingest.access.declaration import ALL, Declaration
from ingest.access.principals import describe_readers
from ingest.access.reader_sets import Readers
from ingest.tables import DocumentRow

MAX_FOUND = 10  # documents of one title


@dataclass(frozen=True)
class DocumentAccess:
    """A document with its ``readers`` and whose say they are.

    ``declared`` and ``listed`` are None before the first sync that tells them apart, ``own`` where the page names
    none.
    """

    id: str
    source: str
    uri: str
    path: str
    title: str
    readers: Readers
    declared: Readers | None
    listed: Readers | None
    own: tuple[str, ...] | None
    since: datetime
    hidden_because: str | None


def find_documents(transaction: Transaction, reference: str) -> list[DocumentAccess]:
    """Finds up to :data:`MAX_FOUND` documents of an id, else of a uri or a link, else of a title."""
    row = DocumentRow
    for is_meant in _meanings(reference.strip()):
        query = select(row).where(is_meant).order_by(row.source, row.uri).limit(MAX_FOUND)
        if rows := transaction.scalars(query).all():
            ids = {id_ for one in rows for id_ in (one.access_id, one.declared_access_id, one.listed_access_id)}
            by_id = reader_sets.load_readers(transaction, [id_ for id_ in ids if id_])
            return [_to_access(one, dict(by_id)) for one in rows]
    return []


def explain_origin(document: DocumentAccess, declaration: Declaration | None, *, where: str) -> Iterator[str]:
    """Yields a sentence for each who has a say. ``declaration`` is today's, which stands at ``where``; None for a
    source that is not declared."""
    if document.hidden_because:
        yield f"It {document.hidden_because.partition('; ')[0]}."
    before = document.declared
    if declaration is None:
        who = describe_readers(before or document.readers)
        yield f"The command that read '{document.source}' in said: {who}."
    else:
        pattern, declared = declaration.find_rule(document.uri, document.path) or ("", reader_sets.DEFAULT_READERS)
        rule = f' of "{pattern}"' if pattern not in {"", ALL} else ""
        what = f"{where} readers{rule}" if pattern else f"No pattern of {where} matches, so it"
        yield f"{what} {'says' if pattern else 'is for'}: {describe_readers(declared)}."
        if before is not None and before != declared:
            yield (
                f"At the last good sync that was: {describe_readers(before)}. What is taken away is so already; "
                f"what is given waits for 'docent sync {document.source}'."
            )
    if document.listed and before and document.listed != before and not document.hidden_because:
        yield f"Its source lets read it: {describe_readers(document.listed)}."
    own = known_documents.own_readers(document.own)
    if own is not None:
        may_widen = declaration is not None and declaration.front_matter_may_widen
        how = "which stands in the place of the rest" if may_widen else "which only narrows the rest"
        yield f"Its front matter says: {describe_readers(own)}, {how}."


def explain_refusal(readers: Readers, audience: Audience) -> list[str]:
    """Returns what a reader must be and somebody of the audience is not; nothing where all may read it."""
    if not audience.members:
        return ["there is nobody"]
    missing = {one for one in readers for member in audience.members if member.isdisjoint(one)}
    return sorted(describe_readers(frozenset({one})) for one in missing)


def _meanings(reference: str) -> Iterator[ColumnElement[bool]]:
    row = DocumentRow
    with suppress(ValueError):
        yield row.id == UUID(reference)
    yield or_(row.uri == reference, row.url == reference)
    yield func.lower(row.title) == reference.lower()


def _to_access(row: DocumentRow, by_id: dict[str, Readers]) -> DocumentAccess:
    return DocumentAccess(
        id=row.id.hex,
        source=row.source,
        uri=row.uri,
        path=row.path,
        title=row.title,
        readers=by_id[row.access_id],
        declared=by_id.get(row.declared_access_id or ""),
        listed=by_id.get(row.listed_access_id or ""),
        own=None if row.own_readers is None else tuple(row.own_readers),
        since=row.access_set_at or row.synced_at,
        hidden_because=row.hidden_because,
    )
