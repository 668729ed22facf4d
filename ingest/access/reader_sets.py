"""Stores who may read a document, and tells which documents an audience may read.

A document's readers are a :class:`Readers`: one or more sets of principals, and a person reads it who is one of
*each* set. Mostly there is one set; several are what is left when a right is narrowed, such as the source's
readers of whom only a group may read this page.

Promises: an audience may read exactly the documents of whose readers *every* member is one. A document for only
*some* of them would leak to the others, because they all see the answer. What is not known, such as readers stored
a moment ago, is not readable.
"""

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from agent.store.database import Transaction
from agent.types import EVERY_WORKSPACE, EVERYONE, ONE_OF_MANY, OPERATOR, WORKSPACE, Audience
from ingest.tables import DocumentRow, ReaderSetRow, SyncRow

Readers = frozenset[frozenset[str]]  # one of each set; with no set everybody would be a reader, so there is one

MAX_AUDIENCES = 500  # remembered with what they may read

N_STORED = select(func.count()).select_from(ReaderSetRow).scalar_subquery()
_LAST_SYNC = func.coalesce(  # of its source, that was completed; else when the document was read in
    select(SyncRow.ended_at)
    .where(SyncRow.source == DocumentRow.source, SyncRow.status == "completed")
    .order_by(SyncRow.started_at.desc())
    .limit(1)
    .scalar_subquery(),
    DocumentRow.synced_at,
)
NOBODY: Readers = frozenset({frozenset()})


def one_of(principals: Iterable[str]) -> Readers:
    """Returns the readers that are one of these principals."""
    return frozenset({frozenset(principals)})


DEFAULT_READERS = one_of({EVERYONE})


def narrow(readers: Readers, further: Readers) -> Readers:
    """Returns those who are both; a set that contains another one says nothing, and is left out.

    >>> narrow(one_of({"everyone"}), one_of({"everyone", "group:S1"})) == one_of({"everyone"})
    True
    """
    sets = readers | further
    return frozenset(one for one in sets if not any(other < one for other in sets))


def is_narrower(readers: Readers, other: Readers) -> bool:
    """Returns whether these readers are among the others, whatever the principals stand for."""
    return all(any(one <= wider for one in readers) for wider in other)


def are_readers(audience: Audience, readers: Readers) -> bool:
    """Returns whether every member of an audience is one of each set; False for an audience without members.

    Who asks in one of many workspaces reads no document of which nobody has said in which it is read.

    >>> are_readers(Audience(), one_of({"everyone", "group:S1"})), are_readers(Audience(), NOBODY)
    (True, False)
    """
    members = audience.members
    if not members or not all(_is_one(member, one) for one in readers for member in members):
        return False
    return any(map(is_of_workspaces, readers)) or not any(ONE_OF_MANY in member for member in members)


def are_in(workspace: str, readers: Readers) -> bool:
    """Returns whether what is for these readers may be read in one of many workspaces.

    >>> are_in("T1", one_of({"workspace:T1"})), are_in("T2", one_of({"workspace:T1"})), are_in("T1", NOBODY)
    (True, False, False)
    """
    named = [one for one in readers if is_of_workspaces(one)]
    return bool(named) and all(one & {f"{WORKSPACE}{workspace}", EVERY_WORKSPACE} for one in named)


def to_json(readers: Readers) -> list[str] | list[list[str]]:
    """Returns the principals of the one set, else the sorted sets, as they are stored."""
    sets = sorted(sorted(one) for one in readers)
    return sets[0] if len(sets) == 1 else sets


def from_json(stored: Iterable[str | Iterable[str]]) -> Readers:
    """Reads what :func:`to_json` wrote."""
    items = list(stored)
    if any(not isinstance(item, str) for item in items):
        return frozenset(frozenset(one) for one in items)
    return one_of(str(item) for item in items)


def access_id(readers: Readers) -> str:
    """Hashes the readers (SHA-256, hex), so that equal ones have equal ids.

    >>> access_id(one_of(["team:T1", "user:U1"])) == access_id(one_of(["user:U1", "team:T1"]))
    True
    """
    return hashlib.sha256(json.dumps(to_json(readers)).encode()).hexdigest()


def store_readers(transaction: Transaction, readers: Readers) -> str:
    """Stores the readers unless they are known; returns their id."""
    id_ = access_id(readers)
    statement = insert(ReaderSetRow).values(access_id=id_, principals=to_json(readers))
    transaction.execute(statement.on_conflict_do_nothing())
    return id_


def are_for_everyone(transaction: Transaction, document_ids: Iterable[str]) -> bool:
    """Returns whether everyone may read all of these documents now; False if one of them is gone."""
    return find_unreadable(transaction, document_ids, Audience()) == frozenset()


@dataclass(frozen=True)
class DocumentDates:
    """When a document was last changed, as its source or it says itself, and when it was last compared with its
    source; None where nothing says so. A verified answer was ``verified_by`` somebody, by name, at its last
    change."""

    updated_at: datetime | None
    synced_at: datetime | None
    verified_by: str | None = None


@dataclass(frozen=True)
class DocumentsNow:
    """What is to be known of documents before an answer from them is shown: which of them some member of the
    audience may not read, or are gone, and the dates of the others, by id."""

    unreadable: frozenset[str] = frozenset()
    dates: Mapping[str, DocumentDates] = field(default_factory=dict)


def find_unreadable(transaction: Transaction, document_ids: Iterable[str], audience: Audience) -> frozenset[str]:
    """Returns which of these documents some member may not read, or are gone."""
    ids = frozenset(document_ids)
    return _find_unreadable(ids, _select_documents(transaction, ids), audience)


def look_up(transaction: Transaction, document_ids: Iterable[str], audience: Audience) -> DocumentsNow:
    """Returns the same with the dates of these documents, in one statement."""
    ids = frozenset(document_ids)
    rows = _select_documents(transaction, ids, DocumentRow.updated_at, _LAST_SYNC, DocumentRow.verified_by)
    dates = {id_.hex: DocumentDates(*of_document) for id_, _, *of_document in rows}
    unreadable = _find_unreadable(ids, rows, audience)
    return DocumentsNow(unreadable, {id_: dates[id_] for id_ in ids - unreadable if id_ in dates})


def load_versions(transaction: Transaction, document_ids: Iterable[str]) -> dict[str, str]:
    """Returns what changes with each change of these documents, by their ids; "" for one that is not known."""
    ids = sorted(set(document_ids))
    found = select(DocumentRow.id, DocumentRow.content_hash).where(DocumentRow.id.in_(map(_uuid, ids)))
    versions = {id_.hex: version for id_, version in transaction.execute(found)} if ids else {}
    return {id_: versions.get(_uuid(id_).hex, "") for id_ in ids}


def _select_documents(transaction: Transaction, ids: frozenset[str], *columns: Any) -> Sequence[Any]:
    """Selects id, principals and more of these documents; asks nothing where there are none."""
    if not ids:
        return ()
    found = select(DocumentRow.id, ReaderSetRow.principals, *columns).where(DocumentRow.id.in_(map(_uuid, ids)))
    return transaction.execute(found.join(ReaderSetRow, ReaderSetRow.access_id == DocumentRow.access_id)).all()


def _find_unreadable(ids: frozenset[str], rows: Sequence[Any], audience: Audience) -> frozenset[str]:
    readable = {row[0].hex for row in rows if are_readers(audience, from_json(row[1]))}
    return frozenset(id_ for id_ in ids if _uuid(id_).hex not in readable)


@dataclass
class ReaderSets:
    """The stored readers, remembered by their ids, and what audiences may read. Shared by threads.

    A row is never changed or deleted, so their number tells whether there are new ones.
    """

    by_id: dict[str, Readers] = field(default_factory=dict)
    _clauses: frozenset[frozenset[str]] | None = None
    _principals: frozenset[str] | None = None
    _readable: dict[Audience, tuple[str, ...]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def update(self, transaction: Transaction, n_stored: int | None = None) -> None:
        """Reads those that are new; ``n_stored`` is how many there are, where it was just read."""
        if n_stored is None:
            n_stored = transaction.scalar(select(N_STORED))
        if n_stored == len(self.by_id):
            return
        rows = transaction.execute(select(ReaderSetRow.access_id, ReaderSetRow.principals)).all()
        with self._lock:
            self.by_id = {id_: from_json(principals) for id_, principals in rows}
            self._readable, self._clauses, self._principals = {}, None, None

    def principals(self) -> frozenset[str]:
        """Returns every principal that some document names."""
        with self._lock:
            if self._principals is None:
                self._principals = frozenset(
                    name for readers in self.by_id.values() for one in readers for name in one
                )
            return self._principals

    def clauses(self) -> frozenset[frozenset[str]]:
        """Returns every set of principals that the readers of some document are to be one of, the same object
        until there are new ones."""
        with self._lock:
            if self._clauses is None:
                self._clauses = frozenset(one for readers in self.by_id.values() for one in readers)
            return self._clauses

    def readable(self, audience: Audience) -> tuple[str, ...]:
        """Returns the sorted ids of the readers of whom every member is one; none for an empty audience."""
        with self._lock:
            known, by_id = self._readable.get(audience), self.by_id
        if known is not None:
            return known
        ids = tuple(sorted(id_ for id_, readers in by_id.items() if are_readers(audience, readers)))
        with self._lock:
            if by_id is self.by_id:
                if len(self._readable) >= MAX_AUDIENCES:
                    self._readable.clear()
                self._readable[audience] = ids
        return ids


def readable_access_ids(transaction: Transaction, audience: Audience) -> list[str]:
    """Returns the sorted ids of the readers of whom every member is one; none for an empty audience."""
    sets = ReaderSets()
    sets.update(transaction)
    return list(sets.readable(audience))


def load_readers(transaction: Transaction, access_ids: Iterable[str]) -> Mapping[str, Readers]:
    """Reads who these ids stand for."""
    rows = select(ReaderSetRow.access_id, ReaderSetRow.principals).where(ReaderSetRow.access_id.in_(access_ids))
    return {id_: from_json(principals) for id_, principals in transaction.execute(rows)}


def is_of_workspaces(principals: frozenset[str]) -> bool:
    """Returns whether a set of principals says in which workspaces a document is read, and nothing else."""
    return bool(principals) and all(name.startswith(WORKSPACE) for name in principals)


def _is_one(member: frozenset[str], principals: frozenset[str]) -> bool:
    if not member.isdisjoint(principals):
        return True
    return is_of_workspaces(principals) and (EVERY_WORKSPACE in principals or OPERATOR in member)


def _uuid(document_id: str) -> UUID:
    try:
        return UUID(document_id)
    except ValueError:  # not the id of a document
        return UUID(int=0)
