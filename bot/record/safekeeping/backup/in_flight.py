"""What was under way when a backup was made, and must end once after a restoration.

Whether a question that was open then has been answered since, nobody knows: its answer may stand in Slack. So it
is not answered again unless the operator wants that. Asked lately in Slack, it waits for a worker that looks
whether there is an answer, and says so if not (:mod:`bot.jobs.answers.restored`); any other ends at once.
Leases and claims of the machines of then are void, money that was held for them counts as spent, and syncs end:
the next one finds again what they left.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from agent.store.tables import HAS_ENDED, IS_OPEN
from agent.types import EndReason, TurnStatus

_CLOSE_CALLS = text(f"""
UPDATE model_calls SET status = 'failed', error = 'broken off: restored from a backup', finished_at = now(),
       cost_usd = model_calls.reserved_usd, is_estimated = model_calls.reserved_usd > 0
FROM turns WHERE turns.id = turn_id AND turns.{IS_OPEN} AND model_calls.status = 'started'
""")
_CHARGE_HELD = text("""
UPDATE budgets SET held_usd = 0, spent_usd = spent_usd + coalesce(
    (SELECT sum(usd) FROM budget_holds WHERE budgets.id = ANY(budget_ids) AND purpose = 'call'), 0)
WHERE held_usd <> 0
""")
_DELETE_HOLDS = text("DELETE FROM budget_holds")
_FREE = text(f"""
UPDATE turns SET status = '{TurnStatus.QUEUED}', lease_owner = NULL, lease_token = NULL, lease_until = NULL,
       run_after = now(), wake_after = now(), n_wakes = 0, attempt = 0, cost_usd = cost_usd + reserved_usd,
       reserved_usd = 0
WHERE {IS_OPEN}
""")
_MARK = text(f"""
UPDATE turns SET reason = '{EndReason.RESTORED}', edited_question = NULL, cancel_requested = false
WHERE {IS_OPEN} AND reason IS DISTINCT FROM '{EndReason.WITHDRAWN}'
  AND created_at > now() - make_interval(secs => :seconds)
  AND EXISTS (SELECT FROM deliveries WHERE turn_id = turns.id AND place ? 'channel')
""")
_END = text(f"""
UPDATE turns SET status = '{TurnStatus.FAILED}', reason = '{EndReason.RESTORED}', finished_at = now(),
       edited_question = NULL
WHERE {IS_OPEN} AND reason IS DISTINCT FROM '{EndReason.WITHDRAWN}'
  AND (NOT :asks_again OR NOT EXISTS (SELECT FROM deliveries WHERE turn_id = turns.id AND place ? 'channel'))
  AND reason IS DISTINCT FROM '{EndReason.RESTORED}'
""")
_END_SESSIONS = text(f"""
UPDATE sessions SET status = 'failed' WHERE status IN ('pending', 'running')
  AND NOT EXISTS (SELECT FROM turns WHERE session_id = sessions.id AND {IS_OPEN})
  AND EXISTS (SELECT FROM turns WHERE session_id = sessions.id AND {HAS_ENDED})
""")
_END_SYNCS = text("""
UPDATE syncs SET status = 'interrupted', problem = 'it was restored from a backup', ended_at = now(),
       touched_at = now(), options = '{}'::jsonb
WHERE ended_at IS NULL
""")
_DELETE_ITEMS = text("DELETE FROM sync_items")
_RECORD = text("""
INSERT INTO restorations (id, taken_at, release, n_open) VALUES (gen_random_uuid(), :taken_at, :release, :n_open)
""")
_COUNT_OPEN = text(f"SELECT count(*) FROM turns WHERE {IS_OPEN}")


@dataclass(frozen=True)
class OpenQuestions:
    """What became of the questions that were open: how many a worker will look after, and how many have ended."""

    n_left: int
    n_ended: int


def settle(
    connection: Connection, *, taken_at: datetime, release: str, asks_again: bool, hours: float
) -> OpenQuestions:
    """Ends what was under way, and records the restoration. Of questions asked in the last ``hours`` Slack's
    askers are told; with ``asks_again``, all that were asked in Slack wait to be answered."""
    n_open = connection.scalar(_COUNT_OPEN) or 0
    for statement in (_CLOSE_CALLS, _CHARGE_HELD, _DELETE_HOLDS, _FREE):
        connection.execute(statement)
    if not asks_again:
        connection.execute(_MARK, {"seconds": hours * 3600})
    n_ended = connection.execute(_END, {"asks_again": asks_again}).rowcount
    for statement in (_END_SESSIONS, _END_SYNCS, _DELETE_ITEMS):
        connection.execute(statement)
    connection.execute(_RECORD, {"taken_at": taken_at, "release": release, "n_open": n_open})
    return OpenQuestions(n_open - n_ended, n_ended)
