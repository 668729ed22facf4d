"""The sample tool on a real table: right rows, nothing written, nothing injected, no secret told."""

import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InternalError

from agent.errors import ToolError
from agent.store.database import Database
from agent.tools import ToolContext
from agent.types import Audience
from tests.system import ROOT, free_port
from tools.registry import find_tools

FOLDER = ROOT / "bot" / "sample" / "tools"
DOCSTRING = (FOLDER / "orders.py").read_text().split('"""')[1]
ROWS = [
    (1, "Ropeway Nord", "shipped", "2026-01-10", "1200.50", "EUR"),
    (2, "Ropeway Nord", "open", "2026-02-28", "80.00", "EUR"),
    (3, "Ropeway Süd", "cancelled", "2026-02-28", "9999999999.99", "CHF"),
    (4, "100% Lifts; DROP TABLE orders", "open", "2026-03-01", "1.10", "EUR"),
]
TOOL = find_tools([str(FOLDER)])["orders"]
Look = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def table(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The table as the sample's docstring makes it."""
    create = DOCSTRING[DOCSTRING.index("CREATE TABLE") : DOCSTRING.index(");") + 1]
    with database.transaction() as transaction:
        transaction.execute(text(create))
        for row in ROWS:
            values = dict(zip("abcdef", row, strict=True))
            transaction.execute(text("INSERT INTO orders VALUES (:a, :b, :c, :d, :e, :f)"), values)
    monkeypatch.setenv("ORDERS_DATABASE_URL", database.url)
    yield database
    _module()._make_engine(database.url).dispose()
    with database.transaction() as transaction:
        transaction.execute(text("DROP TABLE IF EXISTS orders"))


def call(seconds: float = 20, **arguments: Any) -> dict[str, Any]:
    context = ToolContext(Audience(), "test", deadline=time.monotonic() + seconds)
    return dict(TOOL.call(arguments, context).data)


def ids(**arguments: Any) -> list[int]:
    return [order["id"] for order in call(**arguments)["orders"]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"customer": "ropeway"}, [3, 2, 1]),
        ({"customer": " Ropeway Nord "}, [2, 1]),
        ({"customer": "Ropeway", "status": "open"}, [2]),
        ({"customer": "Ropeway", "since": "2026-02-28"}, [3, 2]),
        ({"customer": "Ropeway", "until": "2026-02-27"}, [1]),
        ({"customer": "Ropeway", "since": "2026-01-10", "until": "2026-01-10"}, [1]),
        ({"customer": "Ropeway", "status": None, "since": None}, [3, 2, 1]),
        ({"customer": "0%"}, [4]),
        ({"customer": "R_peway"}, []),
        ({"customer": "Nord\0"}, [2, 1]),
        ({"customer": "Nobody"}, []),
    ],
)
def test_orders_are_found_by_customer_state_and_days(
    table: Database, arguments: dict[str, Any], expected: list[int]
) -> None:
    assert ids(**arguments) == expected


def test_money_and_days_are_exact_text(table: Database) -> None:
    data = call(customer="Süd")
    assert data == {
        "orders": [
            {
                "id": 3,
                "customer": "Ropeway Süd",
                "status": "cancelled",
                "ordered_on": "2026-02-28",
                "total": "9999999999.99",
                "currency": "CHF",
            }
        ],
        "has_more": False,
    }


def test_rows_are_bounded_and_that_there_are_more_is_said(table: Database) -> None:
    assert call(customer="Ropeway", limit=2)["has_more"] is True
    assert ids(customer="Ropeway", limit=2) == [3, 2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"since": "2026-02-31"}, "since: Input should be a real day, written YYYY-MM-DD"),
        ({"until": "yesterday"}, "until: Input should be a real day, written YYYY-MM-DD"),
        ({"until": "'; DROP TABLE orders; --"}, "until: Input should be a real day"),
        ({"since": 20260101}, "since: Input should be a real day"),
        ({"since": "2026-03-01", "until": "2026-02-01"}, "since is after until"),
        ({"status": "lost"}, "status: Input should be 'open', 'shipped' or 'cancelled'"),
        ({"customer": " x "}, "customer: String should have at least 2"),
        ({"limit": 51}, "limit: Input should be less than or equal to 50"),
    ],
)
def test_wrong_arguments_are_told_before_any_query(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolError) as error:
        call(**{"customer": "Ropeway", **arguments})
    assert said in str(error.value)
    assert error.value.hint
    assert "DROP" not in str(error.value) + error.value.hint


@pytest.mark.parametrize(
    "customer",
    [
        "'; DROP TABLE orders; --",
        "' OR '1'='1",
        "x' UNION SELECT 1,'a','b',now(),1,'c' --",
        "%' OR 1=1 --",
        "\\' OR 1=1",
    ],
)
def test_an_injection_finds_nothing_and_does_nothing(table: Database, customer: str) -> None:
    assert ids(customer=customer) == []
    assert ids(customer="DROP TABLE orders") == [4]
    assert len(ids(customer="Ropeway")) == 3


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO orders VALUES (9, 'x', 'open', '2026-01-01', 1, 'EUR')",
        "UPDATE orders SET total = 0",
        "DELETE FROM orders",
        "DROP TABLE orders",
        "CREATE TABLE other (x int)",
    ],
)
def test_nothing_can_be_written_through_its_connection_whatever_the_role_may_do(
    table: Database, statement: str
) -> None:
    with _module()._open_engine().connect() as connection, pytest.raises(InternalError, match="read-only"):
        connection.execute(text(statement))
    assert len(ids(customer="Ropeway")) == 3


def test_the_role_of_the_sample_can_read_the_table_and_nothing_else(
    table: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = f"orders_{free_port()}"
    create, grant = (line.replace("docent_orders", role) for line in _role_statements())
    with table.transaction() as transaction:
        transaction.execute(text(create.replace("…", "pw-hunter2")))
        transaction.execute(text(grant))
    url = make_url(table.url).set(username=role, password="pw-hunter2").render_as_string(hide_password=False)
    monkeypatch.setenv("ORDERS_DATABASE_URL", url)
    try:
        assert ids(customer="Nord") == [2, 1]
        with table.transaction() as transaction:
            transaction.execute(text(f"REVOKE SELECT ON orders FROM {role}"))
        with pytest.raises(ToolError, match="refused the query") as error:
            call(customer="Nord")
        assert "hunter2" not in str(error.value) + error.value.hint
    finally:
        _module()._make_engine(url).dispose()
        with table.transaction() as transaction:
            transaction.execute(text(f"DROP OWNED BY {role}"))
            transaction.execute(text(f"DROP ROLE {role}"))


def test_a_query_ends_at_the_deadline(table: Database) -> None:
    lock = create_engine(table.url)
    with lock.connect() as connection:
        connection.execute(text("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(ToolError, match="not in time"):
            call(seconds=0.5, customer="Nord")
    lock.dispose()
    with pytest.raises(ToolError, match="no time left"):
        call(seconds=-1, customer="Nord")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "ORDERS_DATABASE_URL is missing"),
        ("hunter2", "ORDERS_DATABASE_URL is not an address"),
        ("postgres://u:hunter2@127.0.0.1:9/shop", "does not answer"),
        ("postgres://u:hunter2@127.0.0.1:port/shop", "is not an address"),
    ],
)
def test_a_database_that_is_away_or_not_named_is_told_without_its_secrets(
    monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.setenv("ORDERS_DATABASE_URL", url)
    with pytest.raises(ToolError, match=said) as error:
        call(customer="Nord")
    assert "hunter2" not in str(error.value) + error.value.hint


def test_importing_it_reads_no_setting_and_connects_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORDERS_DATABASE_URL", raising=False)
    description = TOOL.schema()["function"]["description"]
    assert "Use it" in description
    assert "Do not use it" in description


def _role_statements() -> list[str]:
    (line,) = (line for line in DOCSTRING.splitlines() if "CREATE ROLE" in line)
    return [statement.strip() for statement in line.split(";") if statement.strip()]


def _module() -> ModuleType:
    return sys.modules[TOOL.function.__module__]
