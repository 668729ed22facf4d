"""What people thought of an answer."""

from uuid import UUID

from sqlalchemy import text

from agent.clock import new_id
from agent.store.database import Transaction

_RATE = text("""
INSERT INTO feedback (id, turn_id, user_id, rating, comment)
SELECT :id, turns.id, :user_id, :rating, :comment FROM turns WHERE turns.id = :turn_id
ON CONFLICT (turn_id, user_id) DO UPDATE
SET rating = excluded.rating, updated_at = now(),
    comment = CASE WHEN excluded.rating = feedback.rating
                   THEN coalesce(excluded.comment, feedback.comment) ELSE excluded.comment END
""")


def rate(
    transaction: Transaction, *, turn_id: UUID, user_id: str, rating: int, comment: str | None = None
) -> None:
    """Stores a person's verdict, 1 or -1; a later one replaces it, one on an unknown turn is dropped."""
    values = {"id": new_id(), "turn_id": turn_id, "user_id": user_id, "rating": rating, "comment": comment}
    transaction.execute(_RATE, values)
