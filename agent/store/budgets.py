"""Budgets: what people, channels and the workspace may spend on models in a day or a month.

Promises: money is held before it is spent, by one UPDATE that only takes what is there, so concurrent turns
cannot overspend. A hold lapses with the lease it was taken under: what the call may have cost by then is
charged, and what was reserved for the closing call is given back. Calls that cost nothing hold nothing. What
tools cost, fractions of a cent, is not held but charged afterwards. The turn's recorder takes a hold before each
model call; ``settle`` ends it with the call, ``release`` with the turn, ``lapse`` when its worker is gone.

Days and months begin in the operator's time zone. Rows of budgets are always locked in the order of their ids.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, or_, select

from agent.clock import new_id, now
from agent.errors import LimitReached, OverBudget
from agent.llm.request import CENTS, LEAST_COMPLETION_TOKENS, Request
from agent.settings import AgentSettings
from agent.store import budget_rows
from agent.store.budget_rows import EndedHold, LockedBudget, PayingBudget
from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.store.tables import BudgetHoldRow, BudgetPeriod, BudgetScope, HoldPurpose, TurnRow
from agent.types import Limit

BudgetKey = tuple[BudgetScope, BudgetPeriod]

UNLIMITED = Decimal(100_000)  # dollars: within the columns' precision
NOTHING = Decimal(0)
USED_UP = {
    BudgetScope.PERSON: "Your budget for the language model for {period} is used up",
    BudgetScope.CHANNEL: "This channel's budget for the language model for {period} is used up",
    BudgetScope.WORKSPACE: "The workspace's budget for the language model for {period} is used up",
}
HELD = {
    BudgetScope.PERSON: "Your other questions hold your budget for the language model while they run",
    BudgetScope.CHANNEL: "Other questions hold this channel's budget for the language model while they run",
    BudgetScope.WORKSPACE: "Other questions hold the workspace's budget for the language model while they run",
}
ASK_AGAIN = "ask again in a minute for an answer of the model"
PERIOD_NAMES = {BudgetPeriod.DAY: "today", BudgetPeriod.MONTH: "this month"}


@dataclass(frozen=True)
class Hold:
    """Money held for one call; ``max_tokens`` is the longest answer it pays for."""

    id: UUID
    usd: Decimal
    max_tokens: int


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
        for a short one raises :class:`OverBudget`, which names the budget and says whether others only hold it,
        or :class:`LimitReached` for the turn's own limit. The caller may then :func:`lapse` the holds of crashed
        turns and try again, each in a transaction of its own: the locks of this one must not wait for others'.
        """
        if request.model.price.is_free:
            return Hold(new_id(), NOTHING, request.max_completion_tokens)
        budget_rows.create_missing(transaction, self._list(turn))
        # The reservation for the closing call is made again, for the transcript as it is now.
        budget_rows.end_holds(transaction, _is_closing_of(turn.id), lambda hold: NOTHING)
        return self._take(transaction, turn, request, closing_usd, turn_usd)

    def _take(
        self, transaction: Transaction, turn: Turn, request: Request, closing_usd: Decimal, turn_usd: Decimal
    ) -> Hold:
        each = request.model.price.completion
        fixed = request.bound_prompt_usd() + closing_usd
        least = fixed + min(LEAST_COMPLETION_TOKENS, request.max_completion_tokens) * each
        if turn_usd < least:
            raise LimitReached(Limit.COST)
        budgets = budget_rows.lock(transaction, self._list(turn))
        short = [budget for budget in budgets if budget.room_usd < least]
        if used_up := [budget for budget in short if budget.limit_usd - budget.spent_usd < least]:
            raise OverBudget(self._describe(used_up))
        if short:
            raise OverBudget(f"{HELD[short[0].scope]}; {ASK_AGAIN}", is_held=True)
        n_tokens = request.max_completion_tokens
        if each:
            affordable = (min([*(budget.room_usd for budget in budgets), turn_usd]) - fixed) / each
            n_tokens = min(n_tokens, int(affordable.to_integral_value(ROUND_DOWN)))
        usd = (fixed - closing_usd + n_tokens * each).quantize(CENTS, ROUND_DOWN)
        hold = Hold(new_id(), usd, n_tokens)
        budget_rows.hold(transaction, turn, budgets, hold_id=hold.id, purpose=HoldPurpose.CALL, usd=usd)
        if closing_usd:
            budget_rows.hold(
                transaction, turn, budgets, hold_id=new_id(), purpose=HoldPurpose.CLOSING, usd=closing_usd
            )
        return hold

    def spend(self, transaction: Transaction, turn: Turn, usd: Decimal) -> None:
        """Charges what a tool's services cost: fractions of a cent, known only afterwards, so nothing is
        held."""
        if usd:
            budgets = self._list(turn)
            budget_rows.create_missing(transaction, budgets)
            ids = [budget.id for budget in budget_rows.lock(transaction, budgets)]
            budget_rows.charge_budgets(transaction, ids, freed_usd=NOTHING, spent_usd=usd)

    def _list(self, turn: Turn) -> list[PayingBudget]:
        """Lists the turn's budgets of today and this month."""
        today = self.clock().astimezone(self.zone).date()
        return [
            PayingBudget(
                scope, subject, period, _start_of(today, period), self.limits.get((scope, period), UNLIMITED)
            )
            for scope, subject, period in _list_payers(turn)
        ]

    def _describe(self, short: Iterable[LockedBudget]) -> str:
        """Describes the used-up budget that opens last."""
        day, budget = max(
            ((_end_of(budget.starts_on, budget.period), budget) for budget in short), key=lambda pair: pair[0]
        )
        when = f"{day:%A}, {day.day} {day:%B}, 00:00 ({self.zone.key})"
        sentence = USED_UP[budget.scope].format(period=PERIOD_NAMES[budget.period])
        return f"{sentence}; it opens again on {when}"


def settle(transaction: Transaction, hold_id: UUID, spent_usd: Decimal) -> None:
    """Ends a call's hold: charges ``spent_usd`` and frees the rest. A hold that lapsed was charged already."""
    budget_rows.end_holds(transaction, BudgetHoldRow.id == hold_id, lambda hold: spent_usd)


def release(transaction: Transaction, turn_id: UUID) -> None:
    """Ends a turn's holds: charges calls that never ended as held, and frees the closing call's reservation."""
    budget_rows.end_holds(transaction, BudgetHoldRow.turn_id == turn_id, _charge_calls)


def lapse(transaction: Transaction) -> int:
    """Ends the holds of leases that ran out or were given up; returns how many."""
    return budget_rows.end_holds(transaction, _has_lapsed(), _charge_calls)


def _list_payers(turn: Turn) -> Iterator[tuple[BudgetScope, str, BudgetPeriod]]:
    workspace = turn.workspace or ""
    yield BudgetScope.PERSON, f"{workspace}:{turn.user_id}", BudgetPeriod.DAY
    if turn.channel:
        yield BudgetScope.CHANNEL, f"{workspace}:{turn.channel}", BudgetPeriod.DAY
    yield BudgetScope.WORKSPACE, workspace, BudgetPeriod.DAY
    yield BudgetScope.WORKSPACE, workspace, BudgetPeriod.MONTH


def _start_of(day: date, period: BudgetPeriod) -> date:
    return day if period == BudgetPeriod.DAY else day.replace(day=1)


def _end_of(starts_on: date, period: str) -> date:
    if period == BudgetPeriod.DAY:
        return starts_on + timedelta(days=1)
    return (starts_on.replace(day=1) + timedelta(days=32)).replace(day=1)


def _is_closing_of(turn_id: UUID) -> ColumnElement[bool]:
    return and_(BudgetHoldRow.turn_id == turn_id, BudgetHoldRow.purpose == HoldPurpose.CLOSING)


def _has_lapsed() -> ColumnElement[bool]:
    is_lost = or_(
        TurnRow.lease_token.is_distinct_from(BudgetHoldRow.lease_token), TurnRow.lease_until < func.now()
    )
    return select(TurnRow.id).where(TurnRow.id == BudgetHoldRow.turn_id, is_lost).exists()


def _charge_calls(hold: EndedHold) -> Decimal:
    return hold.usd if hold.purpose == HoldPurpose.CALL else NOTHING
