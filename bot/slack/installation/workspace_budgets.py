"""What single workspaces may spend, where the operator has set that; a change counts from the next question on."""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from agent.clock import now
from agent.store.budgets import BudgetKey
from agent.store.database import Transaction
from agent.store.tables import BudgetPeriod, BudgetScope
from bot.slack.installation.tables import WorkspaceBudgetRow

WorkspaceBudgetKey = tuple[str, str, str]  # workspace, scope, period


def store(
    transaction: Transaction,
    workspace: str,
    scope: str,
    period: str,
    limit_usd: Decimal | None,
    *,
    changed_by: str,
) -> None:
    """Stores a budget of a workspace; None is without a limit."""
    key = {"workspace": workspace, "scope": scope, "period": period}
    values = {"limit_usd": limit_usd, "changed_by": changed_by, "changed_at": now()}
    statement = insert(WorkspaceBudgetRow).values(key | values)
    transaction.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def reset(transaction: Transaction, workspace: str, scope: str, period: str) -> None:
    """Deletes it: the operator's counts again."""
    row = WorkspaceBudgetRow
    is_meant = (row.workspace == workspace, row.scope == scope, row.period == period)
    transaction.execute(delete(row).where(*is_meant))


def load(transaction: Transaction) -> Mapping[WorkspaceBudgetKey, Decimal | None]:
    """Loads every budget of a workspace."""
    row = WorkspaceBudgetRow
    rows = transaction.execute(select(row.workspace, row.scope, row.period, row.limit_usd))
    return {(workspace, scope, period): limit_usd for workspace, scope, period, limit_usd in rows}


def load_of(transaction: Transaction, workspace: str) -> Mapping[BudgetKey, Decimal | None]:
    """Loads the budgets of one workspace by scope and period."""
    row = WorkspaceBudgetRow
    rows = transaction.execute(select(row.scope, row.period, row.limit_usd).where(row.workspace == workspace))
    return {(BudgetScope(scope), BudgetPeriod(period)): limit_usd for scope, period, limit_usd in rows}
