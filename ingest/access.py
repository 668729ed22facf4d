"""Stores who may read a document: sets of principals, each once, under the hash of the set.

Promises: :func:`readable_access_ids` returns exactly the sets that *every* member of an audience may read. A set
that only *some* members may read would leak to the others, because they all see the answer.
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
    """Hashes the sorted set (SHA-256, hex), so that equal sets have equal ids.

    >>> access_id(["team:T1", "user:U1"]) == access_id(["user:U1", "team:T1"])
    True
    """
    return hashlib.sha256(json.dumps(sorted(set(principals))).encode()).hexdigest()


def store_principals(transaction: Transaction, principals: Iterable[str]) -> str:
    """Stores the set unless it is known; returns its id."""
    members = sorted(set(principals))
    id_ = access_id(members)
    statement = insert(ReaderSetRow).values(access_id=id_, principals=members)
    transaction.execute(statement.on_conflict_do_nothing())
    return id_


def are_for_everyone(transaction: Transaction, document_ids: Iterable[str]) -> bool:
    """Returns whether everyone may read all of these documents now; False if one of them is gone."""
    ids = set(document_ids)
    documents = select(DocumentRow.id).join(ReaderSetRow, ReaderSetRow.access_id == DocumentRow.access_id)
    readable = documents.where(ReaderSetRow.principals.contains([EVERYONE]), DocumentRow.id.in_(map(_uuid, ids)))
    return len(transaction.scalars(readable).all()) == len(ids)


def readable_access_ids(transaction: Transaction, audience: Audience) -> list[str]:
    """Returns the ids of the sets every member may read, sorted; none for an audience without members."""
    if not audience.members:
        return []
    members = set(audience.members)
    sets = transaction.execute(select(ReaderSetRow.access_id, ReaderSetRow.principals)).all()
    return sorted(id_ for id_, principals in sets if all(not m.isdisjoint(principals) for m in members))


def _uuid(document_id: str) -> UUID:
    try:
        return UUID(document_id)
    except ValueError:  # not the id of a document
        return UUID(int=0)
