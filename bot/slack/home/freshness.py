"""What is indexed and how fresh it is: for a person what they may read, for operators all sources and problems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT

from agent.store.database import Transaction
from agent.types import Audience
from ingest.access import reader_sets
from ingest.sync import reports
from ingest.sync.reports import LatestSync


@dataclass(frozen=True)
class ReadableSource:
    """A source of which a person may read so many documents, and when it was last compared in full."""

    name: str
    n_documents: int
    synced_at: datetime | None


@dataclass(frozen=True)
class SourceState:
    """A source as operators see it. ``every`` is how often it is synced, empty where that is not declared."""

    name: str
    n_documents: int
    n_problems: int
    latest: LatestSync | None
    every: str


_READABLE = text("""
SELECT source, count(*),
       coalesce((SELECT max(ended_at) FROM syncs WHERE syncs.source = documents.source AND status = 'completed'),
                max(synced_at))
FROM documents WHERE access_id = ANY(:access_ids) AND n_chunks > 0 GROUP BY source ORDER BY source
""").bindparams(bindparam("access_ids", type_=ARRAY(TEXT)))
_COUNTS = text("""
SELECT source, count(*), count(*) FILTER (WHERE coalesce(hidden_because, problem) IS NOT NULL)
FROM documents GROUP BY source
""")


def load_readable(transaction: Transaction, audience: Audience) -> list[ReadableSource]:
    """Loads the sources that have something which the whole audience may read, and nothing of the others."""
    access_ids = reader_sets.readable_access_ids(transaction, audience)
    return [ReadableSource(*row) for row in transaction.execute(_READABLE, {"access_ids": access_ids})]


def load_states(
    transaction: Transaction, declared: Mapping[str, str], *, only_declared: bool = False
) -> Sequence[SourceState]:
    """Loads all sources: with documents, synced ever, or ``declared`` with how often they are synced; or else
    ``only_declared`` ones."""
    counts = {name: (n, n_problems) for name, n, n_problems in transaction.execute(_COUNTS)}
    latest = {sync.source: sync for sync in reports.load_latest(transaction)}
    known = frozenset() if only_declared else counts.keys() | latest.keys()
    names = sorted(known | declared.keys())
    return [
        SourceState(name, *counts.get(name, (0, 0)), latest.get(name), declared.get(name, "")) for name in names
    ]
