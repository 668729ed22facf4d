"""What people say of single sources of an answer: that one is out of date, or wrong.

Owns what is stored, and who is to hear of it: the document's owner, else its source's, else the operators.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select, text

from agent import secrets
from agent.clock import new_id
from agent.store.database import Transaction
from ingest.documents.upkeep import Upkeep
from ingest.tables import DocumentRow
from ingest.verified import answers

MAX_SOURCES = 10  # Slack's limit of a list of checkboxes


class SourceFault(StrEnum):
    """What is said of a source."""

    OUTDATED = "outdated"
    WRONG = "wrong"


@dataclass(frozen=True)
class CitedDocument:
    """A document that an answer cites."""

    document_id: str
    title: str


@dataclass(frozen=True)
class StoredReport:
    """A report as it was stored; ``owner`` is empty where the operators hear of it."""

    title: str
    fault: SourceFault
    owner: str


_CITED = text("""
SELECT DISTINCT ON (document_id) document_id, title FROM sources WHERE turn_id = :turn_id AND is_cited
AND (:workspace = '' OR EXISTS (SELECT FROM turns WHERE turns.id = turn_id AND turns.workspace = :workspace))
ORDER BY document_id, n
""")
_STORE = text("""
INSERT INTO source_reports (id, turn_id, document_id, user_id, kind, owner, comment)
VALUES (:id, :turn_id, :document_id, :user_id, :kind, :owner, :comment)
ON CONFLICT (turn_id, document_id, user_id) DO UPDATE
SET kind = excluded.kind, comment = excluded.comment, owner = excluded.owner
WHERE source_reports.kind <> excluded.kind OR source_reports.told_at IS NULL
""")


def list_cited(transaction: Transaction, turn_id: UUID, workspace: str = "") -> list[CitedDocument]:
    """Lists the documents that a turn's answer cites, in the order of their titles; none of a turn that is not of
    ``workspace``, where many have installed the app."""
    rows = transaction.execute(_CITED, {"turn_id": turn_id, "workspace": workspace})
    return sorted((CitedDocument(*row) for row in rows), key=lambda one: (one.title, one.document_id))[
        :MAX_SOURCES
    ]


def store(
    transaction: Transaction,
    turn_id: UUID,
    user_id: str,
    *,
    faults: Mapping[str, SourceFault],
    comment: str,
    source_owners: Mapping[str, str],
    workspace: str = "",
) -> list[StoredReport]:
    """Stores what somebody says of documents, by their ids, of those that the answer cites.

    Where many workspaces have installed the app, the operators hear of sources that are not of ``workspace``
    alone: an owner's id is somebody else's in another one.
    """
    said = faults.keys()
    cited = [one for one in list_cited(transaction, turn_id, workspace) if one.document_id in said] if said else []
    owners = _find_owners(transaction, [one.document_id for one in cited], source_owners, workspace)
    stored = []
    for one in cited:
        owner, fault = owners.get(one.document_id, ""), faults[one.document_id]
        values = {"id": new_id(), "turn_id": turn_id, "document_id": one.document_id, "user_id": user_id}
        values |= {"kind": fault, "owner": owner, "comment": secrets.redact(comment) or None}
        transaction.execute(_STORE, values)
        stored.append(StoredReport(one.title, fault, owner))
    return stored


def _find_owners(
    transaction: Transaction, document_ids: Sequence[str], source_owners: Mapping[str, str], workspace: str
) -> dict[str, str]:
    if not document_ids:
        return {}
    row, ids = DocumentRow, {}
    for id_ in document_ids:
        try:
            ids[UUID(id_)] = id_
        except ValueError:  # a tool of the operator's own returned it
            continue
    rows = transaction.execute(select(row.id, row.source, row.upkeep).where(row.id.in_(ids)))
    return {
        ids[id_]: Upkeep.from_json(upkeep).owner or source_owners.get(source, "")
        for id_, source, upkeep in rows
        if not workspace or source in source_owners or source == answers.SOURCE
    }
