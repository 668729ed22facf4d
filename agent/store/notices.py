"""The notices that people were shown below their answers, so that a standing one is not said under each."""

from sqlalchemy import text

from agent.store import locks
from agent.store.database import Transaction, count_rows
from agent.store.sessions import Turn

_SHOW = text("""
UPDATE turns SET notice = :notice WHERE id = :id AND NOT EXISTS (
    SELECT 1 FROM turns AS other
    WHERE other.created_at > now() - interval '1 day' AND other.id <> :id AND other.notice = :notice
      AND other.user_id = :user_id AND other.workspace IS NOT DISTINCT FROM :workspace
)
""")


def show_daily(transaction: Transaction, turn: Turn, notice: str) -> bool:
    """Stores the notice with the turn, unless the person was shown it under another one within a day; returns
    whether to show it.

    Two workers that ask for the same person at once wait for each other. Asking again gives the same answer.
    """
    locks.lock(transaction, f"notice:{turn.workspace}:{turn.user_id}")
    values = {"id": turn.id, "notice": notice, "user_id": turn.user_id, "workspace": turn.workspace}
    return count_rows(transaction, _SHOW, values) == 1
