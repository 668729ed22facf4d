"""Ratings of answers."""

from uuid import UUID

from sqlalchemy import case, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from agent import secrets
from agent.clock import new_id
from agent.store.database import Transaction
from agent.store.tables import FeedbackRow, TurnRow


def rate(
    transaction: Transaction,
    *,
    turn_id: UUID,
    user_id: str,
    rating: int,
    comment: str | None = None,
    workspace: str | None = None,
) -> None:
    """Stores a person's rating, 1 or -1. A later one replaces it and keeps the comment of an equal one; a
    rating of an unknown turn is dropped, and one of another ``workspace`` where that is given."""
    columns = ["id", "turn_id", "user_id", "rating", "comment"]
    shown = secrets.redact(comment) if comment else comment
    values = [literal(new_id()), TurnRow.id, literal(user_id), literal(rating), literal(shown)]
    turn = select(*values).where(TurnRow.id == turn_id)
    if workspace is not None:
        turn = turn.where(TurnRow.workspace == workspace)
    new = insert(FeedbackRow).from_select(columns, turn)
    comments = func.coalesce(new.excluded.comment, FeedbackRow.comment)
    update = {
        "rating": new.excluded.rating,
        "comment": case((new.excluded.rating == FeedbackRow.rating, comments), else_=new.excluded.comment),
        "updated_at": func.now(),
    }
    transaction.execute(new.on_conflict_do_update(index_elements=["turn_id", "user_id"], set_=update))
