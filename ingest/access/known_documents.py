"""Reads the documents that are known with who may read them, and what a declaration changes of that.

Loads no index, so every process may use it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from agent.store.database import Transaction
from ingest.access import reader_sets
from ingest.access.declaration import Declaration
from ingest.access.reader_sets import Readers, ReaderSets
from ingest.tables import DocumentRow

PORTION = 1_000  # rows


@dataclass(frozen=True)
class KnownDocument:
    """A document with its readers' ids: ``access_id`` is in effect, ``listed`` are those without its front
    matter, ``declared`` those of the declaration alone (None where a change was not finished). ``own`` are the
    principals of its front matter."""

    id: UUID
    uri: str
    path: str
    access_id: str
    declared: str | None
    listed: str | None
    own: tuple[str, ...] | None


_ROW = DocumentRow
COLUMNS = (
    *(_ROW.id, _ROW.uri, _ROW.path, _ROW.access_id),
    *(_ROW.declared_access_id, _ROW.listed_access_id, _ROW.own_readers),
)


def load_known(transaction: Transaction, source: str) -> Iterator[KnownDocument]:
    """Reads every document of a source, portion by portion."""
    query = select(*COLUMNS).where(_ROW.source == source).execution_options(yield_per=PORTION)
    for row in transaction.execute(query):
        yield make_known(tuple(row))


def load_declared(transaction: Transaction, source: str) -> Readers | None:
    """Returns whom a source's documents were last declared for; of documents that differ, who may read each; None
    where there are none."""
    declared = func.coalesce(_ROW.declared_access_id, _ROW.access_id)
    ids = transaction.scalars(select(declared).where(_ROW.source == source).distinct()).all()
    readers = reader_sets.load_readers(transaction, ids).values()
    return reduce(reader_sets.narrow, readers) if readers else None


def make_known(columns: tuple[Any, ...]) -> KnownDocument:
    """Makes one of the columns :data:`COLUMNS`."""
    id_, uri, path, access_id, declared, listed, own = columns
    return KnownDocument(id_, uri, path, access_id, declared, listed, own=None if own is None else tuple(own))


def own_readers(own: tuple[str, ...] | None) -> Readers | None:
    """Returns the readers that a page names itself; nobody where it names none that there is."""
    return None if own is None else reader_sets.one_of(own)


def make_target(declaration: Declaration, by_id: Mapping[str, Readers]) -> Callable[[KnownDocument], Readers]:
    """Returns a function that tells who a document would be for, as far as that is known without a listing."""

    def target(document: KnownDocument) -> Readers:
        declared = declaration.readers_of(document.uri, document.path)
        is_as_listed = document.declared == reader_sets.access_id(declared)
        listed = by_id[document.listed or document.access_id] if is_as_listed else declared
        return declaration.combine(listed, declared, own_readers(document.own))

    return target


def count_waiting(transaction: Transaction, source: str, declaration: Declaration) -> int:
    """Counts the documents to which other readers are declared than those of their last listing.

    What the change takes away is taken away already; what it gives waits for a sync.
    """
    sets = ReaderSets()
    sets.update(transaction)
    target = make_target(declaration, sets.by_id)
    return sum(sets.by_id[document.access_id] != target(document) for document in load_known(transaction, source))
