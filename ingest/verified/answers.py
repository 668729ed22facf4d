"""Keeps verified answers in Postgres, and says which may be used now, and for whom.

Promises: an answer is used only for an audience of whom every member may read the place where it was given and,
as of now, every document that it rests on; and only while none of these has changed or is gone since it was
verified. What the index has of it only says where to look. Loads no index, so every process may use it.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import reduce
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from agent.store.database import Transaction, count_rows
from agent.types import WORKSPACE, Audience
from ingest.access import reader_sets
from ingest.access.reader_sets import Readers

SOURCE = "verified answers"  # the name of their source; no other may have it
_NOT_CITED = "(not cited)"  # the fingerprint of a document of which only the readers count


class VerifiedStatus(StrEnum):
    """How far an answer is."""

    PENDING = "pending"  # written, and not shown in its thread yet
    ACTIVE = "active"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class RestingDocument:
    """A document that a verified answer rests on. ``readers`` are those it has now, else those it had.

    ``is_same`` tells whether it is there and as it was when the answer was verified. What the corrected answer was
    made from without citing it ``is_cited`` not: it is for its readers alone, and may change. ``source`` is empty
    where it is gone.
    """

    id: str
    title: str
    url: str
    readers: Readers
    is_same: bool
    fingerprint: str = ""  # of now; empty where it is gone
    is_cited: bool = True
    source: str = ""


@dataclass(frozen=True)
class VerifiedAnswer:
    """A verified answer with the documents that it rests on; ``place`` is where it was given."""

    id: UUID
    turn_id: UUID | None
    question: str
    answer: str
    author: str
    author_name: str
    place: Mapping[str, Any]
    url: str
    own_readers: Readers | None
    status: VerifiedStatus
    version: int
    verified_at: datetime
    asked_at: datetime | None
    documents: Sequence[RestingDocument]

    @property
    def readers(self) -> Readers:
        """Returns who may know it: all who may read its place and each of its documents.

        Where these are declared for workspaces, nobody outside of its place's: ids are unique in that only.
        """
        of_place = reader_sets.NOBODY if self.own_readers is None else self.own_readers
        readers = reduce(reader_sets.narrow, (one.readers for one in self.documents), of_place)
        if self.team and any(map(reader_sets.is_of_workspaces, readers)):
            return reader_sets.narrow(readers, reader_sets.one_of({f"{WORKSPACE}{self.team}"}))
        return readers

    @property
    def team(self) -> str:
        """Returns the workspace in which it was given."""
        return str(self.place.get("team") or "")

    def is_by(self, user_id: str, workspace: str = "") -> bool:
        """Returns whether a person is its author; of many workspaces one of ``workspace``, where it was given."""
        return self.author == user_id and workspace in ("", self.team)

    @property
    def is_current(self) -> bool:
        """Returns whether nothing that it rests on has changed since it was verified."""
        return self.status is VerifiedStatus.ACTIVE and all(one.is_same for one in self.documents)

    @property
    def state_of_documents(self) -> str:
        """Returns a short name for the documents as they are now: another one once any of them changes."""
        parts = sorted(f"{one.id} {one.fingerprint}" for one in self.documents if one.is_cited)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def is_for(self, audience: Audience) -> bool:
        """Returns whether every member of an audience may know it, and it holds."""
        return self.is_current and reader_sets.are_readers(audience, self.readers)

    def is_within(self, sources: Collection[str]) -> bool:
        """Returns whether every document that it cites is of these sources, if any are named."""
        return not sources or all(one.source in sources for one in self.documents if one.is_cited)


_SELECT = f"""
SELECT a.id, a.turn_id, a.question, a.answer, a.author, a.author_name, a.place, a.url, a.readers, a.status,
       a.version, a.verified_at, a.asked_at, (
    SELECT jsonb_agg(jsonb_build_object(
        'id', v.document_id, 'title', coalesce(d.title, v.title), 'url', coalesce(d.url, ''),
        'principals', r.principals, 'fingerprint', coalesce(d.fingerprint, ''),
        'is_cited', v.fingerprint <> '{_NOT_CITED}', 'source', coalesce(d.source, ''),
        'is_same', v.fingerprint = '{_NOT_CITED}' OR d.id IS NOT NULL AND d.fingerprint = v.fingerprint)
        ORDER BY v.title, v.document_id)
    FROM verified_documents v LEFT JOIN documents d ON d.id = v.document_id
    JOIN reader_sets r ON r.access_id = coalesce(d.access_id, v.access_id) WHERE v.answer_id = a.id)
FROM verified_answers a
"""
_FIELDS = [field.name for field in fields(VerifiedAnswer)]  # in the order of these columns
_BY_ID = text(f"{_SELECT} WHERE a.id = ANY(:ids)")
_BY_TURN = text(f"{_SELECT} WHERE a.turn_id = :turn_id")
_ALL = text(f"{_SELECT} ORDER BY a.id DESC")
_HAS_CHANGED = f"""EXISTS (
    SELECT FROM verified_documents v LEFT JOIN documents d ON d.id = v.document_id
    WHERE v.answer_id = a.id AND v.fingerprint <> '{_NOT_CITED}'
    AND (d.id IS NULL OR d.fingerprint <> v.fingerprint))"""
# Of an answer ``a`` whose author is to be asked whether it still holds.
IS_TO_REVIEW = f"a.status = 'active' AND a.asked_at IS NULL AND {_HAS_CHANGED}"
_CHANGED = text(
    f"{_SELECT} WHERE {IS_TO_REVIEW} AND (:workspace = '' OR a.place ->> 'team' = :workspace) ORDER BY a.id"
)


def parse_ids(document_ids: Iterable[str]) -> list[UUID]:
    """Returns those of the ids that are documents': a tool of the operator's own may return others."""
    ids = []
    for document_id in document_ids:
        with suppress(ValueError):
            ids.append(UUID(document_id))
    return ids


def load(transaction: Transaction, ids: Collection[UUID]) -> dict[UUID, VerifiedAnswer]:
    """Loads answers by their ids; those that are not there are left out."""
    if not ids:
        return {}
    return {row[0]: _make(row) for row in transaction.execute(_BY_ID, {"ids": list(ids)})}


def load_of_turn(transaction: Transaction, turn_id: UUID) -> VerifiedAnswer | None:
    """Loads the answer that corrects a turn's."""
    row = transaction.execute(_BY_TURN, {"turn_id": turn_id}).one_or_none()
    return _make(row) if row else None


def load_all(transaction: Transaction) -> list[VerifiedAnswer]:
    """Loads every answer, the latest first."""
    return [_make(row) for row in transaction.execute(_ALL)]


def load_changed(transaction: Transaction, workspace: str = "") -> list[VerifiedAnswer]:
    """Loads the answers of which something they rest on has changed, and whose authors were not asked yet; those
    of one workspace, where many have installed the app."""
    return [_make(row) for row in transaction.execute(_CHANGED, {"workspace": workspace})]


_OUT_OF_STEP = text(f"""
SELECT EXISTS (
    SELECT FROM verified_answers a WHERE a.status = 'active' AND NOT {_HAS_CHANGED}
    AND NOT EXISTS (SELECT FROM documents o WHERE o.id = a.id AND o.fingerprint = a.version::text)
) OR EXISTS (
    SELECT FROM documents o LEFT JOIN verified_answers a ON a.id = o.id AND a.status = 'active'
    WHERE o.source = :source AND (a.id IS NULL OR {_HAS_CHANGED})
) OR EXISTS (
    SELECT FROM verified_documents v JOIN documents d ON d.id = v.document_id
    JOIN documents o ON o.id = v.answer_id WHERE d.access_set_at > o.synced_at
)
""")


def is_index_behind(transaction: Transaction) -> bool:
    """Returns whether the index has other verified answers, or other readers of them, than it should."""
    return bool(transaction.scalar(_OUT_OF_STEP, {"source": SOURCE}))


_ANY = text("SELECT EXISTS (SELECT FROM verified_answers)")


def has_any(transaction: Transaction) -> bool:
    """Returns whether there is any verified answer, in use or not."""
    return bool(transaction.scalar(_ANY))


@dataclass(frozen=True)
class WrittenAnswer:
    """What a person writes: the question, its answer, and where that stands."""

    question: str
    answer: str
    author: str
    place: Mapping[str, Any]


_WRITE = text("""
INSERT INTO verified_answers (id, turn_id, question, answer, author, place, status)
SELECT :id, turns.id, :question, :answer, :author, :place, 'pending' FROM turns
WHERE turns.id = :turn_id AND (:workspace = '' OR turns.workspace = :workspace)
ON CONFLICT (turn_id) DO UPDATE SET question = excluded.question, answer = excluded.answer,
    author = excluded.author, author_name = '', status = 'pending', verified_at = now(), asked_at = NULL,
    version = verified_answers.version + 1
RETURNING verified_answers.id
""").bindparams(bindparam("place", type_=JSONB))
_REWRITE = text("""
UPDATE verified_answers SET question = :question, answer = :answer, status = 'pending', verified_at = now(),
    asked_at = NULL, version = version + 1
WHERE id = :id AND author = :author AND status <> 'withdrawn'
AND (:workspace = '' OR place ->> 'team' = :workspace)
RETURNING id
""")


def write(
    transaction: Transaction, id_: UUID, turn_id: UUID, written: WrittenAnswer, workspace: str = ""
) -> UUID | None:
    """Stores an answer that corrects a turn's, in the place of an earlier one; it is not used before
    :func:`activate`. Returns its id; None where the turn is gone, or is not of ``workspace``, where many have
    installed the app."""
    values = {"id": id_, "turn_id": turn_id, "question": written.question, "answer": written.answer}
    values |= {"author": written.author, "place": dict(written.place), "workspace": workspace}
    found: UUID | None = transaction.scalar(_WRITE, values)
    return found


def rewrite(
    transaction: Transaction, id_: UUID, *, question: str, answer: str, author: str, workspace: str = ""
) -> bool:
    """Stores what an answer's author has changed in it; returns False where it is not theirs, or not used."""
    values = {"id": id_, "question": question, "answer": answer, "author": author, "workspace": workspace}
    return transaction.scalar(_REWRITE, values) is not None


_ACTIVATE = text("""
UPDATE verified_answers SET status = 'active', readers = :readers, url = :url, author_name = :author_name
WHERE id = :id AND version = :version AND status = 'pending' RETURNING id
""").bindparams(bindparam("readers", type_=JSONB))
# What it has rested on before stays: whoever changes an answer does not change what its words come from.
_KEEP_DOCUMENTS = text(f"""
WITH resting (id, is_cited) AS (
    SELECT unnest(CAST(:documents AS uuid[])), true UNION ALL SELECT unnest(CAST(:known AS uuid[])), false
    UNION ALL SELECT document_id, fingerprint <> '{_NOT_CITED}' FROM verified_documents
              WHERE answer_id = ANY(:documents) OR answer_id = :id
    UNION ALL SELECT document_id, false FROM verified_documents WHERE answer_id = ANY(:known)
)
INSERT INTO verified_documents (answer_id, document_id, fingerprint, access_id, title)
SELECT :id, d.id, CASE WHEN bool_or(is_cited) THEN d.fingerprint ELSE '{_NOT_CITED}' END, d.access_id, d.title
FROM documents d JOIN resting ON resting.id = d.id WHERE d.source <> :source GROUP BY d.id
ON CONFLICT (answer_id, document_id) DO UPDATE
SET fingerprint = excluded.fingerprint, access_id = excluded.access_id, title = excluded.title
""")
_GONE = text("""
DELETE FROM verified_documents v USING reader_sets r
WHERE v.answer_id = :id AND r.access_id = v.access_id
AND NOT EXISTS (SELECT FROM documents d WHERE d.id = v.document_id) RETURNING r.principals
""")
_OWN = text("SELECT readers FROM verified_answers WHERE id = ANY(:ids) AND readers IS NOT NULL")
_UNKNOWN = text("""
SELECT EXISTS (SELECT FROM unnest(CAST(:documents AS uuid[])) AS given (id)
               WHERE NOT EXISTS (SELECT FROM documents d WHERE d.id = given.id)
               AND NOT EXISTS (SELECT FROM verified_answers a WHERE a.id = given.id))
""")


def activate(
    transaction: Transaction,
    answer: VerifiedAnswer,
    *,
    readers: Readers,
    members: Readers,
    documents: Iterable[str],
    known: Iterable[str] = (),
    url: str,
    author_name: str,
) -> bool:
    """Lets a written answer be used, from its documents as they are now, unless it was written anew meanwhile.

    ``readers`` are those of its place, ``members`` those who are in it themselves: they alone know what rests on a
    document of which nothing is left. Of another verified answer among the ``documents``, what that rests on
    counts; documents that are gone leave their readers behind. Of what was ``known`` without being cited, only the
    readers count.
    """
    cited, uncited = parse_ids(documents), parse_ids(known)
    ids = [*cited, *uncited]
    if ids and transaction.scalar(_UNKNOWN, {"documents": ids}):
        readers = reader_sets.narrow(readers, members)
    others = transaction.scalars(_OWN, {"ids": [answer.id, *ids]}).all()
    values = {"id": answer.id, "source": SOURCE, "documents": cited, "known": uncited}
    transaction.execute(_KEEP_DOCUMENTS, values)
    gone = transaction.scalars(_GONE, values).all()
    readers = reduce(reader_sets.narrow, map(reader_sets.from_json, [*others, *gone]), readers)
    values = {"id": answer.id, "version": answer.version, "url": url, "author_name": author_name}
    return transaction.scalar(_ACTIVATE, values | {"readers": reader_sets.to_json(readers)}) is not None


_CONFIRM = text("""
UPDATE verified_answers SET verified_at = now(), asked_at = NULL, version = version + 1, readers = :readers
WHERE id = :id AND status = 'active'
""").bindparams(bindparam("readers", type_=JSONB))


def confirm(transaction: Transaction, answer: VerifiedAnswer) -> None:
    """Lets an answer be used again, with its documents as they are now: its author says that it still holds."""
    values = {"id": answer.id, "source": SOURCE, "documents": [], "known": []}
    transaction.execute(_KEEP_DOCUMENTS, values)
    gone = transaction.scalars(_GONE, values).all()
    own = answer.own_readers or reader_sets.NOBODY
    readers = reduce(reader_sets.narrow, map(reader_sets.from_json, gone), own)
    transaction.execute(_CONFIRM, {"id": answer.id, "readers": reader_sets.to_json(readers)})


_WITHDRAW = text("UPDATE verified_answers SET status = 'withdrawn' WHERE id = :id AND status <> 'withdrawn'")


def withdraw(transaction: Transaction, id_: UUID) -> bool:
    """Takes an answer out of use; returns whether it was in use."""
    return count_rows(transaction, _WITHDRAW, {"id": id_}) > 0


_NOTE_ASKED = text("UPDATE verified_answers SET asked_at = now() WHERE id = :id AND version = :version")


def note_asked(transaction: Transaction, answer: VerifiedAnswer) -> None:
    """Stores that the author was asked whether the answer still holds."""
    transaction.execute(_NOTE_ASKED, {"id": answer.id, "version": answer.version})


_ASK_AGAIN = text("UPDATE verified_answers SET asked_at = NULL WHERE id = :id AND version = :version")


def ask_again(transaction: Transaction, answer: VerifiedAnswer) -> None:
    """Forgets that the author was asked: they were asked about other documents than there are now."""
    transaction.execute(_ASK_AGAIN, {"id": answer.id, "version": answer.version})


def _make(row: Sequence[Any]) -> VerifiedAnswer:
    values = dict(zip(_FIELDS, row, strict=True))
    values["own_readers"] = None if values["own_readers"] is None else reader_sets.from_json(values["own_readers"])
    values["status"] = VerifiedStatus(values["status"])
    values["documents"] = tuple(_make_document(one) for one in values["documents"] or ())
    return VerifiedAnswer(**values)


def _make_document(stored: Mapping[str, Any]) -> RestingDocument:
    return RestingDocument(
        UUID(stored["id"]).hex,
        stored["title"],
        stored["url"],
        reader_sets.from_json(stored["principals"]),
        stored["is_same"],
        stored["fingerprint"],
        stored["is_cited"],
        stored["source"],
    )
