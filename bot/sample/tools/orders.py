"""A sample of a company's own tool: the orders of a customer, read from a table in Postgres.

Use it by DOCENT_TOOLS=bot/sample/tools and ORDERS_DATABASE_URL=postgresql://docent_orders:…@host:5432/shop with

    CREATE TABLE orders (
        id bigint PRIMARY KEY,
        customer text NOT NULL,
        status text NOT NULL CHECK (status IN ('open', 'shipped', 'cancelled')),
        ordered_on date NOT NULL,
        total numeric(12, 2) NOT NULL,
        currency char(3) NOT NULL
    );

and a role that can read this table and nothing else:

    CREATE ROLE docent_orders LOGIN PASSWORD '…'; GRANT SELECT ON orders TO docent_orders;

Promises to change nothing: its sessions are read only whatever the role may do, and every value is a bound
parameter. It shows orders to whoever asks: ``context.audience`` says who will see the answer, where that matters.
"""

import os
import time
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints
from sqlalchemy import (
    Column,
    Date,
    Engine,
    Integer,
    MetaData,
    Numeric,
    Select,
    Table,
    Text,
    create_engine,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from agent.errors import ToolError
from agent.tools import ToolContext, ToolResult, tool

VARIABLE = "ORDERS_DATABASE_URL"
LONGEST_SECONDS = 10  # of the query, if there is as much time
CONNECT_SECONDS = 3
GO_ON = "Say that the orders cannot be looked up now."

Customer = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]
ORDERS = Table(
    "orders",
    MetaData(),
    Column("id", Integer),
    Column("customer", Text),
    Column("status", Text),
    Column("ordered_on", Date),
    Column("total", Numeric),
    Column("currency", Text),
)


@tool()
def orders(
    customer: Customer,
    status: Literal["open", "shipped", "cancelled"] | None = None,
    since: date | None = None,
    until: date | None = None,
    limit: Annotated[int, Field(ge=1, le=50)] = 20,
    *,
    context: ToolContext,
) -> ToolResult:
    """Look up a customer's orders, the latest first: id, customer, status, day of the order, total and currency.

    `customer` is the customer's name or a part of it; `since` and `until` are days (YYYY-MM-DD), both included.
    `has_more` is true when there are more than are shown. Use it for questions about orders: whether one was
    shipped, what a customer ordered, how much for. Do not use it for prices, terms or anything that stands in
    documents.
    """
    if since and until and since > until:
        raise ToolError("since is after until.", hint="since is the first day, until the last one.")
    rows = _rows(_query(customer, status, since, until).limit(limit + 1), context.deadline)
    return ToolResult({"orders": [_as_json(row) for row in rows[:limit]], "has_more": len(rows) > limit})


def _query(customer: str, status: str | None, since: date | None, until: date | None) -> Select[Any]:
    column = ORDERS.c
    query = select(ORDERS).where(column.customer.icontains(customer, autoescape=True))
    if status:
        query = query.where(column.status == status)
    if since:
        query = query.where(column.ordered_on >= since)
    if until:
        query = query.where(column.ordered_on <= until)
    return query.order_by(column.ordered_on.desc(), column.id.desc())


def _rows(query: Select[Any], deadline: float) -> list[Any]:
    left_seconds = min(deadline - time.monotonic(), LONGEST_SECONDS)
    if left_seconds <= 0:
        raise ToolError("There is no time left to look up orders.", hint=GO_ON)
    try:
        with _engine().connect() as connection:
            timeout = {"ms": str(max(1, round(left_seconds * 1000)))}  # 0 would be no limit
            connection.execute(text("SELECT set_config('statement_timeout', :ms, true)"), timeout)
            return list(connection.execute(query).mappings())
    except OperationalError as error:
        raise ToolError("The database of orders does not answer, or not in time.", hint=GO_ON) from error
    except SQLAlchemyError as error:  # such as a table that is not there, or not for this role
        raise ToolError("The database of orders refused the query.", hint=GO_ON) from error


def _engine() -> Engine:
    url = os.environ.get(VARIABLE, "")
    if not url:
        raise ToolError(f"The database of orders is not set up: {VARIABLE} is missing.", hint=GO_ON)
    return _engine_of(url)


@cache
def _engine_of(url: str) -> Engine:
    try:
        address = make_url(url).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise ToolError(
            f"The database of orders is not set up: {VARIABLE} is not an address.", hint=GO_ON
        ) from None
    return create_engine(
        address,
        pool_pre_ping=True,
        pool_timeout=CONNECT_SECONDS,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "options": "-c default_transaction_read_only=on -c timezone=UTC",
            "application_name": "docent-orders",
        },
    )


def _as_json(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "customer": row["customer"],
        "status": row["status"],
        "ordered_on": row["ordered_on"].isoformat(),
        "total": str(row["total"]),
        "currency": row["currency"],
    }
