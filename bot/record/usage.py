"""Sums up questions and costs by day, person, channel or model, and reads how much of each budget is used.

A failed call counts with what it was charged, one that never ended with what was held for it. Calls of the local
model cost nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import text

from agent.clock import now
from agent.store.budgets import BudgetKey
from agent.store.database import Database
from agent.store.tables import BudgetPeriod, BudgetScope
from bot.slack.channels import channel_settings
from bot.slack.installation import workspace_budgets

By = Literal["user", "channel", "model", "day", "workspace"]


@dataclass(frozen=True)
class UsageRow:
    """A day, person, channel, model or workspace, by ``name``. ``n_failed`` counts turns; by model, calls."""

    name: str
    n_questions: int
    n_calls: int
    n_failed: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_usd: float
    n_estimated: int = 0  # calls whose tokens nobody counted, or which broke off: their cost is an estimate

    @property
    def cached_share(self) -> float:
        """Returns the cached share of the prompts' tokens, between 0 and 1."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


@dataclass(frozen=True)
class BudgetStatus:
    """The money spent and held of one budget, today or this month; ``limit_usd`` is None without a limit."""

    scope: str
    subject: str
    period: str
    spent_usd: float
    held_usd: float
    limit_usd: float | None

    @property
    def used_share(self) -> float | None:
        """Returns spent and held money as a share of the limit; a limit of zero counts as used up."""
        if self.limit_usd is None:
            return None
        return (self.spent_usd + self.held_usd) / self.limit_usd if self.limit_usd else 1.0


_TURNS = """
SELECT {name} AS name, count(*) AS n_questions, coalesce(sum(calls.n), 0) AS n_calls,
       count(*) FILTER (WHERE turns.status = 'failed') AS n_failed,
       sum(prompt_tokens) AS prompt_tokens, sum(cached_tokens) AS cached_tokens,
       sum(completion_tokens) AS completion_tokens, coalesce(sum(calls.n_estimated), 0) AS n_estimated,
       sum(cost_usd) AS cost_usd
FROM turns LEFT JOIN LATERAL (
    SELECT count(*) AS n, count(*) FILTER (WHERE is_estimated) AS n_estimated FROM model_calls
    WHERE turn_id = turns.id
) AS calls ON true
WHERE created_at >= :since AND (CAST(:workspace AS text) IS NULL OR workspace = :workspace)
GROUP BY 1 ORDER BY {order}
"""
_CALLS = """
SELECT model_calls.model AS name, count(DISTINCT turn_id) AS n_questions, count(*) AS n_calls,
       count(*) FILTER (WHERE model_calls.status = 'failed') AS n_failed,
       coalesce(sum(model_calls.prompt_tokens), 0) AS prompt_tokens,
       coalesce(sum(model_calls.cached_tokens), 0) AS cached_tokens,
       coalesce(sum(model_calls.completion_tokens), 0) AS completion_tokens,
       count(*) FILTER (WHERE model_calls.is_estimated) AS n_estimated,
       coalesce(sum(coalesce(model_calls.cost_usd, model_calls.reserved_usd)), 0) AS cost_usd
FROM turns JOIN model_calls ON turn_id = turns.id
WHERE turns.created_at >= :since AND (CAST(:workspace AS text) IS NULL OR workspace = :workspace) GROUP BY 1
UNION ALL
SELECT '(tools)', count(DISTINCT turn_id), 0, 0, 0, 0, 0, 0, sum(tool_calls.cost_usd)
FROM turns JOIN tool_calls ON turn_id = turns.id
WHERE turns.created_at >= :since AND (CAST(:workspace AS text) IS NULL OR workspace = :workspace)
  AND tool_calls.cost_usd > 0 HAVING sum(tool_calls.cost_usd) > 0
ORDER BY 9 DESC, 3 DESC, 1
"""
_MOST_FIRST = "9 DESC, 2 DESC, 1"
# Two workspaces may have people or channels of one id.
_WITH_PLACE = """{id} || CASE WHEN workspace IS NOT NULL AND (SELECT count(*) FROM workspaces) > 1
    THEN ' (' || workspace || ')' ELSE '' END"""
_QUERIES: dict[By, str] = {
    "day": _TURNS.format(name="to_char(created_at AT TIME ZONE :zone, 'YYYY-MM-DD')", order="1"),
    "user": _TURNS.format(name=_WITH_PLACE.format(id="user_id"), order=_MOST_FIRST),
    "channel": _TURNS.format(name=_WITH_PLACE.format(id="coalesce(channel, origin)"), order=_MOST_FIRST),
    "workspace": _TURNS.format(name="coalesce(workspace, origin)", order=_MOST_FIRST),
    "model": _CALLS,
}


def summarize(
    database: Database, *, by: By, since: datetime, zone: ZoneInfo, workspace: str | None = None
) -> list[UsageRow]:
    """Returns a row for each day (oldest first), person, channel, model or workspace (most expensive first) since
    then, of one workspace or all.

    By model there is also a row for what tools cost, such as the embedding of a search.
    """
    values: dict[str, Any] = {"since": since, "workspace": workspace}
    values |= {"zone": zone.key} if by == "day" else {}
    with database.transaction() as transaction:
        rows = transaction.execute(text(_QUERIES[by]), values).mappings().all()
    return [
        UsageRow(
            str(row["name"]),
            **{name: int(row[name]) for name in UsageRow.__dataclass_fields__ if name not in ("name", "cost_usd")},
            cost_usd=float(row["cost_usd"]),
        )
        for row in rows
    ]


_BUDGETS = text("""
SELECT scope, subject, period, spent_usd, held_usd FROM budgets
WHERE ((period = 'day' AND starts_on = :day) OR (period = 'month' AND starts_on = :month))
  AND (CAST(:workspace AS text) IS NULL OR split_part(subject, ':', 1) = :workspace)
ORDER BY spent_usd + held_usd DESC, subject, period
""")


def budget_statuses(
    database: Database, *, limits: Mapping[BudgetKey, Decimal], zone: ZoneInfo, workspace: str | None = None
) -> list[BudgetStatus]:
    """Returns today's and this month's budgets, the most used first; those without a limit last.

    ``limits`` are the operator's; what is set for a workspace stands in their place, and a channel may have set a
    lower one for itself.
    """
    today = now().astimezone(zone).date()
    with database.transaction() as transaction:
        values = {"day": today, "month": today.replace(day=1), "workspace": workspace}
        rows = transaction.execute(_BUDGETS, values).all()
        own = workspace_budgets.load(transaction)
        of_channels = channel_settings.load_budgets(transaction)
    known = [(row, _find_limit(row, limits, own, of_channels)) for row in rows]
    budgets = [
        _budget_status(row, limit) for row, limit in known if limit is not None or not _is_counted_only(row)
    ]
    return sorted(
        budgets, key=lambda budget: -1.0 if budget.used_share is None else budget.used_share, reverse=True
    )


def _find_limit(
    row: Any,
    limits: Mapping[BudgetKey, Decimal],
    of_workspaces: Mapping[workspace_budgets.WorkspaceBudgetKey, Decimal | None],
    of_channels: Mapping[tuple[str, BudgetPeriod], Decimal],
) -> Decimal | None:
    key = (row.subject.partition(":")[0], row.scope, row.period)
    limit = of_workspaces[key] if key in of_workspaces else limits.get((row.scope, row.period))
    own = of_channels.get((row.subject, row.period)) if row.scope == BudgetScope.CHANNEL else None
    return min((usd for usd in (limit, own) if usd is not None), default=None)


def _is_counted_only(row: Any) -> bool:
    """Returns whether it is a channel's month, which most channels have no limit for."""
    return bool(row.scope == BudgetScope.CHANNEL and row.period == BudgetPeriod.MONTH)


def _budget_status(row: Any, limit_usd: Decimal | None) -> BudgetStatus:
    limit = None if limit_usd is None else float(limit_usd)
    return BudgetStatus(row.scope, row.subject, row.period, float(row.spent_usd), float(row.held_usd), limit)
