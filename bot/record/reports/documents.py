"""The documents that answers of a time rest on: how often each was cited and rated down, and whether it is stale.

Counts answers that the report may tell of, and leaves out documents that not everybody who reads it may read.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from agent.store.database import Transaction
from agent.types import Audience
from bot.record.reports.scope import ReportScope
from ingest.access import reader_sets
from ingest.documents.upkeep import Staleness, Upkeep, find_staleness
from ingest.tables import DocumentRow

_ROW = DocumentRow
COLUMNS = (_ROW.id, _ROW.source, _ROW.uri, _ROW.title, _ROW.url, _ROW.updated_at, _ROW.upkeep)


@dataclass(frozen=True)
class DocumentFigures:
    """A document, how many answers cite it, and how many people rated one of these 👎."""

    id: str
    source: str
    uri: str
    title: str
    url: str
    n_answers: int
    n_down: int
    staleness: Staleness | None
    owner: str = ""  # as its front matter says


@dataclass
class DocumentCounts:
    """How many answers cite a document, and how many people rated one of these 👎."""

    n_answers: int = 0
    n_down: int = 0


Counts = Mapping[str, DocumentCounts]  # by a document's id

_CITED = text("""
SELECT document_id, origin, channel, count(DISTINCT turns.id), count(DISTINCT feedback.id)
FROM turns JOIN sources ON sources.turn_id = turns.id AND is_cited
LEFT JOIN feedback ON feedback.turn_id = turns.id AND feedback.rating = -1
WHERE turns.created_at >= :since AND turns.created_at < :until AND origin <> 'eval'
  AND (CAST(:workspace AS text) IS NULL OR workspace = :workspace)
GROUP BY document_id, origin, channel
""")


def count_cited(transaction: Transaction, since: datetime, until: datetime, scope: ReportScope) -> Counts:
    """Counts the answers that cite each document, and their 👎."""
    counts: defaultdict[str, DocumentCounts] = defaultdict(DocumentCounts)
    rows = transaction.execute(_CITED, {"since": since, "until": until, "workspace": scope.workspace})
    for document_id, origin, channel, n_answers, n_down in rows:
        if scope.shows(origin, channel):
            counts[document_id].n_answers += n_answers
            counts[document_id].n_down += n_down
    return counts


def load_figures(
    transaction: Transaction, counts: Counts, audience: Audience | None, at: datetime
) -> list[DocumentFigures]:
    """Loads the documents that were counted, those cited most first; without an audience all that there are."""
    ids = {document_id: id_ for document_id in counts if (id_ := _parse_id(document_id))}
    if audience is not None:
        for hidden in reader_sets.find_unreadable(transaction, ids, audience):
            del ids[hidden]
    rows = transaction.execute(select(*COLUMNS).where(_ROW.id.in_(ids.values()))).all() if ids else ()
    figures = [make_figures(row, counts, at) for row in rows]
    return sorted(figures, key=lambda one: (-one.n_answers, one.title, one.id))


def make_figures(row: Sequence[Any], counts: Counts, at: datetime) -> DocumentFigures:
    """Makes the figures of a row of :data:`COLUMNS`."""
    id_, source, uri, title, url, updated_at, stored = row
    upkeep, count = Upkeep.from_json(stored), counts.get(id_.hex) or DocumentCounts()
    staleness = find_staleness(upkeep, updated_at, at)
    return DocumentFigures(
        id_.hex, source, uri, title, url, count.n_answers, count.n_down, staleness, upkeep.owner
    )


def _parse_id(document_id: str) -> UUID | None:
    try:
        return UUID(document_id)
    except ValueError:  # a tool of the operator's own returned it
        return None
