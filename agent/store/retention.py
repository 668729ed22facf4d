"""Retention: deletes what is older than the operator wants to keep, and what one person asked.

A turn is deleted when it ended before a given moment, with everything recorded about it; a session with its
last turn; a blob with the last model call that refers to it; a budget when its day or month ended before that
day. Promises: each batch is one short transaction, complete in itself, so that the next run finishes what a
killed run began; open turns are not touched; a blob that another transaction is about to refer to stays. When
to run is the caller's decision.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from agent.store import locks
from agent.store.database import Database, Transaction
from agent.store.tables import HAS_ENDED

BATCH_TURNS = 100  # of 5 calls each, in a record of 63,000 calls: 0.09 s, of which steps wait for 0.06 s
LOCK_TRIES, LOCK_PAUSE_SECONDS = 100, 0.02  # steps keep the shared lock for milliseconds

Forget = Callable[[Transaction, Sequence[UUID]], None]


@dataclass(frozen=True)
class Pruned:
    """How many rows were deleted, or would be."""

    n_turns: int = 0
    n_sessions: int = 0
    n_bodies: int = 0
    n_budgets: int = 0

    def __bool__(self) -> bool:
        return any((self.n_turns, self.n_sessions, self.n_bodies, self.n_budgets))

    def __add__(self, other: "Pruned") -> "Pruned":
        return Pruned(
            self.n_turns + other.n_turns,
            self.n_sessions + other.n_sessions,
            self.n_bodies + other.n_bodies,
            self.n_budgets + other.n_budgets,
        )


_OLD = f"created_at < :before AND finished_at < :before AND {HAS_ENDED}"
_CHOOSE = text(f"SELECT id, session_id FROM turns WHERE {_OLD} ORDER BY created_at LIMIT :limit FOR UPDATE")
_CHOOSE_PERSON = text(f"""
SELECT id, session_id FROM turns WHERE user_id = :user_id AND {HAS_ENDED}
  AND (CAST(:workspace AS text) IS NULL OR workspace = :workspace)
ORDER BY created_at LIMIT :limit FOR UPDATE
""")
_CHOOSE_WORKSPACE = text(f"""
SELECT id, session_id FROM turns WHERE workspace = :workspace AND {HAS_ENDED}
ORDER BY created_at LIMIT :limit FOR UPDATE
""")
_DELETE_TURNS = text("DELETE FROM turns WHERE id = ANY(:ids)")
# Two statements: only the second sees a turn that was stored while the first waited for the session's row.
_LOCK_SESSIONS = text("SELECT id FROM sessions WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
_DELETE_SESSIONS = text("""
DELETE FROM sessions WHERE id = ANY(:ids) AND NOT EXISTS (SELECT 1 FROM turns WHERE session_id = sessions.id)
RETURNING id
""")
_DELETE_BUDGETS = text("""
DELETE FROM budgets WHERE id IN (
    SELECT id FROM budgets
    WHERE starts_on + CASE period WHEN 'day' THEN interval '1 day' ELSE interval '1 month' END <= :day
      AND held_usd = 0 ORDER BY id FOR UPDATE
) RETURNING id
""")


def prune(
    database: Database, *, before: datetime, day: date, forget: Forget, batch_turns: int = BATCH_TURNS
) -> Pruned | None:
    """Deletes one batch of turns that ended before ``before``, and budgets that had ended on ``day``.

    ``forget`` deletes other rooms' rows about these turns, in the same transaction. Returns None when another
    process is pruning: try again. An empty result says that nothing is left.
    """
    try:
        with database.transaction() as transaction:
            _take(transaction, locks.PRUNE)
            n_budgets = len(transaction.execute(_DELETE_BUDGETS, {"day": day}).all())
            chosen = transaction.execute(_CHOOSE, {"before": before, "limit": batch_turns}).all()
            return _delete(transaction, chosen, forget) + Pruned(n_budgets=n_budgets)
    except _Busy:
        return None


def prune_person(
    database: Database,
    user_id: str,
    *,
    forget: Forget,
    workspace: str | None = None,
    batch_turns: int = BATCH_TURNS,
) -> Pruned | None:
    """Deletes one batch of the ended turns that a person asked, in one workspace or all; returns the same as
    :func:`prune`."""
    values = {"user_id": user_id, "workspace": workspace, "limit": batch_turns}
    return _prune_chosen(database, _CHOOSE_PERSON, values, forget)


def prune_workspace(
    database: Database, workspace: str, *, forget: Forget, batch_turns: int = BATCH_TURNS
) -> Pruned | None:
    """Deletes one batch of the ended turns of a workspace; returns the same as :func:`prune`."""
    return _prune_chosen(database, _CHOOSE_WORKSPACE, {"workspace": workspace, "limit": batch_turns}, forget)


def _prune_chosen(
    database: Database, choose: TextClause, values: Mapping[str, object], forget: Forget
) -> Pruned | None:
    try:
        with database.transaction() as transaction:
            _take(transaction, locks.PRUNE)
            return _delete(transaction, transaction.execute(choose, values).all(), forget)
    except _Busy:
        return None


def delete_unused(database: Database, hashes: Sequence[str]) -> int:
    """Deletes those of the bodies that no model call refers to any more; none while others write all the time."""
    try:
        with database.transaction() as transaction:
            return _delete_blobs(transaction, hashes)
    except _Busy:
        return 0


def _delete(transaction: Transaction, chosen: Iterable[Sequence[Any]], forget: Forget) -> Pruned:
    """Deletes turns, given with their sessions, and everything that nothing else refers to."""
    session_of: dict[UUID, UUID] = {row[0]: row[1] for row in chosen}
    if not session_of:
        return Pruned()
    ids = list(session_of)
    hashes = _list_hashes(transaction, ids)
    forget(transaction, ids)
    transaction.execute(_DELETE_TURNS, {"ids": ids})
    n_bodies = _delete_blobs(transaction, hashes)
    return Pruned(len(ids), _delete_sessions(transaction, set(session_of.values())), n_bodies)


_COUNT = text(f"""
WITH old AS (SELECT session_id FROM turns WHERE {_OLD}),
     gone AS (SELECT session_id FROM old GROUP BY session_id
              HAVING count(*) = (SELECT count(*) FROM turns WHERE turns.session_id = old.session_id))
SELECT (SELECT count(*) FROM old), (SELECT count(*) FROM gone)
""")


def count_prunable(database: Database, *, before: datetime) -> Pruned:
    """Counts the turns and sessions that would be deleted."""
    with database.transaction() as transaction:
        n_turns, n_sessions = transaction.execute(_COUNT, {"before": before}).one()
        return Pruned(n_turns, n_sessions)


_BODIES = text("""
WITH calls AS (SELECT request_hash, response_hash FROM model_calls WHERE turn_id = ANY(:ids)),
     requests AS (SELECT body FROM blobs WHERE hash IN (SELECT request_hash FROM calls))
SELECT request_hash FROM calls
UNION SELECT response_hash FROM calls WHERE response_hash IS NOT NULL
UNION SELECT jsonb_array_elements_text(body -> 'messages') FROM requests
      WHERE jsonb_typeof(body -> 'messages') = 'array'
UNION SELECT body ->> 'tools' FROM requests WHERE jsonb_typeof(body -> 'tools') = 'string'
""")
# One search in ix_blobs_requests for each hash. By its own choice the planner joins all hashes with all requests
# (OFFSET 0 forbids that), or reads the table by another index until it finds a row that does not exist: minutes.
_BY_INDEX = (text("SET LOCAL enable_seqscan = off"), text("SET LOCAL enable_indexscan = off"))
_NAMED = """EXISTS (
    SELECT 1 FROM blobs AS request JOIN model_calls ON request_hash = request.hash
    WHERE (request.body -> 'messages') IS NOT NULL AND request.body @> jsonb_build_object({name}) OFFSET 0)"""
_UNUSED = text(f"""
SELECT given.hash FROM unnest(CAST(:hashes AS text[])) AS given (hash)
WHERE NOT EXISTS (SELECT 1 FROM model_calls WHERE request_hash = given.hash OFFSET 0)
  AND NOT EXISTS (SELECT 1 FROM model_calls WHERE response_hash = given.hash OFFSET 0)
  AND NOT {_NAMED.format(name="'messages', jsonb_build_array(given.hash)")}
  AND NOT {_NAMED.format(name="'tools', given.hash")}
""")
_DELETE_BODIES = text("DELETE FROM blobs WHERE hash = ANY(:hashes) RETURNING hash")


def _list_hashes(transaction: Transaction, turn_ids: Sequence[UUID]) -> list[str]:
    """Lists the hashes of all blobs that these turns' model calls refer to."""
    return list(transaction.scalars(_BODIES, {"ids": turn_ids}))


def _delete_blobs(transaction: Transaction, hashes: Sequence[str]) -> int:
    """Deletes the blobs without a reference. Most that are in use are excluded before taking the lock that
    steps wait for."""
    for setting in _BY_INDEX:
        transaction.execute(setting)
    unused = _find_unused(transaction, hashes)
    _take(transaction, locks.BLOBS, tries=LOCK_TRIES)
    return len(transaction.execute(_DELETE_BODIES, {"hashes": _find_unused(transaction, unused)}).all())


def _find_unused(transaction: Transaction, hashes: Sequence[str]) -> list[str]:
    return list(transaction.scalars(_UNUSED, {"hashes": list(hashes)}))


def _delete_sessions(transaction: Transaction, session_ids: set[UUID]) -> int:
    ids = {"ids": sorted(session_ids)}
    transaction.execute(_LOCK_SESSIONS, ids)
    return len(transaction.execute(_DELETE_SESSIONS, ids).all())


class _Busy(Exception):
    """Another transaction has the lock."""


def _take(transaction: Transaction, lock: str, *, tries: int = 1) -> None:
    """Polls for the lock instead of queueing for it: a queued exclusive request would block later shared
    ones."""
    for _ in range(tries):
        if locks.try_lock(transaction, lock):
            return
        time.sleep(LOCK_PAUSE_SECONDS)
    raise _Busy
