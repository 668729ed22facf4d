"""Verified answers of a channel that was public when they were given, and is not any more."""

import json

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from agent.store.database import Transaction
from agent.types import EVERYONE
from ingest.access import reader_sets
from ingest.verified.answers import SOURCE

_IS_PUBLIC = """status = 'active' AND place ? 'channel'
  AND (readers @> CAST(:everyone AS jsonb) OR readers @> jsonb_build_array(CAST(:everyone AS jsonb)))"""
_PUBLIC_PLACES = text(f"""
SELECT DISTINCT place ->> 'channel' FROM verified_answers
WHERE {_IS_PUBLIC} AND (:workspace = '' OR place ->> 'team' = :workspace)
""")
_WORKSPACES = text(f"SELECT DISTINCT place ->> 'team' FROM verified_answers WHERE {_IS_PUBLIC}")
# Also what was verified elsewhere of an answer that was given from one of the place.
_OF_PLACE = text("""
WITH RECURSIVE said (id) AS (
    SELECT id FROM verified_answers
    WHERE place ->> 'channel' = :channel AND (:workspace = '' OR place ->> 'team' = :workspace)
    UNION SELECT a.id FROM said JOIN sources ON document_id = replace(CAST(said.id AS text), '-', '')
    JOIN verified_answers a ON a.turn_id = sources.turn_id
)
SELECT a.id, a.readers, r.principals FROM said JOIN verified_answers a ON a.id = said.id
LEFT JOIN documents d ON d.id = a.id LEFT JOIN reader_sets r ON r.access_id = d.access_id
WHERE a.readers IS NOT NULL FOR UPDATE OF a
""")
_NARROW = text("UPDATE verified_answers SET readers = :readers, version = version + 1 WHERE id = :id").bindparams(
    bindparam("readers", type_=JSONB)
)
_NARROW_DOCUMENT = text("UPDATE documents SET access_id = :access_id WHERE id = :id AND source = :source")


def list_public_places(transaction: Transaction, workspace: str = "") -> list[str]:
    """Lists the channels whose answers are for all full members, because the channels were public then; those of
    one workspace, where many have installed the app."""
    values = {"everyone": json.dumps([EVERYONE]), "workspace": workspace}
    return list(transaction.scalars(_PUBLIC_PLACES, values))


def list_workspaces(transaction: Transaction) -> list[str]:
    """Lists the workspaces that have such channels."""
    return [team or "" for team in transaction.scalars(_WORKSPACES, {"everyone": json.dumps([EVERYONE])})]


def narrow_to_members(transaction: Transaction, channel: str, workspace: str = "") -> int:
    """Keeps the answers of a channel that is not public any more to those who are in it; returns how many.

    ``workspace`` is the channel's, where many have installed the app.
    """
    rows = transaction.execute(_OF_PLACE, {"channel": channel, "workspace": workspace}).all()
    n_narrowed, members = 0, reader_sets.one_of({f"channel:{channel}"})
    for id_, stored, indexed in rows:
        before = reader_sets.from_json(stored)
        after = reader_sets.narrow(before, members)
        if after != before:
            transaction.execute(_NARROW, {"id": id_, "readers": reader_sets.to_json(after)})
            if indexed is not None:  # what was said from it is kept from others before the index has it
                known = reader_sets.narrow(reader_sets.from_json(indexed), members)
                own = reader_sets.store_readers(transaction, known)
                transaction.execute(_NARROW_DOCUMENT, {"id": id_, "source": SOURCE, "access_id": own})
            n_narrowed += 1
    return n_narrowed
