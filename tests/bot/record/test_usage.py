"""What was asked and what it cost, summed up."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from agent.clock import new_id, now
from agent.store.database import Database
from agent.store.tables import BudgetPeriod, BudgetScope
from agent.types import Usage
from bot.record import usage
from bot.record.usage import BudgetStatus, By, UsageRow
from tests.recorded import SYSTEM, Recorded, answered, searched_again

UTC_ZONE = ZoneInfo("UTC")
FREE = Usage(prompt_tokens=100, completion_tokens=10)


def lines(database: Database, by: By, *, days: int = 30, zone: ZoneInfo = UTC_ZONE) -> list[UsageRow]:
    return usage.summarize(database, by=by, since=now() - timedelta(days=days), zone=zone)


@pytest.fixture
def asked(database: Database) -> None:
    """Two answers of U1 in C1, one of them long ago; one of U2 in a command of the terminal, which failed once."""
    searched_again(database, key="a")
    answered(database, key="b").age(40)
    turn = Recorded.begin(database, key="c", user="U2", channel=None)
    messages = [SYSTEM, turn.open()]
    turn.ask(messages, None, error="503", usage=Usage(prompt_tokens=70, cost_usd=Decimal("0.01")))
    turn.ask(messages, {"role": "assistant", "content": "Quoted"}, model="local/extractive", usage=FREE)
    turn.end("Quoted", status="failed", reason="error")


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("user", [UsageRow("U2", 1, 2, 1, 170, 0, 10, 0.01), UsageRow("U1", 1, 2, 0, 2000, 800, 100, 0.004)]),
        (
            "channel",
            [UsageRow("mention", 1, 2, 1, 170, 0, 10, 0.01), UsageRow("C1", 1, 2, 0, 2000, 800, 100, 0.004)],
        ),
        (
            "model",
            [
                UsageRow("openai/scripted", 2, 3, 1, 2000, 800, 100, 0.014),
                UsageRow("local/extractive", 1, 1, 0, 100, 0, 10, 0.0),
            ],
        ),
    ],
)
def test_it_is_summed_up_dearest_first(database: Database, asked: None, by: By, expected: list[UsageRow]) -> None:
    assert lines(database, by) == expected


def test_what_tools_cost_is_a_line_of_its_own_and_sums_are_the_same(database: Database, asked: None) -> None:
    turn = Recorded.begin(database, key="d")
    turn.tool("call_1", position=1, result={"found": 1}, cost_usd=Decimal("0.001"))
    turn.end("Five.")
    assert lines(database, "model")[1] == UsageRow("(tools)", 1, 0, 0, 0, 0, 0, 0.001)
    assert [round(sum(line.cost_usd for line in lines(database, by)), 6) for by in ("user", "model")] == [
        0.015
    ] * 2


def test_by_day_it_is_in_order_of_time(database: Database, asked: None) -> None:
    found = lines(database, "day", days=60)
    assert [line.n_questions for line in found] == [1, 2]
    assert found[0].name < found[1].name
    assert found[1].cost_usd == pytest.approx(0.014)


@pytest.mark.parametrize(("zone", "day"), [("UTC", "2026-05-10"), ("Pacific/Auckland", "2026-05-11")])
def test_a_day_begins_where_the_operator_is(database: Database, zone: str, day: str) -> None:
    answered(database)
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET created_at = '2026-05-10T20:00Z'"))
    since = datetime(2026, 5, 1, tzinfo=UTC)
    assert [line.name for line in usage.summarize(database, by="day", since=since, zone=ZoneInfo(zone))] == [day]


def test_a_failed_call_of_before_costs_what_was_held_for_it(database: Database) -> None:
    turn = Recorded.begin(database)
    turn.ask([SYSTEM], None, error="503")
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE model_calls SET cost_usd = NULL"))
    assert lines(database, "model")[0].cost_usd == pytest.approx(0.01)


def test_a_call_that_never_ended_costs_what_was_held_for_it(database: Database) -> None:
    turn = Recorded.begin(database)
    turn.ask([SYSTEM], None)
    turn.end(None, status="failed", reason="interrupted")
    assert lines(database, "model")[0].cost_usd == pytest.approx(0.01)
    assert lines(database, "day")[0].cost_usd == pytest.approx(0.01)


def test_the_budgets_of_today_and_this_month_stand_below(database: Database) -> None:
    today = now().date()
    rows = [
        ("workspace", "T1", "month", today.replace(day=1), 30),
        ("workspace", "T1", "day", today, 3),
        ("person", "T1:U1", "day", today, 2),
        ("person", "T1:U2", "day", today, 2.25),
        ("channel", "T1:C1", "day", today, 0),
        ("person", "T1:U1", "day", date(2020, 1, 1), 9),
    ]
    with database.transaction() as transaction:
        for scope, subject, period, starts_on, spent in rows:
            values = {"id": new_id(), "a": scope, "b": subject, "c": period, "d": starts_on, "e": spent}
            transaction.execute(
                text("""INSERT INTO budgets (id, scope, subject, period, starts_on, spent_usd, held_usd)
                VALUES (:id, :a, :b, :c, :d, :e, 0.5)"""),
                values,
            )
    limits = {
        (BudgetScope.PERSON, BudgetPeriod.DAY): Decimal(3),
        (BudgetScope.WORKSPACE, BudgetPeriod.DAY): Decimal(7),
        (BudgetScope.CHANNEL, BudgetPeriod.DAY): Decimal(0),
    }
    assert usage.budget_statuses(database, limits=limits, zone=UTC_ZONE) == [
        BudgetStatus("channel", "T1:C1", "day", 0.0, 0.5, 0.0),  # where nothing may be spent, all of it is
        BudgetStatus("person", "T1:U2", "day", 2.25, 0.5, 3.0),
        BudgetStatus("person", "T1:U1", "day", 2.0, 0.5, 3.0),
        BudgetStatus("workspace", "T1", "day", 3.0, 0.5, 7.0),
        BudgetStatus("workspace", "T1", "month", 30.0, 0.5, None),
    ]
