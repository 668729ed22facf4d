"""The rows of budgets and holds: how they are created, locked, held from and charged.

Promises: rows of budgets are locked in the order of their ids, and created before any is locked. Which budgets pay
and how much is held is decided by :mod:`agent.store.budgets`.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import insert

from agent.clock import new_id
from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.store.tables import BudgetPeriod, BudgetRow, BudgetScope, HoldPurpose


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


class BudgetState(NamedTuple):
    """A row of ``budgets``, with its limit, and what the turn holds of it for its closing call."""

    id: UUID
    scope: BudgetScope
    period: BudgetPeriod
    starts_on: date
    spent_usd: Decimal
    held_usd: Decimal
    limit_usd: Decimal
    closing_usd: Decimal

    @property
    def room_usd(self) -> Decimal:
        """Returns what can still be held, where the turn's own closing call is reserved anew."""
        return self.limit_usd - self.spent_usd - self.held_usd + self.closing_usd


class NewHold(NamedTuple):
    """Money to be held, and what for."""

    id: UUID
    purpose: HoldPurpose
    usd: Decimal


_WANTED = """
FROM budgets JOIN unnest(
    CAST(:scopes AS text[]), CAST(:subjects AS text[]), CAST(:periods AS text[]), CAST(:starts AS date[]),
    CAST(:limits AS numeric[])
) AS wanted (scope, subject, period, starts_on, limit_usd)
  ON budgets.scope = wanted.scope AND budgets.subject = wanted.subject AND budgets.period = wanted.period
     AND budgets.starts_on = wanted.starts_on
"""
_COUNT = text(f"SELECT count(*) {_WANTED}")
_READ = text(f"""
SELECT budgets.id, budgets.scope, budgets.period, budgets.starts_on, spent_usd, held_usd, limit_usd,
       (SELECT coalesce(sum(usd), 0) FROM budget_holds
        WHERE turn_id = :turn_id AND purpose = '{HoldPurpose.CLOSING}') AS closing_usd
{_WANTED} ORDER BY budgets.id
""")
_HOLD = text("""
WITH locked AS MATERIALIZED (
    SELECT budgets.id, spent_usd, held_usd, limit_usd
    FROM budgets JOIN unnest(:ids, CAST(:limits AS numeric[])) AS wanted (id, limit_usd) USING (id)
    ORDER BY budgets.id FOR UPDATE OF budgets
), taken AS (
    UPDATE budgets SET held_usd = budgets.held_usd + :total_usd FROM locked
    WHERE budgets.id = locked.id AND locked.spent_usd + locked.held_usd + :total_usd <= locked.limit_usd
    RETURNING budgets.id
), held AS (
    INSERT INTO budget_holds (id, turn_id, lease_token, purpose, usd, budget_ids)
    SELECT id, :turn_id, :token, purpose, usd, :ids
    FROM unnest(:hold_ids, CAST(:purposes AS text[]), CAST(:amounts AS numeric[])) AS new (id, purpose, usd)
)
SELECT id FROM taken
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)), bindparam("hold_ids", type_=ARRAY(Uuid)))
# Holds first and then budgets, these in the order of their ids: two that end holds never wait in a circle.
_END = """
WITH picked AS MATERIALIZED (
    SELECT id, usd, {spent} AS spent_usd, budget_ids, {keeps} AS is_kept
    FROM budget_holds WHERE {condition} ORDER BY id FOR UPDATE
), deleted AS (
    DELETE FROM budget_holds WHERE id IN (SELECT id FROM picked WHERE NOT is_kept)
), emptied AS (
    UPDATE budget_holds SET usd = 0 WHERE id IN (SELECT id FROM picked WHERE is_kept)
), total AS (
    SELECT budget_id, sum(usd) AS usd, sum(spent_usd) AS spent_usd FROM picked, unnest(budget_ids) AS budget_id
    GROUP BY budget_id
), locked AS MATERIALIZED (
    SELECT id FROM budgets WHERE id IN (SELECT budget_id FROM total) ORDER BY id FOR UPDATE
), charged AS (
    UPDATE budgets SET held_usd = held_usd - total.usd, spent_usd = budgets.spent_usd + total.spent_usd
    FROM locked JOIN total ON budget_id = locked.id WHERE budgets.id = locked.id
)
SELECT count(*) FROM picked
"""
_CHARGE = text("""
WITH locked AS MATERIALIZED (
    SELECT id FROM budgets WHERE id = ANY(:ids) ORDER BY id FOR UPDATE
)
UPDATE budgets SET spent_usd = spent_usd + :usd FROM locked WHERE budgets.id = locked.id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))
CALLS_AS_HELD = f"CASE purpose WHEN '{HoldPurpose.CALL}' THEN usd ELSE 0 END"


def create_missing(transaction: Transaction, budgets: Sequence[PayingBudget]) -> bool:
    """Creates the missing rows; returns whether there were any. It runs before any is locked: a transaction that
    waits for another's new row must hold no lock that others wait for."""
    if transaction.execute(_COUNT, _as_arrays(budgets)).scalar_one() == len(budgets):
        return False
    rows = [{"id": new_id(), **budget.key()} for budget in budgets]
    transaction.execute(insert(BudgetRow).on_conflict_do_nothing(), rows)
    return True


def read(transaction: Transaction, turn: Turn, budgets: Sequence[PayingBudget]) -> list[BudgetState]:
    """Reads the rows of these budgets, which pay for the turn."""
    rows = transaction.execute(_READ, {"turn_id": turn.id, **_as_arrays(budgets)})
    return [
        BudgetState(id_, BudgetScope(scope), BudgetPeriod(period), *rest) for id_, scope, period, *rest in rows
    ]


def hold(
    transaction: Transaction, turn: Turn, budgets: Sequence[BudgetState], holds: Sequence[NewHold]
) -> list[BudgetState]:
    """Holds the money in every budget; returns those that have too little. If there are any, the transaction must
    be rolled back.

    It locks rows that many turns share: the commit should follow at once.
    """
    values = {
        "ids": [budget.id for budget in budgets],
        "limits": [budget.limit_usd for budget in budgets],
        "total_usd": sum(new.usd for new in holds),
        "turn_id": turn.id,
        "token": turn.token,
        "hold_ids": [new.id for new in holds],
        "purposes": [new.purpose for new in holds],
        "amounts": [new.usd for new in holds],
    }
    taken = set(transaction.scalars(_HOLD, values))
    return [budget for budget in budgets if budget.id not in taken]


class EndHolds:
    """A statement that ends the holds which meet a condition, and charges ``spent`` for each; both are SQL.

    Those that it ``keeps``, which is SQL too, stay without money: what was charged for them may be corrected.
    """

    def __init__(self, condition: str, *, spent: str, keeps: str = "false") -> None:
        self._statement = text(_END.format(condition=condition, spent=spent, keeps=keeps))

    def execute(self, transaction: Transaction, **values: object) -> int:
        """Ends them; returns how many there were."""
        return int(transaction.execute(self._statement, values).scalar_one())


def charge(transaction: Transaction, budget_ids: Sequence[UUID], usd: Decimal) -> None:
    """Charges each budget what was spent without being held."""
    transaction.execute(_CHARGE, {"ids": budget_ids, "usd": usd})


def _as_arrays(budgets: Sequence[PayingBudget]) -> dict[str, Sequence[str] | Sequence[date] | Sequence[Decimal]]:
    return {
        "scopes": [budget.scope for budget in budgets],
        "subjects": [budget.subject for budget in budgets],
        "periods": [budget.period for budget in budgets],
        "starts": [budget.starts_on for budget in budgets],
        "limits": [budget.limit_usd for budget in budgets],
    }
