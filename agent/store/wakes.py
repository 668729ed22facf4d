"""For which sessions workers are to be woken, and when again: questions that nobody has claimed."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from agent.store.database import Transaction
from agent.store.tables import IS_OPEN

WAKE_AGAIN_SECONDS = 5  # an unclaimed turn is woken again after this, then after twice this, …
WAKE_AGAIN_LIMIT_SECONDS = 60

_DUE = text(f"""
SELECT id, session_id FROM (
    SELECT DISTINCT ON (session_id) id, session_id, status, run_after, wake_after, lease_until
    FROM turns WHERE {IS_OPEN} ORDER BY session_id, seq
) AS first
WHERE wake_after <= now() AND run_after <= now()
  AND (status = 'queued' OR lease_until IS NULL OR lease_until < now())
ORDER BY id LIMIT :limit
""")
_WOKEN = text(f"""
UPDATE turns SET n_wakes = n_wakes + 1, wake_after = now() + make_interval(
    secs => least({WAKE_AGAIN_SECONDS} * power(2, least(n_wakes, 10)), {WAKE_AGAIN_LIMIT_SECONDS}))
WHERE id = ANY(:ids)
""")


def list_due(transaction: Transaction, *, limit: int = 1000) -> list[tuple[UUID, UUID]]:
    """Lists (turn, session) of each session whose first open turn is unclaimed and was not woken lately."""
    return [(row[0], row[1]) for row in transaction.execute(_DUE, {"limit": limit})]


def note_wakes(transaction: Transaction, turn_ids: Sequence[UUID]) -> None:
    """Records that workers were woken; the next wake-up waits twice as long, up to a minute."""
    transaction.execute(_WOKEN, {"ids": list(turn_ids)})
