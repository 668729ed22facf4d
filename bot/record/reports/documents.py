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
    n_outdated: int = 0
    n_wrong: int = 0


@dataclass
class DocumentCounts:
    """How many answers cite a document, and how many people rated one of these 👎, or said of it that it is out of
    date or wrong where no owner is to hear of that."""

    n_answers: int = 0
    n_down: int = 0
    n_outdated: int = 0
    n_wrong: int = 0


Counts = Mapping[str, DocumentCounts]  # by a document's id

_CITED = text("""
SELECT document_id, origin, channel, count(DISTINCT turns.id), count(DISTINCT feedback.id)
FROM turns JOIN sources ON sources.turn_id = turns.id AND is_cited
LEFT JOIN feedback ON feedback.turn_id = turns.id AND feedback.rating = -1
WHERE turns.created_at >= :since AND turns.created_at < :until AND origin <> 'eval'
  AND (CAST(:workspace AS text) IS NULL OR workspace = :workspace)
GROUP BY document_id, origin, channel
""")


_REPORTED = text("""
SELECT document_id, origin, channel, count(*) FILTER (WHERE kind = 'outdated'),
       count(*) FILTER (WHERE kind = 'wrong')
FROM source_reports JOIN turns ON turns.id = turn_id
WHERE owner = '' AND source_reports.created_at >= :since AND source_reports.created_at < :until
  AND (CAST(:workspace AS text) IS NULL OR workspace = :workspace)
GROUP BY document_id, origin, channel
""")


def count_cited(transaction: Transaction, since: datetime, until: datetime, scope: ReportScope) -> Counts:
    """Counts the answers that cite each document, their 👎, and what was said of it that no owner hears of."""
    counts: defaultdict[str, DocumentCounts] = defaultdict(DocumentCounts)
    values = {"since": since, "until": until, "workspace": scope.workspace}
    rows = transaction.execute(_CITED, values)
    for document_id, origin, channel, n_answers, n_down in rows:
        if scope.shows(origin, channel):
            counts[document_id].n_answers += n_answers
            counts[document_id].n_down += n_down
    for document_id, origin, channel, n_outdated, n_wrong in transaction.execute(_REPORTED, values):
        if scope.shows(origin, channel):
            counts[document_id].n_outdated += n_outdated
            counts[document_id].n_wrong += n_wrong
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
        id_.hex,
        source,
        uri,
        title,
        url,
        count.n_answers,
        count.n_down,
        staleness,
        upkeep.owner,
        count.n_outdated,
        count.n_wrong,
    )


def _parse_id(document_id: str) -> UUID | None:
    try:
        return UUID(document_id)
    except ValueError:  # a tool of the operator's own returned it
        return None
