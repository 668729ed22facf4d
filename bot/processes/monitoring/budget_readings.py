"""How the budgets stand, for metrics: dollars of workspaces, and how many people and channels have none left."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from agent.observability.metrics import Metric, MetricKind, Reading
from agent.store.budgets import Budgets
from agent.store.database import Transaction
from agent.store.tables import BudgetPeriod, BudgetScope
from bot.slack.installation import workspace_budgets
from bot.slack.installation.workspace_budgets import WorkspaceBudgetKey

LIMIT = Metric(
    MetricKind.READING,
    "docent_budget_limit_usd",
    "Dollars that a workspace may spend in a day or month",
    ["period"],
)
LEFT = Metric(
    MetricKind.READING,
    "docent_budget_left_usd",
    "Dollars of it that are neither spent nor held; of several workspaces, of the one with the least left",
    ["period"],
)
USED_UP = Metric(
    MetricKind.READING,
    "docent_budgets_used_up",
    "Budgets of today and this month of which less than a cent is left, by whose they are",
    ["scope", "period"],
)
CENT = Decimal("0.01")

_BUDGETS = text("""
SELECT scope, subject, period, spent_usd + held_usd AS used_usd FROM budgets
WHERE (period = 'day' AND starts_on = :day) OR (period = 'month' AND starts_on = :month)
""")


def read(transaction: Transaction, budgets: Budgets) -> Iterator[Reading]:
    """Yields limits and rests of the workspaces' budgets, and how many budgets are used up."""
    today = budgets.clock().astimezone(budgets.zone).date()
    rows = transaction.execute(_BUDGETS, {"day": today, "month": today.replace(day=1)}).all()
    own = workspace_budgets.load(transaction)
    limits = [(row, _find_limit(row, budgets, own)) for row in rows]
    tightest = {period: _find_tightest(limits, budgets, period) for period in BudgetPeriod}
    known = {period: pair for period, pair in tightest.items() if pair}
    yield Reading(LIMIT, [((period,), float(limit)) for period, (limit, _) in known.items()])
    yield Reading(LEFT, [((period,), float(left)) for period, (_, left) in known.items()])
    counts = {(scope, period): 0 for scope in BudgetScope for period in BudgetPeriod}
    for row, limit in limits:
        if limit is not None and limit - row.used_usd < CENT:
            counts[BudgetScope(row.scope), BudgetPeriod(row.period)] += 1
    yield Reading(USED_UP, list(counts.items()))


def _find_limit(row: Any, budgets: Budgets, own: Mapping[WorkspaceBudgetKey, Decimal | None]) -> Decimal | None:
    key = (row.subject.partition(":")[0], row.scope, row.period)
    operators: Decimal | None = budgets.limits.get((BudgetScope(row.scope), BudgetPeriod(row.period)))
    return own.get(key, operators)


def _find_tightest(
    limits: list[tuple[Any, Decimal | None]], budgets: Budgets, period: BudgetPeriod
) -> tuple[Decimal, Decimal] | None:
    """Returns the limit and the rest of the workspace with the least left; of one that has spent nothing, all."""
    pairs = [
        (limit, max(limit - row.used_usd, Decimal(0)))
        for row, limit in limits
        if limit is not None and (row.scope, row.period) == (BudgetScope.WORKSPACE, period)
    ]
    operators = budgets.limits.get((BudgetScope.WORKSPACE, period))
    if not pairs:
        return (operators, operators) if operators is not None else None
    return min(pairs, key=lambda pair: pair[1])
