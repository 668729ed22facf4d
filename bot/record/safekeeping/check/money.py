"""Whether budgets have counted what the record says was spent and is held.

What was deleted from the record stays counted, so a budget may have counted more than there is, and never less.
Only today's and this month's budgets limit anything, and are looked at.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, text

from agent.clock import new_id, now
from agent.store.database import Database
from agent.text import count
from agent.types import SCHEDULED
from bot.record.safekeeping.check.finding import CheckedPart, Fault
from ingest.sync import store

BUDGETS = "budgets"
TOLERATED_USD = Decimal("0.01")  # a call that lapsed is counted as held, and recorded as it was billed
TOLERATED_SHARE = Decimal("0.01")

_COUNT = text("SELECT count(*) FROM budgets")
_HELD = """
WITH held AS (
    SELECT budget_id, sum(usd) AS usd FROM budget_holds, unnest(budget_ids) AS budget_id GROUP BY budget_id
)
"""
_HELD_WRONGLY = text(f"""
{_HELD} SELECT budgets.id, held_usd, coalesce(held.usd, 0) FROM budgets LEFT JOIN held ON budget_id = budgets.id
WHERE held_usd <> coalesce(held.usd, 0) ORDER BY budgets.id
""")
# Whoever holds or frees money has the budgets' rows locked: with these locked, the holds are what they were.
_LOCK = text("SELECT id FROM budgets WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
_SET_HELD = text(f"""
{_HELD} UPDATE budgets SET held_usd = coalesce((SELECT usd FROM held WHERE budget_id = budgets.id), 0)
WHERE id = ANY(:ids)
""")
_SPENT = text(f"""
WITH costs AS (
    SELECT workspace, user_id, channel, origin, call.cost_usd AS usd, call.started_at AS at
    FROM model_calls AS call
    JOIN turns ON turns.id = turn_id WHERE call.started_at >= :month AND call.cost_usd > 0
    UNION ALL
    SELECT workspace, user_id, channel, origin, call.cost_usd, call.created_at FROM tool_calls AS call
    JOIN turns ON turns.id = turn_id WHERE call.created_at >= :month AND call.cost_usd > 0
), charged AS (
    SELECT coalesce(workspace, '') AS workspace, user_id, channel, origin, usd, at >= :day AS is_today FROM costs
), recorded AS (
    SELECT 'person' AS scope, workspace || ':' || user_id AS subject, 'day' AS period, usd FROM charged
    WHERE is_today AND origin <> '{SCHEDULED}'
    UNION ALL SELECT 'channel', workspace || ':' || channel, 'day', usd FROM charged
    WHERE is_today AND channel IS NOT NULL
    UNION ALL SELECT 'channel', workspace || ':' || channel, 'month', usd FROM charged WHERE channel IS NOT NULL
    UNION ALL SELECT 'workspace', workspace, 'day', usd FROM charged WHERE is_today
    UNION ALL SELECT 'workspace', workspace, 'month', usd FROM charged
), total AS (
    SELECT scope, subject, period, CASE period WHEN 'day' THEN CAST(:today AS date) ELSE :first END AS starts_on,
           sum(usd) AS usd
    FROM recorded GROUP BY scope, subject, period
)
SELECT scope, subject, period, total.starts_on, total.usd, coalesce(spent_usd, 0) AS spent_usd
FROM total LEFT JOIN budgets USING (scope, subject, period, starts_on)
WHERE total.usd - coalesce(spent_usd, 0) > greatest(:tolerated, total.usd * :share)
ORDER BY scope, subject, period
""")
_RAISE = text("""
INSERT INTO budgets (id, scope, subject, period, starts_on, spent_usd)
VALUES (:id, :scope, :subject, :period, :starts_on, :usd)
ON CONFLICT (scope, subject, period, starts_on)
DO UPDATE SET spent_usd = greatest(budgets.spent_usd, excluded.spent_usd)
""")


def check_budgets(database: Database, zone: ZoneInfo, *, repairs: bool) -> CheckedPart:
    """Compares the budgets with the money that is held, and with what was recorded as spent."""
    with database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        n_budgets = transaction.scalar(_COUNT) or 0
        held = transaction.execute(_HELD_WRONGLY).all()
        spent = transaction.execute(_SPENT, _make_moments(zone)).all()
    if repairs:
        _repair(database, held, spent)
    faults = []
    if held:
        text_ = f"{count(len(held), 'budget')} with more or less money held than open calls hold"
        faults.append(Fault(text_, len(held), "set to what they hold", is_repaired=repairs))
    if spent:
        first = spent[0]
        example = f"{first.scope} {first.subject}, {first.period}: ${first.spent_usd:.2f} of ${first.usd:.2f}"
        text_ = f"{count(len(spent), 'budget')} that counted less than was spent ({example})"
        faults.append(Fault(text_, len(spent), "set to what was spent", is_repaired=repairs))
    return CheckedPart(BUDGETS, count(n_budgets, "budget"), faults)


def _make_moments(zone: ZoneInfo) -> dict[str, object]:
    """Returns when today and this month began, where the operator is."""
    today = now().astimezone(zone).date()
    first = today.replace(day=1)
    return {
        "today": today,
        "first": first,
        "day": datetime(today.year, today.month, today.day, tzinfo=zone),
        "month": datetime(first.year, first.month, first.day, tzinfo=zone),
        "tolerated": TOLERATED_USD,
        "share": TOLERATED_SHARE,
    }


def _repair(database: Database, held: Sequence[Row[Any]], spent: Sequence[Row[Any]]) -> None:
    ids = [row[0] for row in held]
    with database.transaction() as transaction:
        if ids:
            transaction.execute(_LOCK, {"ids": ids})
            transaction.execute(_SET_HELD, {"ids": ids})
    for row in spent:
        values = {name: getattr(row, name) for name in ("scope", "subject", "period", "starts_on", "usd")}
        with database.transaction() as transaction:
            transaction.execute(_RAISE, {"id": new_id(), **values})
