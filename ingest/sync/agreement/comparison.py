"""Compares the documents that Postgres knows with the passages that the index has, and mends what differs.

Promises bounded memory: documents are compared by ranges of their ids, each of a few ten thousand passages. A
difference counts once it is seen while nobody writes: a sync writes the index before the rows. Where the two
differ in who may read a document, it is for those who may by both.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, select, update

from agent.clock import now
from agent.store.database import Transaction
from ingest.access import reader_sets
from ingest.index import scan
from ingest.index.active_index import ActiveIndex
from ingest.index.scan import DocumentVersion
from ingest.index.table import Index
from ingest.sync import store
from ingest.tables import DocumentRow
from ingest.verified import answers

CHUNKS_PER_RANGE = 50_000
PREFIX_DIGITS = (0, 1, 2, 3)  # of hexadecimal ids: 1, 16, 256 or 4,096 ranges
MAX_IDS = 500  # documents named in one statement
MAX_NAMED = 3  # examples of each kind
ID_DIGITS = 32


class DifferenceKind(StrEnum):
    """What is wrong with a document."""

    NO_PASSAGES = "no passages"  # the index lacks all of them
    OTHER_PASSAGES = "other passages"  # of another text, or another number of them
    OTHER_READERS = "other readers"
    NO_DOCUMENT = "no document"  # passages of a document that is not known


@dataclass(frozen=True)
class IdRange:
    """The documents whose ids, 32 hexadecimal digits, lie between two, both included."""

    first: str
    last: str


@dataclass(frozen=True)
class DocumentDifference:
    """One document with what is wrong; ``uri`` is empty where the document is not known."""

    document_id: str
    kind: DifferenceKind
    source: str = ""
    uri: str = ""


@dataclass(frozen=True)
class DocumentComparison:
    """What was compared: documents that agree or not, and those that wait for a sync that reads them anyway."""

    n_documents: int
    n_waiting: int
    counts: Mapping[DifferenceKind, int]
    examples: Mapping[DifferenceKind, Sequence[str]]


def list_ranges(index: Index) -> list[IdRange]:
    """Lists ranges of ids that are compared one at a time; ids of documents are spread evenly."""
    n_chunks = index.n_chunks()
    digits = next((n for n in PREFIX_DIGITS if n_chunks <= CHUNKS_PER_RANGE * 16**n), PREFIX_DIGITS[-1])
    prefixes = [f"{n:0{digits}x}" if digits else "" for n in range(16**digits)]
    return [IdRange(prefix.ljust(ID_DIGITS, "0"), prefix.ljust(ID_DIGITS, "f")) for prefix in prefixes]


def compare(active: ActiveIndex, *, repairs: bool = False) -> DocumentComparison:
    """Compares all documents, and with ``repairs`` mends each difference, or marks the document to be read again
    by the next sync. Those of verified answers are left to :func:`ingest.verified.indexing.refresh`.

    Raises :class:`agent.errors.UserError` where the index cannot be read.
    """
    n_documents = n_waiting = 0
    counts, examples = Counter[DifferenceKind](), dict[DifferenceKind, list[str]]()
    for part in list_ranges(active.current().index):
        suspected, n, n_late = _compare_range(active, part)
        n_documents += n
        n_waiting += n_late
        for start in range(0, len(suspected), MAX_IDS):
            with active.writer.alone():
                found = _confirm(active, suspected[start : start + MAX_IDS])
                if repairs:
                    _repair(active, found)
            counts.update(one.kind for one in found)
            for one in found:
                named = examples.setdefault(one.kind, [])
                if len(named) < MAX_NAMED:
                    named.append(f"{one.source}: {one.uri}" if one.uri else one.document_id)
    return DocumentComparison(n_documents, n_waiting, counts, examples)


@dataclass(frozen=True)
class _Row:
    """What a document's row says."""

    id: UUID
    source: str
    uri: str
    content_hash: str
    access_id: str
    n_chunks: int


_COLUMNS = [getattr(DocumentRow, name) for name in _Row.__dataclass_fields__]


def _compare_range(active: ActiveIndex, part: IdRange) -> tuple[list[str], int, int]:
    """Returns the ids of documents that seem to differ, and how many there are in all, and waiting."""
    versions = scan.versions_between(active.current().index, part.first, part.last)
    rows = _load(active, DocumentRow.id.between(UUID(part.first), UUID(part.last)))
    found = _find(rows, versions)
    n_waiting = sum(not row.content_hash and row.n_chunks > 0 and row.id.hex not in versions for row in rows)
    return sorted({one.document_id for one in found}), len(rows), n_waiting


def _confirm(active: ActiveIndex, ids: Sequence[str]) -> list[DocumentDifference]:
    """Returns what still differs while nobody writes."""
    versions = scan.versions_of(active.current().index, ids)
    return _find(_load(active, DocumentRow.id.in_([UUID(id_) for id_ in ids])), versions)


def _load(active: ActiveIndex, where: ColumnElement[bool]) -> list[_Row]:
    with active.database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        return [_Row(*values) for values in transaction.execute(select(*_COLUMNS).where(where))]


def _find(rows: Sequence[_Row], versions: Mapping[str, DocumentVersion]) -> list[DocumentDifference]:
    found = []
    left = dict(versions)
    for row in rows:
        version = left.pop(row.id.hex, None)
        found += [DocumentDifference(row.id.hex, kind, row.source, row.uri) for kind in _judge(row, version)]
    return found + [DocumentDifference(id_, DifferenceKind.NO_DOCUMENT) for id_ in left]


def _judge(row: _Row, version: DocumentVersion | None) -> Iterator[DifferenceKind]:
    """Yields what is wrong; a row without a hash is read again by the next sync, whatever the index has."""
    if version is None:
        if row.n_chunks and row.content_hash:
            yield DifferenceKind.NO_PASSAGES
        return
    if not row.n_chunks:
        yield DifferenceKind.NO_DOCUMENT
        return
    if row.content_hash and (version.content_hash, version.n_chunks) != (row.content_hash, row.n_chunks):
        yield DifferenceKind.OTHER_PASSAGES
    if version.access_id != row.access_id:
        yield DifferenceKind.OTHER_READERS


def _repair(active: ActiveIndex, found: Sequence[DocumentDifference]) -> None:
    """Mends differences; the caller has nobody write."""
    by_kind: dict[DifferenceKind, list[DocumentDifference]] = {}
    for one in found:
        by_kind.setdefault(one.kind, []).append(one)
    unknown = by_kind.get(DifferenceKind.NO_DOCUMENT, ())
    active.current().index.remove(one.document_id for one in unknown)
    for kind in (DifferenceKind.NO_PASSAGES, DifferenceKind.OTHER_PASSAGES):
        _mark(active, [one for one in by_kind.get(kind, ()) if one.source != answers.SOURCE])
    for one in by_kind.get(DifferenceKind.OTHER_READERS, ()):
        _narrow(active, UUID(one.document_id))


def _mark(active: ActiveIndex, found: Sequence[DocumentDifference]) -> None:
    """Marks documents to be read again."""
    ids = [UUID(one.document_id) for one in found]
    with active.database.transaction() as transaction:
        transaction.execute(update(DocumentRow).where(DocumentRow.id.in_(ids)).values(content_hash=""))


def _narrow(active: ActiveIndex, id_: UUID) -> None:
    """Lets those read a document who may by its row and by the index: by the row alone where the index names
    readers that nobody knows. The next sync gives back what its source gives."""
    index, row = active.current().index, DocumentRow
    version = scan.versions_of(index, [id_.hex])[id_.hex]
    with active.database.transaction() as transaction:
        known = transaction.scalar(select(row.access_id).where(row.id == id_)) or ""
        sets = reader_sets.load_readers(transaction, [known, version.access_id])
        readers = sets[known]
        if version.access_id in sets:
            readers = reader_sets.narrow(readers, sets[version.access_id])
        access_id = reader_sets.store_readers(transaction, readers)
    index.set_access([id_.hex], access_id)
    values = {"access_id": access_id, "declared_access_id": None, "access_set_at": now()}
    with active.database.transaction() as transaction:
        transaction.execute(update(row).where(row.id == id_).values(values))


@dataclass(frozen=True)
class VerifiedComparison:
    """How many verified answers are in use, and how many the index lacks, or has and should not."""

    n_answers: int
    n_missing: int
    n_outdated: int


def compare_verified(transaction: Transaction) -> VerifiedComparison:
    """Compares the verified answers that may be used with the documents that say the index has them."""
    row = DocumentRow
    wanted = {one.id: str(one.version) for one in answers.load_all(transaction) if one.is_current}
    query = select(row.id, row.fingerprint).where(row.source == answers.SOURCE)
    there: dict[UUID, str] = dict(transaction.execute(query).all())
    n_missing = sum(there.get(id_) != version for id_, version in wanted.items())
    return VerifiedComparison(len(wanted), n_missing, len(there.keys() - wanted.keys()))
