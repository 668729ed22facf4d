"""Budgets: what people, channels and the workspace may spend on models in a day or a month.

Promises: money is held before it is spent, by one UPDATE that only takes what is there, so concurrent turns
cannot overspend. A hold lapses with the lease it was taken under: what the call may have cost by then is
charged, and what was reserved for the closing call is given back. Calls that cost nothing hold nothing. What
tools cost, fractions of a cent, is not held but charged afterwards. The turn's recorder takes a hold before each
model call; ``settle`` ends it with the call, ``release`` with the turn, ``lapse`` when its worker is gone.

All turns share the workspace's rows: they are locked by the last statement of a transaction, so that no turn waits
for what another still computes. Rows of budgets are always locked in the order of their ids.
Days and months begin in the operator's time zone.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from agent.clock import new_id, now
from agent.errors import BudgetTaken, LimitReached, OverBudget
from agent.llm.request import CENTS, LEAST_COMPLETION_TOKENS, Request
from agent.settings import AgentSettings
from agent.store import budget_rows
from agent.store.budget_rows import CALLS_AS_HELD, BudgetState, EndHolds, NewHold, PayingBudget
from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.store.tables import BudgetPeriod, BudgetScope, HoldPurpose
from agent.translation import dates
from agent.translation.speech import mark, say
from agent.types import SCHEDULED, Limit

BudgetKey = tuple[BudgetScope, BudgetPeriod]

UNLIMITED = Decimal(100_000)  # dollars: within the columns' precision
NOTHING = Decimal(0)
MAX_KNOWN = 10_000  # budgets whose rows are known to be there
USED_UP = {
    BudgetScope.PERSON: mark("Your budget for the language model for {period} is used up"),
    BudgetScope.CHANNEL: mark("This channel's budget for the language model for {period} is used up"),
    BudgetScope.WORKSPACE: mark("The workspace's budget for the language model for {period} is used up"),
}
HELD_FOR_NOW = mark("{held}; ask again in a minute for an answer of the model")
HELD = {
    BudgetScope.PERSON: mark("Your other questions hold your budget for the language model while they run"),
    BudgetScope.CHANNEL: mark("Other questions hold this channel's budget for the language model while they run"),
    BudgetScope.WORKSPACE: mark(
        "Other questions hold the workspace's budget for the language model while they run"
    ),
}
PERIOD_NAMES = {BudgetPeriod.DAY: mark("today"), BudgetPeriod.MONTH: mark("this month")}


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
            with budgets.hold(transaction, turn, request, closing_usd=Decimal(0), turn_usd=Decimal(1)) as hold:
                ...  # what else is stored with it
        # the call
        with database.transaction() as transaction:
            settle(transaction, hold.id, usage.cost_usd)
    """

    limits: Mapping[BudgetKey, Decimal]
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    clock: Callable[[], datetime] = now
    _known: set[tuple[str | date, ...]] = field(default_factory=set, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

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

    def narrow(self, limits: Mapping[BudgetKey, Decimal]) -> "Budgets":
        """Returns the same with limits that count where they are lower."""
        narrower = {key: min(limit, self.limits.get(key, limit)) for key, limit in limits.items()}
        return replace(self, limits={**self.limits, **narrower}) if narrower else self

    def replace(self, limits: Mapping[BudgetKey, Decimal | None]) -> "Budgets":
        """Returns the budgets with others in the place of these, as a workspace may have; None: no limit."""
        if not limits:
            return self
        merged = {**self.limits, **limits}
        return replace(self, limits={key: usd for key, usd in merged.items() if usd is not None})

    @contextmanager
    def hold(
        self,
        transaction: Transaction,
        turn: Turn,
        request: Request,
        *,
        closing_usd: Decimal,
        turn_usd: Decimal,
        has_closing: bool = True,
    ) -> Iterator[Hold]:
        """Holds what ``request`` may cost, and reserves ``closing_usd`` for the turn's closing call: anew, where
        the turn may have reserved it before (``has_closing``).

        It is decided at the beginning of the ``with``, and held at its end. Where others have taken the money in
        between, raises :class:`BudgetTaken`: to be decided again, in another transaction.

        ``turn_usd`` is what the turn itself may still spend. Little money makes the answer shorter; too little
        for a short one raises :class:`OverBudget`, which names the budget and says whether others only hold it,
        or :class:`LimitReached` for the turn's own limit. The caller may then :func:`lapse` the holds of crashed
        turns and try again, each in a transaction of its own: the locks of this one must not wait for others'.
        """
        if request.model.price.is_free:
            yield Hold(new_id(), NOTHING, request.max_completion_tokens)
            return
        self._create_missing(transaction, self._list(turn))
        budgets = self._read_rows(transaction, turn)
        hold = self._decide(request, budgets, closing_usd, turn_usd)
        yield hold
        if has_closing:  # it is reserved again, for the transcript as it is now
            _END_CLOSING.execute(transaction, turn_id=turn.id)
        holds = [NewHold(hold.id, HoldPurpose.CALL, hold.usd)]
        if closing_usd:
            holds.append(NewHold(new_id(), HoldPurpose.CLOSING, closing_usd))
        if short := budget_rows.hold(transaction, turn, budgets, holds):
            raise BudgetTaken(_say_held(short[0].scope), is_held=True)

    def _decide(
        self, request: Request, budgets: Sequence[BudgetState], closing_usd: Decimal, turn_usd: Decimal
    ) -> Hold:
        each = request.model.price.completion
        fixed = request.bound_prompt_usd() + closing_usd
        least = fixed + min(LEAST_COMPLETION_TOKENS, request.max_completion_tokens) * each
        if turn_usd < least:
            raise LimitReached(Limit.COST)
        short = [budget for budget in budgets if budget.room_usd < least]
        if used_up := [budget for budget in short if budget.limit_usd - budget.spent_usd < least]:
            raise OverBudget(self._describe(used_up))
        if short:
            raise OverBudget(_say_held(short[0].scope), is_held=True)
        n_tokens = request.max_completion_tokens
        if each:
            affordable = (min([*(budget.room_usd for budget in budgets), turn_usd]) - fixed) / each
            n_tokens = min(n_tokens, int(affordable.to_integral_value(ROUND_DOWN)))
        usd = (fixed - closing_usd + n_tokens * each).quantize(CENTS, ROUND_DOWN)
        return Hold(new_id(), usd, n_tokens)

    def spend(self, transaction: Transaction, turn: Turn, usd: Decimal) -> None:
        """Charges what a tool's services cost: fractions of a cent, known only afterwards, so nothing is
        held."""
        if usd:
            self._create_missing(transaction, self._list(turn))
            ids = [budget.id for budget in self._read_rows(transaction, turn)]
            budget_rows.charge(transaction, ids, usd)

    def _create_missing(self, transaction: Transaction, budgets: Sequence[PayingBudget]) -> None:
        """Creates the rows, unless they are known to be there: none is deleted while its day or month lasts."""
        keys = {tuple(budget.key().values()) for budget in budgets}
        if keys <= self._known:
            return
        if budget_rows.create_missing(transaction, budgets):
            return  # known once they are committed: seen the next time
        with self._lock:
            if len(self._known) > MAX_KNOWN:
                self._known.clear()
            self._known.update(keys)

    def _read_rows(self, transaction: Transaction, turn: Turn) -> list[BudgetState]:
        """Reads the rows; creates those that are gone since they were known, with a person who was forgotten."""
        budgets = self._list(turn)
        rows = budget_rows.read(transaction, turn, budgets)
        if len(rows) == len(budgets):
            return rows
        with self._lock:
            self._known.clear()
        budget_rows.create_missing(transaction, budgets)
        return budget_rows.read(transaction, turn, budgets)

    def _list(self, turn: Turn) -> list[PayingBudget]:
        """Lists the turn's budgets of today and this month."""
        today = self.clock().astimezone(self.zone).date()
        return [
            PayingBudget(
                scope, subject, period, _start_of(today, period), self.limits.get((scope, period), UNLIMITED)
            )
            for scope, subject, period in _list_payers(turn)
        ]

    def _describe(self, short: Iterable[BudgetState]) -> str:
        """Describes the used-up budget that opens last."""
        day, budget = max(
            ((_end_of(budget.starts_on, budget.period), budget) for budget in short), key=lambda pair: pair[0]
        )
        used_up = say(USED_UP[budget.scope], period=say(PERIOD_NAMES[budget.period]))
        when, zone = dates.name_weekday(day), self.zone.key
        return say("{used_up}; it opens again on {when}, 00:00 ({zone})", used_up=used_up, when=when, zone=zone)


def _say_held(scope: BudgetScope) -> str:
    return say(HELD_FOR_NOW, held=say(HELD[scope]))


# Of a hold that lapsed what was reserved is charged already.
_SETTLE = EndHolds(
    "id = :hold_id",
    spent="""
    CAST(:spent_usd AS numeric) - CASE WHEN usd > 0 THEN 0
        ELSE coalesce((SELECT reserved_usd FROM model_calls WHERE model_calls.id = budget_holds.id), 0) END
    """,
)
_RELEASE = EndHolds("turn_id = :turn_id", spent=CALLS_AS_HELD)
_END_CLOSING = EndHolds(f"turn_id = :turn_id AND purpose = '{HoldPurpose.CLOSING}'", spent="0")
# While nobody else has the turn its worker may be back, as after an outage between it and Postgres, and settle.
_LAPSE = EndHolds(
    """
    EXISTS (
        SELECT 1 FROM turns WHERE turns.id = turn_id
          AND (turns.lease_token IS DISTINCT FROM budget_holds.lease_token OR usd > 0 AND lease_until < now())
    )
    """,
    spent=CALLS_AS_HELD,
    keeps="""
    EXISTS (SELECT 1 FROM turns WHERE turns.id = turn_id AND turns.lease_token = budget_holds.lease_token)
    """,
)


def settle(transaction: Transaction, hold_id: UUID, spent_usd: Decimal) -> None:
    """Ends a call's hold: charges ``spent_usd`` and frees the rest, also where it has lapsed since; not where
    another worker has the turn, which is charged as held."""
    _SETTLE.execute(transaction, hold_id=hold_id, spent_usd=spent_usd)


def release(transaction: Transaction, turn_id: UUID) -> None:
    """Ends a turn's holds: charges calls that never ended as held, and frees the closing call's reservation."""
    _RELEASE.execute(transaction, turn_id=turn_id)


def lapse(transaction: Transaction) -> int:
    """Ends the holds of leases that ran out or were given up; returns how many."""
    return _LAPSE.execute(transaction)


def _list_payers(turn: Turn) -> Iterator[tuple[BudgetScope, str, BudgetPeriod]]:
    workspace = turn.workspace or ""
    if turn.origin != SCHEDULED:
        yield BudgetScope.PERSON, f"{workspace}:{turn.user_id}", BudgetPeriod.DAY
    if turn.channel:
        yield BudgetScope.CHANNEL, f"{workspace}:{turn.channel}", BudgetPeriod.DAY
        yield BudgetScope.CHANNEL, f"{workspace}:{turn.channel}", BudgetPeriod.MONTH
    yield BudgetScope.WORKSPACE, workspace, BudgetPeriod.DAY
    yield BudgetScope.WORKSPACE, workspace, BudgetPeriod.MONTH


def _start_of(day: date, period: BudgetPeriod) -> date:
    return day if period == BudgetPeriod.DAY else day.replace(day=1)


def _end_of(starts_on: date, period: str) -> date:
    if period == BudgetPeriod.DAY:
        return starts_on + timedelta(days=1)
    return (starts_on.replace(day=1) + timedelta(days=32)).replace(day=1)
