"""Who may read a document: sets of principals, stored once under the hash of the set.

Promises: :func:`readable` names exactly the sets that *every* member of an audience may read. Reading a set
that only *some* members may read would leak it to the others, because they all see the answer.
"""

import hashlib
import json
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from agent.store.database import Transaction
from agent.types import EVERYONE, Audience
from ingest.tables import DocumentRow, ReaderSetRow

DEFAULT_READERS = frozenset({EVERYONE})


def access_id(principals: Iterable[str]) -> str:
    """SHA-256 (hex) of the sorted set, so equal sets have equal ids whatever their order."""
    return hashlib.sha256(json.dumps(sorted(set(principals))).encode()).hexdigest()


def remember(transaction: Transaction, principals: Iterable[str]) -> str:
    """Stores the set if it is new; returns its id."""
    members = sorted(set(principals))
    row = {"access_id": access_id(members), "principals": members}
    transaction.execute(insert(ReaderSetRow).values(row).on_conflict_do_nothing())
    return row["access_id"]  # type: ignore[return-value]


def are_for_everyone(transaction: Transaction, document_ids: Iterable[str]) -> bool:
    """Whether everyone may read all of these documents now; of one that is gone nobody knows, so False."""
    ids = set(document_ids)
    found = select(DocumentRow.id).join(ReaderSetRow, ReaderSetRow.access_id == DocumentRow.access_id)
    readable_ = found.where(ReaderSetRow.principals.contains([EVERYONE]), DocumentRow.id.in_(map(_uuid, ids)))
    return len(transaction.scalars(readable_).all()) == len(ids)


def readable(transaction: Transaction, audience: Audience) -> list[str]:
    """The ids of the sets every member may read, sorted; none at all for an audience without members."""
    if not audience.members:
        return []
    members = set(audience.members)
    sets = transaction.execute(select(ReaderSetRow.access_id, ReaderSetRow.principals)).all()
    return sorted(id_ for id_, principals in sets if all(not m.isdisjoint(principals) for m in members))


def _uuid(document_id: str) -> UUID:
    try:
        return UUID(document_id)
    except ValueError:  # of no document of ours
        return UUID(int=0)
