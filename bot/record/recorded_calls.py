"""Changes what is stored of model calls that have ended, for the sake of a person who is forgotten.

Bodies are stored under their hash, and shared: a changed one is stored under its own, the calls are made to refer
to it, and the old one is deleted where nothing else refers to it.
"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from agent.store import blobs, retention
from agent.store.database import Database, Transaction

Change = Callable[[Any], Any]  # returns the same body where nothing is to be changed

_BODIES = text("SELECT hash, body FROM blobs WHERE hash = ANY(:hashes)")
_CALLS = text("""
SELECT model_calls.id, request.body, response_hash, request_hash
FROM model_calls JOIN turns ON turns.id = turn_id JOIN blobs AS request ON request.hash = request_hash
WHERE (CAST(:session_id AS uuid) IS NULL OR session_id = :session_id)
  AND (CAST(:workspace AS text) IS NULL OR workspace = :workspace)
  AND (response_hash = ANY(:hashes) OR request.body -> 'messages' ?| CAST(:hashes AS text[]))
""")
_POINT = text("UPDATE model_calls SET request_hash = :request, response_hash = :response WHERE id = :id")


def rewrite(
    database: Database,
    hashes: Sequence[str],
    change: Change,
    *,
    session_id: UUID | None = None,
    workspace: str | None = None,
) -> None:
    """Changes those of the bodies that ``change`` changes, in all calls or those of one session or workspace."""
    with database.transaction() as transaction:
        bodies = transaction.execute(_BODIES, {"hashes": list(hashes)}).all()
        changed = {hash_: new for hash_, body in bodies if (new := change(body)) != body}
        if not changed:
            return
        renamed = dict(zip(changed, blobs.put(transaction, list(changed.values())), strict=True))
        old = _point(transaction, renamed, session_id, workspace)
    retention.delete_unused(database, [*renamed, *old])


def _point(
    transaction: Transaction, renamed: dict[str, str], session_id: UUID | None, workspace: str | None
) -> list[str]:
    """Makes the calls refer to the new bodies; returns the hashes of the requests that they had."""
    values = {"session_id": session_id, "workspace": workspace, "hashes": list(renamed)}
    calls = transaction.execute(_CALLS, values).all()
    for id_, request, response, old in calls:
        names = [renamed.get(name, name) for name in request["messages"]]
        new = old if names == request["messages"] else blobs.put(transaction, [{**request, "messages": names}])[0]
        transaction.execute(_POINT, {"id": id_, "request": new, "response": renamed.get(response, response)})
    return [call[3] for call in calls]
