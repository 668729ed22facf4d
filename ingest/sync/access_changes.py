"""Changes who may read known documents: in the index and in their rows.

Promises that a right is taken away at once, by a declaration before its source is listed and by a listing before
it is judged; that it is given by a good listing alone, and to no text that the source has replaced since; and that
a change which is killed is finished by the next sync.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import TextClause, text, update

from agent.clock import now
from agent.errors import UserError
from agent.store.database import Database
from agent.text import count
from ingest.access import known_documents, principals, reader_sets
from ingest.access.declaration import Declaration
from ingest.access.known_documents import KnownDocument
from ingest.access.reader_sets import Readers, ReaderSets
from ingest.index.active_index import ActiveIndex
from ingest.sources.connector import WITHDRAWN
from ingest.sync import store
from ingest.tables import DocumentRow

MAX_IDS = 500  # documents named in one statement


@dataclass(frozen=True)
class _NewAccess:
    """What many documents get: their readers, and other columns of their rows. ``is_in_index`` tells that the
    index has these readers."""

    readers: Readers
    columns: tuple[tuple[str, str | None], ...]
    is_in_index: bool


@dataclass(frozen=True)
class _Listed:
    """What a listing says of a known document: its readers without front matter, and what is stored of it.

    Where it ``is_changed``, the index has another content than the source.
    """

    access_id: str
    declared: str | None
    path: str
    hidden_because: str | None
    is_changed: bool


_Change = tuple[KnownDocument, _NewAccess]


class AccessChanges:
    """The changes of one sync; counts the documents whose readers are others in the end."""

    def __init__(self, active_index: ActiveIndex, source: str, declaration: Declaration, sync_id: UUID) -> None:
        self._active_index = active_index
        self._database: Database = active_index.database
        self._declaration = declaration
        self._parameters = {"source": source, "sync": sync_id}
        self._source = source
        self._sync_id = sync_id
        self._sets = ReaderSets()
        self._readers: dict[UUID, tuple[Readers, Readers]] = {}  # before and now
        self._read_anew: set[UUID] = set()

    def count(self) -> tuple[int, int]:
        """Returns of how many documents the readers were narrowed, and widened."""
        counted = (readers for id_, readers in self._readers.items() if id_ not in self._read_anew)
        changed = [readers for readers in counted if readers[0] != readers[1]]
        n_widened = sum(principals.is_wider(after, before) for before, after in changed)
        return len(changed) - n_widened, n_widened

    def narrow_to_declaration(self) -> None:
        """Takes away the rights that the declaration does not give, of every known document."""
        self._apply_locked(self._find_undeclared())

    def narrow_to_listing(self) -> None:
        """Takes away the rights that a listing does not give, be it whole or not."""
        for statement in (_LISTED, _WITHDRAWN):
            self._apply_locked(self._find_unlisted(statement))

    def set_listed(self) -> None:
        """Gives known documents the readers of a good listing; the caller holds the index's lock.

        One with another content gets them when that is read, and is counted then: whom it is for now need not be
        whom the text was for that the index still has.
        """
        self._apply(self._find_listed())

    def note(self, error: UserError) -> None:
        """Adds to an error that ends the sync what was taken away all the same."""
        n_narrowed, _ = self.count()
        if n_narrowed:
            error.args = (f"{error} But the readers of {count(n_narrowed, 'document')} were narrowed already.",)

    def _find_undeclared(self) -> Iterator[_Change]:
        with self._database.transaction() as transaction:
            store.allow_slow_statements(transaction)
            self._sets.update(transaction)
            target = known_documents.make_target(self._declaration, self._sets.by_id)
            for document in known_documents.load_known(transaction, self._source):
                readers = reader_sets.narrow(self._sets.by_id[document.access_id], target(document))
                yield from self._change(document, readers, declared_access_id=document.declared)

    def _find_unlisted(self, statement: TextClause) -> Iterator[_Change]:
        for document, listed in self._read(statement):
            before = self._sets.by_id[document.access_id]
            hidden = {"hidden_because": listed.hidden_because} if listed.hidden_because else {}
            is_withdrawn = statement is _WITHDRAWN
            further = self._sets.by_id[listed.access_id] if is_withdrawn else self._combine(document, listed)
            readers = reader_sets.narrow(before, further)
            yield from self._change(document, readers, declared_access_id=document.declared, **hidden)

    def _find_listed(self) -> Iterator[_Change]:
        for document, listed in self._read(_LISTED):
            readers = self._combine(document, listed)
            if listed.is_changed:
                readers = reader_sets.narrow(self._sets.by_id[document.access_id], readers)
                self._read_anew.add(document.id)
            yield from self._change(
                document,
                readers,
                declared_access_id=listed.declared,
                listed_access_id=listed.access_id,
                path=listed.path,
                hidden_because=listed.hidden_because,
            )

    def _read(self, statement: TextClause) -> Iterator[tuple[KnownDocument, _Listed]]:
        with self._database.transaction() as transaction:
            store.allow_slow_statements(transaction)
            self._sets.update(transaction)
            for row in transaction.execute(statement, self._parameters):
                yield known_documents.make_known(tuple(row[:7])), _Listed(*row[7:])

    def _combine(self, document: KnownDocument, listed: _Listed) -> Readers:
        own = known_documents.own_readers(document.own)
        readers = self._sets.by_id[listed.access_id]
        declared = self._sets.by_id[listed.declared] if listed.declared else readers
        return self._declaration.combine(readers, declared, own)

    def _change(self, document: KnownDocument, readers: Readers, **columns: str | None) -> Iterator[_Change]:
        """Yields the change, unless it is none; one that was begun and not finished is made again."""
        is_same = self._sets.by_id[document.access_id] == readers and document.declared is not None
        is_more = columns.keys() != {"declared_access_id"}
        if not is_same or is_more:
            yield document, _NewAccess(readers, tuple(sorted(columns.items())), is_same)

    def _apply_locked(self, changes: Iterator[_Change]) -> None:
        with self._active_index.writer.alone():
            store.require_open(self._database, self._sync_id)
            self._apply(changes)

    def _apply(self, changes: Iterable[_Change]) -> None:
        groups: defaultdict[_NewAccess, list[UUID]] = defaultdict(list)
        for document, new in changes:
            groups[new].append(document.id)
            before = self._sets.by_id[document.access_id]
            self._readers[document.id] = (self._readers.get(document.id, (before,))[0], new.readers)
        for new, ids in groups.items():
            for i in range(0, len(ids), MAX_IDS):
                self._write(new, ids[i : i + MAX_IDS])

    def _write(self, new: _NewAccess, ids: list[UUID]) -> None:
        """Changes the index first: until then a withdrawn right is in effect, and the row must not deny that.

        The rows say meanwhile that a change has begun, so that the next sync makes it again if this one is killed.
        """
        row = DocumentRow
        values: dict[str, object] = dict(new.columns)
        with self._database.transaction() as transaction:
            access_id = reader_sets.store_readers(transaction, new.readers)
            if not values["declared_access_id"]:  # of a change that was not finished
                values["declared_access_id"] = access_id
            if not new.is_in_index:
                transaction.execute(update(row).where(row.id.in_(ids)).values(declared_access_id=None))
        if not new.is_in_index:
            self._active_index.current().index.set_access([id_.hex for id_ in ids], access_id)
            values |= {"access_id": access_id, "access_set_at": now()}
        with self._database.transaction() as transaction:
            transaction.execute(update(row).where(row.id.in_(ids)).values(values))


_KNOWN = (
    "d.id, d.uri, d.path, d.access_id, d.declared_access_id, d.listed_access_id, d.own_readers, i.access_id, "
    "i.declared_access_id, i.path, i.hidden_because, d.n_chunks > 0 AND d.fingerprint <> i.fingerprint"
)
# Known documents that are listed, perhaps under another uri, where something of their readers may change.
_CHANGED = """(
    d.listed_access_id IS DISTINCT FROM i.access_id OR d.declared_access_id IS DISTINCT FROM i.declared_access_id
    OR d.access_id <> i.access_id OR d.path <> i.path OR d.hidden_because IS DISTINCT FROM i.hidden_because
    OR d.own_readers IS NOT NULL
)"""
_LISTED = text(f"""
SELECT {_KNOWN} FROM documents d JOIN sync_items i ON i.sync_id = :sync AND i.uri = d.uri
WHERE d.source = :source AND {_CHANGED}
UNION ALL
SELECT {_KNOWN} FROM documents d JOIN sync_items i ON i.sync_id = :sync AND i.moved_from = d.id
WHERE d.source = :source AND {_CHANGED}
""")
_WITHDRAWN = text(f"""
SELECT {_KNOWN} FROM documents d
JOIN sync_items i ON i.sync_id = :sync AND i.fingerprint = '{WITHDRAWN}' AND starts_with(d.uri, i.uri)
WHERE d.source = :source AND NOT EXISTS (SELECT FROM sync_items o WHERE o.sync_id = :sync AND o.uri = d.uri)
AND NOT EXISTS (SELECT FROM sync_items o WHERE o.sync_id = :sync AND o.moved_from = d.id)
""")
