"""A sample of a company's own tool: looks up a customer's orders in a table in Postgres.

To use it, set DOCENT_TOOLS=bot/sample/tools and ORDERS_DATABASE_URL=postgresql://docent_orders:…@host:5432/shop,
for a database with the table

    CREATE TABLE orders (
        id bigint PRIMARY KEY,
        customer text NOT NULL,
        status text NOT NULL CHECK (status IN ('open', 'shipped', 'cancelled')),
        ordered_on date NOT NULL,
        total numeric(12, 2) NOT NULL,
        currency char(3) NOT NULL
    );

and a role that may only read this table:

    CREATE ROLE docent_orders LOGIN PASSWORD '…'; GRANT SELECT ON orders TO docent_orders;

Promises to change nothing: its sessions are read-only whatever the role may do, and every value is a bound
parameter. Does not restrict who sees which orders; ``context.audience`` says who will see the answer.
"""

import os
import time
from datetime import date
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from sqlalchemy import (
    Column,
    Date,
    Engine,
    Integer,
    MetaData,
    Numeric,
    RowMapping,
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
from agent.types import JsonObject

VARIABLE = "ORDERS_DATABASE_URL"
QUERY_SECONDS = 10  # less if the tool's deadline is sooner
CONNECT_SECONDS = 3
UNAVAILABLE_HINT = "Say that the orders cannot be looked up now."

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
    `has_more` is true if there are more orders than these. Use it for questions about orders: whether one was
    shipped, what a customer ordered, how much for. Do not use it for prices, terms or anything else that the
    documents say.
    """
    if since and until and since > until:
        raise ToolError("since is after until.", hint="since is the first day, until is the last one.")
    rows = _fetch(_make_query(customer, status, since, until).limit(limit + 1), context.deadline)
    return ToolResult({"orders": [_to_json(row) for row in rows[:limit]], "has_more": len(rows) > limit})


def _make_query(
    customer: str, status: str | None, since: date | None, until: date | None
) -> Select[tuple[object, ...]]:
    column = ORDERS.c
    query = select(ORDERS).where(column.customer.icontains(customer, autoescape=True))
    if status:
        query = query.where(column.status == status)
    if since:
        query = query.where(column.ordered_on >= since)
    if until:
        query = query.where(column.ordered_on <= until)
    return query.order_by(column.ordered_on.desc(), column.id.desc())


def _fetch(query: Select[tuple[object, ...]], deadline: float) -> list[RowMapping]:
    left_seconds = min(deadline - time.monotonic(), QUERY_SECONDS)
    if left_seconds <= 0:
        raise ToolError("There is no time left to look up orders.", hint=UNAVAILABLE_HINT)
    try:
        with _open_engine().connect() as connection:
            timeout = {"ms": str(max(1, round(left_seconds * 1000)))}  # 0 would mean no limit
            connection.execute(text("SELECT set_config('statement_timeout', :ms, true)"), timeout)
            return list(connection.execute(query).mappings())
    except OperationalError as error:
        raise ToolError(
            "The database of orders does not answer, or not in time.", hint=UNAVAILABLE_HINT
        ) from error
    except SQLAlchemyError as error:  # for example the table is missing, or the role may not read it
        raise ToolError("The database of orders refused the query.", hint=UNAVAILABLE_HINT) from error


def _open_engine() -> Engine:
    url = os.environ.get(VARIABLE, "")
    if not url:
        raise ToolError(f"The database of orders is not set up: {VARIABLE} is missing.", hint=UNAVAILABLE_HINT)
    return _make_engine(url)


@cache
def _make_engine(url: str) -> Engine:
    try:
        address = make_url(url).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise ToolError(
            f"The database of orders is not set up: {VARIABLE} is not an address.", hint=UNAVAILABLE_HINT
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


def _to_json(row: RowMapping) -> JsonObject:
    return {
        "id": row["id"],
        "customer": row["customer"],
        "status": row["status"],
        "ordered_on": row["ordered_on"].isoformat(),
        "total": str(row["total"]),
        "currency": row["currency"],
    }
