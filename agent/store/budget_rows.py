"""The rows of budgets and holds: how they are created, locked, held from and charged.

Promises: rows of budgets are locked in the order of their ids, and created before any is locked. Which budgets pay
and how much is held is decided by :mod:`agent.store.budgets`.
"""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from agent.clock import new_id
from agent.errors import OverBudget
from agent.store.database import Transaction, count_rows
from agent.store.sessions import Turn
from agent.store.tables import BudgetHoldRow, BudgetPeriod, BudgetRow, BudgetScope, HoldPurpose


class PayingBudget(NamedTuple):
    """One budget that pays for a turn."""

    scope: BudgetScope
    subject: str
    period: BudgetPeriod
    starts_on: date
    limit_usd: Decimal

    def key(self) -> dict[str, str | date]:
        """Returns the columns that identify its row."""
        return {
            "scope": self.scope,
            "subject": self.subject,
            "period": self.period,
            "starts_on": self.starts_on,
        }


class LockedBudget(NamedTuple):
    """A row of ``budgets`` as locked, with its limit."""

    id: UUID
    scope: BudgetScope
    period: BudgetPeriod
    starts_on: date
    spent_usd: Decimal
    held_usd: Decimal
    limit_usd: Decimal

    @property
    def room_usd(self) -> Decimal:
        """Returns what can still be held."""
        return self.limit_usd - self.spent_usd - self.held_usd


class EndedHold(NamedTuple):
    """A hold that is over."""

    usd: Decimal
    purpose: str
    budget_ids: list[UUID]


_WANTED = """
FROM budgets JOIN unnest(
    CAST(:scopes AS text[]), CAST(:subjects AS text[]), CAST(:periods AS text[]), CAST(:starts AS date[]),
    CAST(:limits AS numeric[])
) AS wanted (scope, subject, period, starts_on, limit_usd)
  ON budgets.scope = wanted.scope AND budgets.subject = wanted.subject AND budgets.period = wanted.period
     AND budgets.starts_on = wanted.starts_on
"""
_COUNT = text(f"SELECT count(*) {_WANTED}")
_LOCK = text(f"""
SELECT budgets.id, budgets.scope, budgets.period, budgets.starts_on, spent_usd, held_usd, limit_usd {_WANTED}
ORDER BY budgets.id FOR UPDATE OF budgets
""")
_TAKE = text("""
UPDATE budgets SET held_usd = held_usd + :usd
FROM unnest(:ids, CAST(:limits AS numeric[])) AS wanted (id, limit_usd)
WHERE budgets.id = wanted.id AND spent_usd + held_usd + :usd <= limit_usd
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))


def create_missing(transaction: Transaction, budgets: Sequence[PayingBudget]) -> None:
    """Creates the missing rows. It runs before any is locked: a transaction that waits for another's new row must
    hold no lock that others wait for."""
    if transaction.execute(_COUNT, _as_arrays(budgets)).scalar_one() < len(budgets):
        rows = [{"id": new_id(), **budget.key()} for budget in budgets]
        transaction.execute(insert(BudgetRow).on_conflict_do_nothing(), rows)


def lock(transaction: Transaction, budgets: Sequence[PayingBudget]) -> list[LockedBudget]:
    """Locks the rows of these budgets."""
    rows = transaction.execute(_LOCK, _as_arrays(budgets))
    return [
        LockedBudget(id_, BudgetScope(scope), BudgetPeriod(period), *rest) for id_, scope, period, *rest in rows
    ]


def hold(
    transaction: Transaction,
    turn: Turn,
    budgets: Sequence[LockedBudget],
    *,
    hold_id: UUID,
    purpose: HoldPurpose,
    usd: Decimal,
) -> None:
    """Holds the money in every budget or none: a partial hold is rolled back with the transaction."""
    ids, limits = [budget.id for budget in budgets], [budget.limit_usd for budget in budgets]
    if count_rows(transaction, _TAKE, {"usd": usd, "ids": ids, "limits": limits}) != len(ids):
        raise OverBudget("A budget for the language model is used up")
    row = {"id": hold_id, "turn_id": turn.id, "lease_token": turn.token, "purpose": purpose, "usd": usd}
    transaction.execute(insert(BudgetHoldRow).values(**row, budget_ids=ids))


def end_holds(
    transaction: Transaction, condition: ColumnElement[bool], charge: Callable[[EndedHold], Decimal]
) -> int:
    """Ends the holds that meet the condition and charges each as ``charge`` says; returns how many."""
    lists = transaction.scalars(select(BudgetHoldRow.budget_ids).where(condition)).all()
    if not lists:
        return 0
    ids = sorted({id_ for ids in lists for id_ in ids})
    transaction.execute(select(BudgetRow.id).where(BudgetRow.id.in_(ids)).order_by(BudgetRow.id).with_for_update())
    columns = (BudgetHoldRow.usd, BudgetHoldRow.purpose, BudgetHoldRow.budget_ids)
    deletion = delete(BudgetHoldRow).where(condition).returning(*columns)
    rows = transaction.execute(deletion.execution_options(synchronize_session=False))
    ended = [EndedHold(*row) for row in rows]
    for hold in ended:
        charge_budgets(transaction, hold.budget_ids, freed_usd=hold.usd, spent_usd=charge(hold))
    return len(ended)


def charge_budgets(
    transaction: Transaction, budget_ids: Sequence[UUID], *, freed_usd: Decimal, spent_usd: Decimal
) -> None:
    """Frees what was held in the budgets, and charges what was spent."""
    budgets = update(BudgetRow).where(BudgetRow.id.in_(budget_ids))
    amounts = {"held_usd": BudgetRow.held_usd - freed_usd, "spent_usd": BudgetRow.spent_usd + spent_usd}
    transaction.execute(budgets.values(amounts).execution_options(synchronize_session=False))


def _as_arrays(budgets: Sequence[PayingBudget]) -> dict[str, Sequence[str] | Sequence[date] | Sequence[Decimal]]:
    return {
        "scopes": [budget.scope for budget in budgets],
        "subjects": [budget.subject for budget in budgets],
        "periods": [budget.period for budget in budgets],
        "starts": [budget.starts_on for budget in budgets],
        "limits": [budget.limit_usd for budget in budgets],
    }
