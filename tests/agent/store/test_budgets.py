"""Money: held before it is spent, never more than there is, given back when a worker dies."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from agent.errors import BudgetTaken, Cancelled, LimitReached, OverBudget, ToolError
from agent.llm.pricing import FREE, Price
from agent.llm.request import Model, Request
from agent.store import budgets, sessions
from agent.store.budgets import Budgets, Hold
from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.store.tables import BudgetScope
from agent.tools import ToolContext, ToolResult, tool
from agent.turn import loop
from agent.turn.config import OpeningCall
from agent.turn.events import Finished, Waiting
from agent.turn.limits import Limits
from agent.types import Message
from tests.agent.parts import PRICE, Asked, opening
from tests.agent.parts import budgets as limited
from tests.scripted_model import Call, Line, Say

CENT = Price.flat(Decimal(0), Decimal("0.01"))  # a cent a completion token makes amounts easy to read
QUESTION: list[Message] = [{"role": "user", "content": "How many days?"}]


def request(n_tokens: int = 100, price: Price = CENT) -> Request:
    return Request(Model("m", price=price), QUESTION, [], None, n_tokens)


@contextmanager
def step(asked: Asked) -> Iterator[Transaction]:
    with asked.database.transaction() as transaction:
        yield transaction


def hold(asked: Asked, kept: Budgets, turn: Turn, given: Request | None = None, closing: float = 0) -> Hold:
    """As the loop does it: what crashed turns hold is let go where it is missing."""

    def take() -> Hold:
        while True:
            with suppress(BudgetTaken), step(asked) as transaction:
                closing_usd = Decimal(str(closing))
                with kept.hold(
                    transaction, turn, given or request(), closing_usd=closing_usd, turn_usd=Decimal(10)
                ) as taken:
                    pass
                return taken

    try:
        return take()
    except OverBudget:
        with step(asked) as transaction:
            n_lapsed = budgets.lapse(transaction)
        if not n_lapsed:
            raise
    return take()


def standing(asked: Asked) -> dict[str, tuple[float, float]]:
    """(spent, held) by scope and period."""
    rows = asked.query("SELECT scope, period, spent_usd, held_usd FROM budgets")
    return {f"{row[0]}_{row[1]}": (float(row[2]), float(row[3])) for row in rows}


def test_a_call_is_held_in_each_budget_and_then_spent(asked: Asked) -> None:
    taken = hold(asked, limited(person_day=5, workspace_month=5), asked.ask(), closing=1.5)
    assert (float(taken.usd), taken.max_tokens) == (1.0, 100)
    scopes = ["person_day", "channel_day", "channel_month", "workspace_day", "workspace_month"]
    assert standing(asked) == dict.fromkeys(scopes, (0, 2.5))
    with step(asked) as transaction:
        budgets.settle(transaction, taken.id, Decimal("0.25"))
        budgets.settle(transaction, taken.id, Decimal("0.25"))  # a second time changes nothing
    assert standing(asked)["person_day"] == (0.25, 1.5)


def test_the_closing_calls_money_is_kept_once_and_given_back_at_the_end(asked: Asked) -> None:
    turn, kept = asked.ask(), limited(person_day=10)
    hold(asked, kept, turn, closing=2)
    hold(asked, kept, turn, closing=3)
    assert standing(asked)["person_day"] == (0, 5)
    with step(asked) as transaction:
        budgets.release(transaction, turn.id)
    assert standing(asked)["person_day"] == (2, 0)  # calls that never ended are charged


def test_the_closing_call_may_use_what_was_kept_for_it(asked: Asked) -> None:
    turn, kept = asked.ask(), limited(person_day=2)
    hold(asked, kept, turn, closing=1)
    with pytest.raises(OverBudget):
        hold(asked, kept, turn, closing=1)
    assert standing(asked)["person_day"] == (0, 2)  # what was refused took nothing
    hold(asked, kept, turn)
    assert standing(asked)["person_day"] == (0, 2)


def test_an_answer_is_made_shorter_where_the_money_is_short(asked: Asked) -> None:
    taken = hold(asked, limited(channel_day=3), asked.ask(), request(n_tokens=1_000))
    assert (float(taken.usd), taken.max_tokens) == (3.0, 300)


def test_the_turns_own_limit_is_no_budget(asked: Asked) -> None:
    turn_usd = Decimal("0.5")
    with (
        pytest.raises(LimitReached) as reached,
        step(asked) as transaction,
        limited().hold(transaction, asked.ask(), request(), closing_usd=Decimal(0), turn_usd=turn_usd),
    ):
        pytest.fail("it was held")
    assert reached.value.limit == "cost"


def test_a_budget_that_is_gone_is_made_again(asked: Asked) -> None:
    """It goes with a person who is forgotten, while the process remembers it."""
    kept, turn = limited(person_day=10), asked.ask()
    for _ in range(2):
        hold(asked, kept, turn)
    asked.query("DELETE FROM budgets WHERE scope = 'person' RETURNING 1")
    hold(asked, kept, turn)
    assert standing(asked)["person_day"] == (0, 1)


def test_what_is_free_holds_nothing(asked: Asked) -> None:
    assert hold(asked, limited(person_day=0), asked.ask(), request(price=FREE)).usd == 0
    assert standing(asked) == {}


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (
            {"person_day": 0},
            "Your budget for the language model for today is used up; it opens again on Thursday, ",
        ),
        ({"channel_day": 0}, "This channel's budget"),
        ({"workspace_month": 0, "person_day": 0}, "The workspace's budget for the language model for this month"),
    ],
)
def test_who_is_over_budget_hears_whose_it_is_and_when_it_opens_again(
    asked: Asked, limits: dict[str, float], says: str
) -> None:
    late = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)  # in Berlin the 26th has begun
    zone = ZoneInfo("Europe/Berlin" if "channel_day" in limits else "UTC")
    kept = replace(limited(**limits), zone=zone, clock=lambda: late)
    with pytest.raises(OverBudget) as over:
        hold(asked, kept, asked.ask())
    assert over.value.says.startswith(says)
    opens = {
        "person_day": "Thursday, 26 November, 00:00 (UTC)",
        "channel_day": "Friday, 27 November, 00:00 (Europe/Berlin)",
        "workspace_month": "Tuesday, 1 December, 00:00 (UTC)",
    }
    assert over.value.says.endswith(opens[next(iter(limits))])


def test_another_day_is_another_budget_and_a_call_is_paid_from_the_day_it_began_in(asked: Asked) -> None:
    turn, kept = asked.ask(), limited(person_day=1)
    before, after = (datetime(2026, 11, day, 12, tzinfo=UTC) for day in (25, 26))
    taken = hold(asked, replace(kept, clock=lambda: before), turn)
    hold(asked, replace(kept, clock=lambda: after), turn)
    with step(asked) as transaction:
        budgets.settle(transaction, taken.id, Decimal(1))
    rows = asked.query("SELECT spent_usd, held_usd FROM budgets WHERE scope = 'person' ORDER BY starts_on")
    assert [(float(row[0]), float(row[1])) for row in rows] == [(1, 0), (0, 1)]


@pytest.mark.parametrize("how", ["expired", "put back", "taken by another"])
def test_a_hold_lapses_with_the_lease_it_was_taken_under(asked: Asked, how: str) -> None:
    kept, turn = limited(person_day=3), asked.ask()
    hold(asked, kept, turn, closing=1)
    other = asked.ask(key="other")
    with pytest.raises(OverBudget):
        hold(asked, kept, other, request(n_tokens=200))
    if how == "put back":
        with step(asked) as transaction:
            sessions.put_back(transaction, turn)
    else:
        asked.query("UPDATE turns SET lease_until = now() - interval '1 s' WHERE id = :id RETURNING 1", id=turn.id)
        if how == "taken by another":
            asked.claim(turn.session_id)
    hold(asked, kept, other, request(n_tokens=200))
    assert standing(asked)["person_day"] == (1, 2)  # the call may have been made; the closing one was not


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_worker_that_is_back_after_its_lease_ran_out_is_charged_what_the_call_cost(
    asked: Asked, *, is_taken: bool
) -> None:
    """As after an outage between its machine and Postgres; where another has the turn, it is charged as held."""
    kept, turn = limited(person_day=3), asked.ask()
    taken = hold(asked, kept, turn, closing=1)
    asked.query("INSERT INTO blobs (hash, body) VALUES ('h', '{}') RETURNING 1")
    columns, values = "id, turn_id, purpose, model, request_hash, params", ":id, :turn, 'answer', 'm', 'h', '{}'"
    asked.query(
        f"INSERT INTO model_calls (attempt, position, reserved_usd, {columns}) VALUES (1, 0, :usd, {values}) "
        "RETURNING 1",
        id=taken.id,
        turn=turn.id,
        usd=taken.usd,
    )
    asked.query("UPDATE turns SET lease_until = now() - interval '1 s' WHERE id = :id RETURNING 1", id=turn.id)
    for _ in range(2):  # the second time nothing is left to lapse
        with step(asked) as transaction:
            budgets.lapse(transaction)
        assert standing(asked)["person_day"] == (float(taken.usd), 0)
    if is_taken:
        asked.claim(turn.session_id)
        with step(asked) as transaction:
            budgets.lapse(transaction)
    with step(asked) as transaction:
        budgets.settle(transaction, taken.id, Decimal("0.25"))
    assert standing(asked)["person_day"] == (float(taken.usd) if is_taken else 0.25, 0)
    with step(asked) as transaction:
        budgets.release(transaction, turn.id)
    assert asked.query("SELECT 1 FROM budget_holds") == []


def test_money_that_others_take_between_look_and_commit_is_not_held_and_it_is_said_whose_it_is(
    asked: Asked,
) -> None:
    kept, turn, other = limited(workspace_day=1.5), asked.ask(), asked.ask(key="other", user="U2")
    hold(asked, kept, turn, request(1))
    with (
        pytest.raises(BudgetTaken) as error,
        step(asked) as transaction,
        kept.hold(transaction, turn, request(), closing_usd=Decimal(0), turn_usd=Decimal(10)),
    ):
        hold(asked, kept, other)
    assert error.value.says.startswith(budgets.HELD[BudgetScope.WORKSPACE])
    assert standing(asked)["workspace_day"] == (0, 1.01)


def test_fifty_turns_at_once_do_not_overshoot(asked: Asked) -> None:
    """Each takes what its call and its closing call may cost; the budget has room for ten such turns."""
    kept = limited(workspace_day=20)
    turns = [asked.ask(key=f"s{n}", user=f"U{n % 7}") for n in range(50)]
    with ThreadPoolExecutor(16) as pool:
        taken = list(pool.map(lambda turn: _try(asked, kept, turn), turns))
    assert sum(taken) == 10
    assert standing(asked)["workspace_day"] == (0, 20)


def test_fifty_turns_at_once_spend_no_more_than_there_is(asked: Asked) -> None:
    """Whole turns with a model that costs: two steps each, and a budget with room for about ten of them."""
    model = asked.models[0]
    model.script = _two_steps  # type: ignore[union-attr]
    asked.price = PRICE
    asked.limits = Limits(max_seconds=60, max_completion_tokens=300)
    asked.kit_options = {"budgets": limited(workspace_day=0.6), "budget_wait_seconds": 0}
    turns = [asked.ask(key=f"s{n}") for n in range(50)]
    with ThreadPoolExecutor(16) as pool:
        reasons = [end.reason for end in pool.map(asked.answer, turns)]
    spent, held = standing(asked)["workspace_day"]
    assert "answered" in reasons
    assert "budget" in reasons
    assert spent + held <= 0.6
    assert spent > 0
    (recorded,) = asked.query("SELECT sum(cost_usd) FROM turns")
    assert float(recorded[0]) == pytest.approx(spent)


def test_many_at_once_are_all_answered_by_the_model_where_what_they_really_cost_fits(asked: Asked) -> None:
    """Each holds many times what it costs: most of them wait, and nobody is told that a budget is used up."""
    model: Any = asked.models[0]
    asked.price = PRICE
    asked.limits = Limits(max_seconds=120, max_completion_tokens=2_000)
    most_held: list[float] = []

    def answer(given: Any) -> Line:
        most_held.append(standing(asked)["workspace_day"][1])
        return Say("5 days [1].")

    model.script = answer

    def work(turn: Turn) -> Finished:
        end = asked.answer(turn)
        with step(asked) as transaction:
            budgets.release(transaction, turn.id)
        return end

    asked.kit_options = {"budgets": limited(workspace_day=100)}
    assert work(asked.ask(key="first")).reason == "answered"
    cost, held = standing(asked)["workspace_day"][0], most_held[0]
    assert held > 5 * cost
    n = 20
    asked.kit_options = {"budgets": limited(workspace_day=(n + 1) * cost + 2 * held)}
    turns = [asked.ask(key=f"s{i}") for i in range(n)]
    with ThreadPoolExecutor(n) as pool:
        ends = list(pool.map(work, turns))
    assert {(end.reason, end.notice) for end in ends} == {("answered", "")}
    assert max(most_held) < n * held  # they could not all hold at once


def test_what_a_tool_costs_is_recorded_and_paid_from_the_budgets(asked: Asked) -> None:
    @tool()
    def priced(is_found: bool, *, context: ToolContext) -> ToolResult:
        """Asks a service."""
        if not is_found:
            raise ToolError("nothing there", cost_usd=Decimal("0.25"))
        return ToolResult({"found": 1}, cost_usd=Decimal("0.5"))

    model: Any = asked.models[0]
    calls = [("priced", {"is_found": True}), ("priced", {"is_found": False})]
    model.script = lambda given: Say("So [1].") if len(model.requests) > 1 else Call(calls)
    asked.tools = {"priced": priced}
    run = loop.TurnRun(asked.ask(), asked.kit, lambda: None)
    list(run.events(lambda question: [OpeningCall("priced", {"is_found": True})]))
    costs = asked.query("SELECT cost_usd FROM tool_calls WHERE name = 'priced' ORDER BY id")
    assert [float(row.cost_usd) for row in costs] == [0.5, 0.5, 0.25]
    assert standing(asked)["person_day"] == (1.25, 0)
    (turn,) = asked.query("SELECT cost_usd FROM turns")
    assert turn.cost_usd == run.recorder.transcript.spent_usd == Decimal("1.25")


def test_what_a_tool_costs_is_charged_in_the_order_of_the_budgets_ids(asked: Asked) -> None:
    """Else it and a hold wait for each other; the order in which the rows are stored changes with each update."""
    kept, turn = limited(person_day=5), asked.ask()
    hold(asked, kept, turn)
    first, *_, last = [row.id for row in asked.query("SELECT id FROM budgets ORDER BY id")]
    lock = text("SELECT 1 FROM budgets WHERE id = :id FOR UPDATE NOWAIT")

    def spend() -> None:
        with step(asked) as transaction:
            kept.spend(transaction, turn, Decimal("0.5"))

    with step(asked) as transaction:  # stores it behind the others; so few rows are read as they are stored
        transaction.execute(text("UPDATE budgets SET held_usd = held_usd WHERE id = :id"), {"id": first})
        transaction.execute(text("ANALYZE budgets"))
    with ThreadPoolExecutor(1) as pool:
        with step(asked) as transaction:
            transaction.execute(lock, {"id": first})
            charged = pool.submit(spend)
            while not asked.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                assert not charged.done()
            transaction.execute(lock, {"id": last})
        charged.result()
    assert standing(asked)["person_day"] == (0.5, 1)


def test_over_budget_the_documents_are_quoted_and_it_is_said_why(asked: Asked) -> None:
    asked.price = PRICE
    asked.kit_options = {"budgets": limited(person_day=0.001)}
    end = asked.answer()
    assert (end.text, end.reason) == ("Quoted: 5 days [1].", "budget")
    assert end.notice.startswith("Your budget for the language model for today is used up; it opens again on ")
    assert end.notice.endswith("Until then I quote the documents directly.")
    assert asked.models[0].requests == []  # type: ignore[union-attr]


def hold_all(asked: Asked, usd: float) -> tuple[Budgets, Turn]:
    """A budget that another question holds, of which nothing is spent."""
    kept, other = limited(person_day=usd), asked.ask(key="other")
    hold(asked, kept, other, request(n_tokens=round(usd * 100)))
    return kept, other


@pytest.mark.parametrize(("spent", "is_held"), [(0, True), (2, True), (2.5, False)])
def test_a_budget_that_others_hold_is_told_from_one_that_is_used_up(
    asked: Asked, spent: float, is_held: bool
) -> None:
    """A call costs 1 of 3 dollars."""
    kept, _ = hold_all(asked, 3)
    asked.query("UPDATE budgets SET spent_usd = :usd, held_usd = 3 - :usd RETURNING 1", usd=Decimal(str(spent)))
    with pytest.raises(OverBudget) as over:
        hold(asked, kept, asked.ask())
    assert over.value.is_held is is_held
    assert ("used up" in over.value.says) is not is_held


def test_a_question_waits_for_a_budget_that_others_hold(asked: Asked) -> None:
    kept, other = hold_all(asked, 1)
    asked.price, asked.kit_options = PRICE, {"budgets": kept}
    events = []
    for event in loop.TurnRun(asked.ask(), asked.kit, lambda: None).events(opening):
        events.append(event)
        if isinstance(event, Waiting) and standing(asked)["person_day"] == (0, 1):
            asked.query("UPDATE budget_holds SET usd = 0 WHERE turn_id = :id RETURNING 1", id=other.id)
            asked.query("UPDATE budgets SET held_usd = 0 WHERE scope = 'person' RETURNING 1")
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.reason, end.notice) == ("answered", "")


def test_a_question_that_waited_in_vain_hears_that_others_hold_the_budget(asked: Asked) -> None:
    kept, _ = hold_all(asked, 1)
    asked.price, asked.kit_options = PRICE, {"budgets": kept, "budget_wait_seconds": 0.3}
    events = asked.run(asked.ask())
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.text, end.reason) == ("Quoted: 5 days [1].", "budget")
    assert end.notice.startswith(
        "Your other questions hold your budget for the language model while they run; ask"
    )
    assert any(isinstance(event, Waiting) for event in events)


def test_a_stop_reaches_a_question_that_waits_for_a_budget(asked: Asked) -> None:
    kept, _ = hold_all(asked, 1)
    asked.price, asked.kit_options = PRICE, {"budgets": kept}
    is_stopped = False

    def check() -> None:
        if is_stopped:
            raise Cancelled("a person asked to stop")

    events = loop.TurnRun(asked.ask(), asked.kit, check).events(opening)
    assert any(isinstance(event, Waiting) for event in events)
    is_stopped = True
    with pytest.raises(Cancelled):
        list(events)


def test_a_turn_that_may_cost_no_more_makes_its_closing_call(asked: Asked) -> None:
    model: Any = asked.models[0]
    model.script = lambda given: (
        Say("So far [1].")
        if given.get("tool_choice") == "none"
        else Call([("look_up", {"query": f"{len(model.requests)}"})])
    )
    asked.price = PRICE
    asked.limits = Limits(max_seconds=30, max_completion_tokens=300, max_usd=Decimal("0.12"))
    end = asked.answer()
    assert (end.text, end.reason) == ("So far [1].", "cost")
    assert float(asked.query("SELECT cost_usd FROM turns")[0][0]) <= 0.12


def _try(asked: Asked, kept: Budgets, turn: Turn) -> bool:
    try:
        hold(asked, kept, turn, closing=1)
    except OverBudget:
        return False
    return True


def _two_steps(given: dict[str, Any]) -> Line:
    if given["messages"][-1]["role"] == "tool" or given.get("tool_choice") == "none":
        return Say("5 days [1].")
    return Call([("look_up", {"query": "days"})])
