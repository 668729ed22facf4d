"""Budgets: what people, channels and the workspace may spend on models in a day or a month.

Promises: money is held before it is spent, by one UPDATE that only takes what is there, so concurrent turns
cannot overspend. A hold lapses with the lease it was taken under: what the call may have cost by then is
charged, and what was reserved for the closing call is given back. Calls that cost nothing hold nothing. What
tools cost, fractions of a cent, is not held but charged afterwards.

Days and months begin in the operator's time zone. Rows of budgets are always locked in the order of their ids.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, bindparam, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from agent.clock import new_id, now
from agent.errors import LimitReached, OverBudget
from agent.llm.request import CENTS, LEAST_COMPLETION_TOKENS, Request
from agent.settings import AgentSettings
from agent.store.database import Transaction, count_rows
from agent.store.sessions import Turn
from agent.store.tables import BudgetHoldRow, BudgetPeriod, BudgetRow, BudgetScope, HoldPurpose, TurnRow
from agent.types import Limit

BudgetKey = tuple[BudgetScope, BudgetPeriod]

UNLIMITED = Decimal(100_000)  # dollars: within the columns' precision
NOTHING = Decimal(0)
USED_UP = {
    BudgetScope.PERSON: "Your budget for the language model for {period} is used up",
    BudgetScope.CHANNEL: "This channel's budget for the language model for {period} is used up",
    BudgetScope.WORKSPACE: "The workspace's budget for the language model for {period} is used up",
}
PERIOD_NAMES = {BudgetPeriod.DAY: "today", BudgetPeriod.MONTH: "this month"}


@dataclass(frozen=True)
class Hold:
    """Money held for one call; ``max_tokens`` is the longest answer it pays for."""

    id: UUID
    usd: Decimal
    max_tokens: int


class _Budget(NamedTuple):
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


class _LockedBudget(NamedTuple):
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
        return self.limit_usd - self.spent_usd - self.held_usd


@dataclass(frozen=True)
class Budgets:
    """The operator's budgets.

    ``limits`` are dollars by scope and period; a budget without one is not limited, but counted all the same.

    Example::

        budgets = Budgets({(BudgetScope.PERSON, BudgetPeriod.DAY): Decimal(2)})
        with database.transaction() as transaction:
            hold = budgets.hold(transaction, turn, request, closing_usd=Decimal(0), turn_usd=Decimal(1))
        # the call
        with database.transaction() as transaction:
            settle(transaction, hold.id, usage.cost_usd)
    """

    limits: Mapping[BudgetKey, Decimal]
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    clock: Callable[[], datetime] = now

    @staticmethod
    def from_settings(settings: AgentSettings) -> "Budgets":
        """Reads the budgets that the operator set."""
        amounts = {
            (BudgetScope.PERSON, BudgetPeriod.DAY): settings.budget_person_day_usd,
            (BudgetScope.CHANNEL, BudgetPeriod.DAY): settings.budget_channel_day_usd,
            (BudgetScope.WORKSPACE, BudgetPeriod.DAY): settings.budget_workspace_day_usd,
            (BudgetScope.WORKSPACE, BudgetPeriod.MONTH): settings.budget_workspace_month_usd,
        }
        limits = {key: amount for key, amount in amounts.items() if amount is not None}
        return Budgets(limits, ZoneInfo(settings.time_zone))

    def hold(
        self, transaction: Transaction, turn: Turn, request: Request, *, closing_usd: Decimal, turn_usd: Decimal
    ) -> Hold:
        """Holds what ``request`` may cost, and reserves ``closing_usd`` for the turn's closing call.

        ``turn_usd`` is what the turn itself may still spend. Little money makes the answer shorter; too little
        for a short one raises :class:`OverBudget`, which names the budget, or :class:`LimitReached` for the
        turn's own limit. The caller may then :func:`lapse` the holds of crashed turns and try again, each in a
        transaction of its own: the locks of this one must not wait for others' rows.
        """
        if request.model.price.is_free:
            return Hold(new_id(), NOTHING, request.max_completion_tokens)
        self._create_rows(transaction, turn)
        # The reservation for the closing call is made again, for the transcript as it is now.
        _settle(transaction, _is_closing_of(turn.id), lambda hold: NOTHING)
        return self._take(transaction, turn, request, closing_usd, turn_usd)

    def _take(
        self, transaction: Transaction, turn: Turn, request: Request, closing_usd: Decimal, turn_usd: Decimal
    ) -> Hold:
        each = request.model.price.completion
        fixed = request.bound_prompt_usd() + closing_usd
        least = fixed + min(LEAST_COMPLETION_TOKENS, request.max_completion_tokens) * each
        if turn_usd < least:
            raise LimitReached(Limit.COST)
        budgets = self._lock(transaction, turn)
        short = [budget for budget in budgets if budget.room_usd < least]
        if short:
            raise OverBudget(self._describe(short))
        n_tokens = request.max_completion_tokens
        if each:
            affordable = (min([*(budget.room_usd for budget in budgets), turn_usd]) - fixed) / each
            n_tokens = min(n_tokens, int(affordable.to_integral_value(ROUND_DOWN)))
        usd = (fixed - closing_usd + n_tokens * each).quantize(CENTS, ROUND_DOWN)
        hold = Hold(new_id(), usd, n_tokens)
        _hold(transaction, turn, budgets, hold_id=hold.id, purpose=HoldPurpose.CALL, usd=usd)
        if closing_usd:
            _hold(transaction, turn, budgets, hold_id=new_id(), purpose=HoldPurpose.CLOSING, usd=closing_usd)
        return hold

    def spend(self, transaction: Transaction, turn: Turn, usd: Decimal) -> None:
        """Charges what a tool's services cost: fractions of a cent, known only afterwards, so nothing is
        held."""
        if usd:
            self._create_rows(transaction, turn)
            ids = [budget.id for budget in self._lock(transaction, turn)]
            _charge(transaction, ids, freed_usd=NOTHING, spent_usd=usd)

    def _create_rows(self, transaction: Transaction, turn: Turn) -> None:
        """Creates the missing rows before any is locked: a transaction that waits for another's new row must
        hold no lock that others wait for."""
        budgets = self._list(turn)
        if transaction.execute(_COUNT, _as_arrays(budgets)).scalar_one() < len(budgets):
            rows = [{"id": new_id(), **budget.key()} for budget in budgets]
            transaction.execute(insert(BudgetRow).on_conflict_do_nothing(), rows)

    def _lock(self, transaction: Transaction, turn: Turn) -> list[_LockedBudget]:
        """Locks the turn's budgets of today and this month."""
        rows = transaction.execute(_LOCK, _as_arrays(self._list(turn)))
        return [_LockedBudget(*row) for row in rows]

    def _list(self, turn: Turn) -> list[_Budget]:
        today = self.clock().astimezone(self.zone).date()
        return [
            _Budget(scope, subject, period, _start_of(today, period), self.limits.get((scope, period), UNLIMITED))
            for scope, subject, period in _list_payers(turn)
        ]

    def _describe(self, short: Iterable[_LockedBudget]) -> str:
        """Describes the used-up budget that opens last."""
        day, budget = max(
            ((_end_of(budget.starts_on, budget.period), budget) for budget in short), key=lambda pair: pair[0]
        )
        when = f"{day:%A}, {day.day} {day:%B}, 00:00 ({self.zone.key})"
        sentence = USED_UP[BudgetScope(budget.scope)].format(period=PERIOD_NAMES[BudgetPeriod(budget.period)])
        return f"{sentence}; it opens again on {when}"


def settle(transaction: Transaction, hold_id: UUID, spent_usd: Decimal) -> None:
    """Ends a call's hold: charges ``spent_usd`` and frees the rest. A hold that lapsed was charged already."""
    _settle(transaction, BudgetHoldRow.id == hold_id, lambda hold: spent_usd)


def release(transaction: Transaction, turn_id: UUID) -> None:
    """Ends a turn's holds: charges calls that never ended as held, and frees the closing call's reservation."""
    _settle(transaction, BudgetHoldRow.turn_id == turn_id, _charge_calls)


def lapse(transaction: Transaction) -> int:
    """Ends the holds of leases that ran out or were given up; returns how many."""
    return _settle(transaction, _has_lapsed(), _charge_calls)


def _list_payers(turn: Turn) -> Iterator[tuple[BudgetScope, str, BudgetPeriod]]:
    workspace = turn.workspace or ""
    yield BudgetScope.PERSON, f"{workspace}:{turn.user_id}", BudgetPeriod.DAY
    if turn.channel:
        yield BudgetScope.CHANNEL, f"{workspace}:{turn.channel}", BudgetPeriod.DAY
    yield BudgetScope.WORKSPACE, workspace, BudgetPeriod.DAY
    yield BudgetScope.WORKSPACE, workspace, BudgetPeriod.MONTH


def _as_arrays(budgets: Sequence[_Budget]) -> dict[str, Sequence[str] | Sequence[date] | Sequence[Decimal]]:
    return {
        "scopes": [budget.scope for budget in budgets],
        "subjects": [budget.subject for budget in budgets],
        "periods": [budget.period for budget in budgets],
        "starts": [budget.starts_on for budget in budgets],
        "limits": [budget.limit_usd for budget in budgets],
    }


def _start_of(day: date, period: BudgetPeriod) -> date:
    return day if period == BudgetPeriod.DAY else day.replace(day=1)


def _end_of(starts_on: date, period: str) -> date:
    if period == BudgetPeriod.DAY:
        return starts_on + timedelta(days=1)
    return (starts_on.replace(day=1) + timedelta(days=32)).replace(day=1)


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


def _hold(
    transaction: Transaction,
    turn: Turn,
    budgets: Sequence[_LockedBudget],
    *,
    hold_id: UUID,
    purpose: HoldPurpose,
    usd: Decimal,
) -> None:
    """Takes the money from every budget or none: a partial take is rolled back with the transaction."""
    ids, limits = [budget.id for budget in budgets], [budget.limit_usd for budget in budgets]
    if count_rows(transaction, _TAKE, {"usd": usd, "ids": ids, "limits": limits}) != len(ids):
        raise OverBudget("A budget for the language model is used up")
    row = {"id": hold_id, "turn_id": turn.id, "lease_token": turn.token, "purpose": purpose, "usd": usd}
    transaction.execute(insert(BudgetHoldRow).values(**row, budget_ids=ids))


def _is_closing_of(turn_id: UUID) -> ColumnElement[bool]:
    return and_(BudgetHoldRow.turn_id == turn_id, BudgetHoldRow.purpose == HoldPurpose.CLOSING)


def _has_lapsed() -> ColumnElement[bool]:
    is_lost = or_(
        TurnRow.lease_token.is_distinct_from(BudgetHoldRow.lease_token), TurnRow.lease_until < func.now()
    )
    return select(TurnRow.id).where(TurnRow.id == BudgetHoldRow.turn_id, is_lost).exists()


class _EndedHold(NamedTuple):
    usd: Decimal
    purpose: str
    budget_ids: list[UUID]


def _charge_calls(hold: _EndedHold) -> Decimal:
    return hold.usd if hold.purpose == HoldPurpose.CALL else NOTHING


def _settle(
    transaction: Transaction, condition: ColumnElement[bool], charge: Callable[[_EndedHold], Decimal]
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
    ended = [_EndedHold(*row) for row in rows]
    for hold in ended:
        _charge(transaction, hold.budget_ids, freed_usd=hold.usd, spent_usd=charge(hold))
    return len(ended)


def _charge(
    transaction: Transaction, budget_ids: Sequence[UUID], *, freed_usd: Decimal, spent_usd: Decimal
) -> None:
    budgets = update(BudgetRow).where(BudgetRow.id.in_(budget_ids))
    amounts = {"held_usd": BudgetRow.held_usd - freed_usd, "spent_usd": BudgetRow.spent_usd + spent_usd}
    transaction.execute(budgets.values(amounts).execution_options(synchronize_session=False))
