"""What became of an answer on its way: the standing notice below it, the thread that it begins, and why it is not
where it was asked for."""

from sqlalchemy import text

from agent.store import locks, sessions
from agent.store.database import Transaction, count_rows
from agent.store.sessions import Turn

_SHOW = text("""
UPDATE turns SET notice = :notice WHERE id = :id AND NOT EXISTS (
    SELECT 1 FROM turns AS other
    WHERE other.created_at > now() - interval '1 day' AND other.id <> :id AND other.notice = :notice
      AND other.user_id = :user_id AND other.workspace IS NOT DISTINCT FROM :workspace
)
""")
_BEGIN_THREAD = text("""
UPDATE sessions SET key = :key WHERE id = :id AND NOT EXISTS (SELECT FROM sessions WHERE key = :key)
""")
_ERROR = text("SELECT delivery_error FROM turns WHERE id = :id")
_NOTE_ERROR = text("UPDATE turns SET delivery_error = :error WHERE id = :id")


def show_daily(transaction: Transaction, turn: Turn, notice: str) -> bool:
    """Stores the notice with the turn, unless the person was shown it under another one within a day; returns
    whether to show it.

    Two workers that ask for the same person at once wait for each other. Asking again gives the same answer.
    """
    locks.lock(transaction, f"notice:{turn.workspace}:{turn.user_id}")
    values = {"id": turn.id, "notice": notice, "user_id": turn.user_id, "workspace": turn.workspace}
    return count_rows(transaction, _SHOW, values) == 1


def begin_thread(transaction: Transaction, turn: Turn, key: str) -> None:
    """Gives the turn's session the ``key`` of the thread that its answer begins, so that what is asked there goes
    on from it; leaves it where somebody has asked there already."""
    transaction.execute(_BEGIN_THREAD, {"id": turn.session_id, "key": key})


def has_error(transaction: Transaction, turn: Turn) -> bool:
    """Returns whether it is stored that the answer could not go where it was asked for."""
    return transaction.scalar(_ERROR, {"id": turn.id}) is not None


def note_error(transaction: Transaction, turn: Turn, error: str) -> None:
    """Stores why the answer could not go where it was asked for, and what was done instead."""
    sessions.verify_lease(transaction, turn)
    transaction.execute(_NOTE_ERROR, {"id": turn.id, "error": error})
