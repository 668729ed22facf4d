"""Budgets: what people, channels and the workspace may spend on models in a day or a month.

Promises: money is held before it is spent, by one UPDATE that only takes what is there, so no number of turns at
once overshoots; a hold lapses with the lease it was taken under: what a call may have cost by then is charged,
what was kept for the closing call is given back. Calls that cost nothing hold nothing. What tools cost, fractions
of a cent, is not held but charged afterwards.

Days and months begin in the operator's time zone. Rows of budgets are always locked in the order of their ids.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from agent.clock import new_id, now
from agent.errors import LimitReached, OverBudget
from agent.llm.request import CENTS, LEAST_COMPLETION_TOKENS, Request
from agent.settings import AgentSettings
from agent.store.database import Transaction
from agent.store.sessions import Turn

Scope = tuple[str, str]  # ("person", "day")
WHOSE = {
    "person": "Your budget for the language model for {period} is used up",
    "channel": "This channel's budget for the language model for {period} is used up",
    "workspace": "The workspace's budget for the language model for {period} is used up",
}
TODAY = {"day": "today", "month": "this month"}


@dataclass(frozen=True)
class Hold:
    """Money held for one call; ``max_tokens`` is how long its answer may be for it."""

    id: UUID
    usd: Decimal
    max_tokens: int


@dataclass(frozen=True)
class Budgets:
    """``limits`` in dollars by scope and period; what is not in it is not limited, but counted all the same."""

    limits: Mapping[Scope, Decimal]
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    clock: Callable[[], datetime] = now

    @staticmethod
    def from_settings(settings: AgentSettings) -> "Budgets":
        """The budgets the operator set."""
        given = {
            ("person", "day"): settings.budget_person_day_usd,
            ("channel", "day"): settings.budget_channel_day_usd,
            ("workspace", "day"): settings.budget_workspace_day_usd,
            ("workspace", "month"): settings.budget_workspace_month_usd,
        }
        limits = {scope: limit for scope, limit in given.items() if limit is not None}
        return Budgets(limits, ZoneInfo(settings.time_zone))

    def hold(
        self, transaction: Transaction, turn: Turn, request: Request, *, closing_usd: Decimal, turn_usd: Decimal
    ) -> Hold:
        """Takes what ``request`` may cost, and keeps ``closing_usd`` for the turn's closing call.

        ``turn_usd`` is what the turn itself may still spend. The answer is made shorter where the money is short;
        where it does not do for a short one, :class:`OverBudget` says whose budget it is, and
        :class:`LimitReached` that it is the turn's own limit. The caller may then :func:`lapse` what crashed turns
        hold and try again, each in a transaction of its own: this one's locks must not wait for others' rows.
        """
        if request.model.price.is_free:
            return Hold(new_id(), Decimal(0), request.max_completion_tokens)
        self._make(transaction, turn)
        _settle(transaction, _CLOSING_OF_TURN, {"id": turn.id}, _nothing)  # is taken anew, for today's transcript
        return self._taken(transaction, turn, request, closing_usd, turn_usd)

    def _taken(
        self, transaction: Transaction, turn: Turn, request: Request, closing_usd: Decimal, turn_usd: Decimal
    ) -> Hold:
        each = request.model.price.completion
        fixed = request.bound_prompt_usd() + closing_usd
        least = fixed + min(LEAST_COMPLETION_TOKENS, request.max_completion_tokens) * each
        if turn_usd < least:
            raise LimitReached("cost")
        rows = self._rows(transaction, turn)
        room = {row.id: row.limit_usd - row.spent_usd - row.held_usd for row in rows}
        short = [row for row in rows if room[row.id] < least]
        if short:
            raise OverBudget(self._says(short))
        n_tokens = request.max_completion_tokens
        if each:
            affordable = (min([*room.values(), turn_usd]) - fixed) / each
            n_tokens = min(n_tokens, int(affordable.to_integral_value(ROUND_DOWN)))
        usd = (fixed - closing_usd + n_tokens * each).quantize(CENTS, ROUND_DOWN)
        hold = Hold(new_id(), usd, n_tokens)
        _take(transaction, turn, rows, hold_id=hold.id, purpose="call", usd=usd)
        if closing_usd:
            _take(transaction, turn, rows, hold_id=new_id(), purpose="closing", usd=closing_usd)
        return hold

    def spend(self, transaction: Transaction, turn: Turn, usd: Decimal) -> None:
        """Charges what a tool's services cost: fractions of a cent, known afterwards only, so nothing is held."""
        if usd:
            self._make(transaction, turn)
            ids = [row.id for row in self._rows(transaction, turn)]
            transaction.execute(_CLEAR, {"usd": Decimal(0), "charged": usd, "ids": ids})

    def _make(self, transaction: Transaction, turn: Turn) -> None:
        """Makes the rows that are new, before any is locked: who waits for another's new row must hold nothing
        that others wait for."""
        wanted = self._wanted(turn)
        if transaction.execute(_COUNT, _arrays(wanted)).scalar_one() < len(wanted):
            columns = ("scope", "subject", "period", "starts_on")
            made = [{"id": new_id(), **{name: row[name] for name in columns}} for row in wanted]
            transaction.execute(_MAKE, made)

    def _rows(self, transaction: Transaction, turn: Turn) -> Sequence[Any]:
        """The turn's budgets of today and this month, locked."""
        return transaction.execute(_LOCK, _arrays(self._wanted(turn))).all()

    def _wanted(self, turn: Turn) -> list[dict[str, Any]]:
        today = self.clock().astimezone(self.zone).date()
        return [
            {
                "scope": scope,
                "subject": subject,
                "period": period,
                "starts_on": _start(today, period),
                "limit": self.limits.get((scope, period), UNLIMITED),
            }
            for scope, subject, period in _payers(turn)
        ]

    def _says(self, short: Iterable[Any]) -> str:
        """Of several budgets the one that opens last."""
        opens = [(_end(row.starts_on, row.period), row) for row in short]
        day, row = max(opens, key=lambda found: found[0])
        when = f"{day:%A}, {day.day} {day:%B}, 00:00 ({self.zone.key})"
        return f"{WHOSE[row.scope].format(period=TODAY[row.period])}; it opens again on {when}"


UNLIMITED = Decimal(100_000)  # dollars: within the columns' precision


def settle(transaction: Transaction, hold_id: UUID, spent_usd: Decimal) -> None:
    """The call is over: what it cost is spent, the rest is free again. One that lapsed was charged already."""
    _settle(transaction, _HOLD_OF_CALL, {"id": hold_id}, lambda hold: spent_usd)


def release(transaction: Transaction, turn_id: UUID) -> None:
    """The turn is over: calls that never ended are charged as held, what was kept for closing is free again."""
    _settle(transaction, _HOLDS_OF_TURN, {"id": turn_id}, _charged)


def lapse(transaction: Transaction) -> int:
    """Ends the holds of leases that ran out or were given up; how many there were."""
    return _settle(transaction, _LAPSED, {}, _charged)


def _payers(turn: Turn) -> Iterator[tuple[str, str, str]]:
    yield "person", f"{turn.workspace or ''}:{turn.user_id}", "day"
    if turn.channel:
        yield "channel", f"{turn.workspace or ''}:{turn.channel}", "day"
    yield "workspace", turn.workspace or "", "day"
    yield "workspace", turn.workspace or "", "month"


def _arrays(wanted: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = {
        "scopes": "scope",
        "subjects": "subject",
        "periods": "period",
        "starts": "starts_on",
        "limits": "limit",
    }
    return {plural: [row[name] for row in wanted] for plural, name in names.items()}


def _start(day: date, period: str) -> date:
    return day if period == "day" else day.replace(day=1)


def _end(starts_on: date, period: str) -> date:
    if period == "day":
        return starts_on + timedelta(days=1)
    return (starts_on.replace(day=1) + timedelta(days=32)).replace(day=1)


def _nothing(hold: Any) -> Decimal:
    return Decimal(0)


def _charged(hold: Any) -> Decimal:
    usd: Decimal = hold.usd
    return usd if hold.purpose == "call" else Decimal(0)


_MAKE = text("""
INSERT INTO budgets (id, scope, subject, period, starts_on) VALUES (:id, :scope, :subject, :period, :starts_on)
ON CONFLICT (scope, subject, period, starts_on) DO NOTHING
""")
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
_NOTE = text("""
INSERT INTO budget_holds (id, turn_id, lease_token, purpose, usd, budget_ids)
VALUES (:id, :turn_id, :token, :purpose, :usd, :ids)
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))


def _take(
    transaction: Transaction, turn: Turn, rows: Sequence[Any], *, hold_id: UUID, purpose: str, usd: Decimal
) -> None:
    """From every budget or none: a partial take goes back with the transaction."""
    ids, limits = [row.id for row in rows], [row.limit_usd for row in rows]
    done: Any = transaction.execute(_TAKE, {"usd": usd, "ids": ids, "limits": limits})
    if done.rowcount != len(ids):
        raise OverBudget("A budget for the language model is used up")
    note = {"id": hold_id, "turn_id": turn.id, "token": turn.token, "purpose": purpose, "usd": usd, "ids": ids}
    transaction.execute(_NOTE, note)


_HOLD_OF_CALL = "id = :id"
_HOLDS_OF_TURN = "turn_id = :id"
_CLOSING_OF_TURN = "turn_id = :id AND purpose = 'closing'"
_LAPSED = """EXISTS (SELECT 1 FROM turns WHERE turns.id = budget_holds.turn_id
             AND (turns.lease_token IS DISTINCT FROM budget_holds.lease_token OR turns.lease_until < now()))"""


def _settle(
    transaction: Transaction, which: str, values: dict[str, Any], charged: Callable[[Any], Decimal]
) -> int:
    found = transaction.execute(text(f"SELECT budget_ids FROM budget_holds WHERE {which}"), values).all()
    if not found:
        return 0
    ids = sorted({id_ for row in found for id_ in row.budget_ids})
    transaction.execute(_LOCK_ALL, {"ids": ids})
    gone = transaction.execute(
        text(f"DELETE FROM budget_holds WHERE {which} RETURNING usd, purpose, budget_ids"), values
    ).all()
    for hold in gone:
        amounts = {"usd": hold.usd, "charged": charged(hold), "ids": hold.budget_ids}
        transaction.execute(_CLEAR, amounts)
    return len(gone)


_LOCK_ALL = text("SELECT id FROM budgets WHERE id = ANY(:ids) ORDER BY id FOR UPDATE").bindparams(
    bindparam("ids", type_=ARRAY(Uuid))
)
_CLEAR = text("""
UPDATE budgets SET held_usd = held_usd - :usd, spent_usd = spent_usd + :charged WHERE id = ANY(:ids)
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))
