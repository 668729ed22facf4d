"""What a failed transaction leaves behind is known, unless its connection broke in the commit."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from agent.store.database import Database, Transaction, is_away, is_commit_unknown


def cut(database: Database, transaction: Transaction) -> None:
    """Ends the transaction's connection at the server, as a failover does."""
    pid = read_pid(transaction)
    with database.transaction() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        other.execute(text("SELECT pg_sleep(0.05)"))


def commit_cut(database: Database) -> None:
    with database.transaction() as transaction:
        cut(database, transaction)


def statement_cut(database: Database) -> None:
    with database.transaction() as transaction:
        cut(database, transaction)
        transaction.execute(text("SELECT 1"))


def statement_refused(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.execute(text("SELECT 1 / 0"))


def not_connected(database: Database) -> None:
    commit_cut(Database("postgresql://nobody@127.0.0.1:1/none"))


def read_only(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.execute(text("SET TRANSACTION READ ONLY"))
        transaction.execute(text("DELETE FROM turns"))


@pytest.mark.parametrize(
    ("fail", "is_server_away"),
    [
        (commit_cut, True),
        (statement_cut, True),
        (not_connected, True),
        (read_only, True),
        (statement_refused, False),
    ],
)
def test_a_server_that_is_away_is_told_from_a_statement_that_is_wrong(
    database: Database, fail: Callable[[Database], None], is_server_away: bool
) -> None:
    with pytest.raises(DBAPIError) as error:
        fail(database)
    assert is_away(error.value) is is_server_away


def test_after_a_refused_write_every_connection_is_opened_anew(database: Database) -> None:
    """It may lead to a primary that was demoted, while the address leads to another server by now."""
    with database.transaction() as transaction:
        before = read_pid(transaction)
    with pytest.raises(DBAPIError):
        read_only(database)
    with database.transaction() as transaction:
        assert read_pid(transaction) != before


@pytest.mark.parametrize(
    ("fail", "is_unknown"),
    [(commit_cut, True), (statement_cut, False), (statement_refused, False), (not_connected, False)],
)
def test_only_a_connection_that_breaks_in_the_commit_leaves_it_open(
    database: Database, fail: Callable[[Database], None], is_unknown: bool
) -> None:
    with pytest.raises(DBAPIError) as error:
        fail(database)
    assert is_commit_unknown(error.value) is is_unknown


def test_a_connection_that_lay_idle_is_looked_at_and_replaced_where_it_is_dead(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, other = Database(database_url), Database(database_url)
    pings: list[object] = []
    ping = used.engine.dialect.do_ping

    def count(connection: Any) -> bool:
        pings.append(connection)
        return ping(connection)

    monkeypatch.setattr(used.engine.dialect, "do_ping", count)

    def backend() -> int:
        with used.transaction() as transaction:
            return int(transaction.execute(text("SELECT pg_backend_pid()")).scalar_one())

    first = backend()
    assert [backend() for _ in range(3)] == [first] * 3
    assert pings == []
    monkeypatch.setattr("agent.store.database.IDLE_SECONDS", 0.0)
    assert backend() == first
    assert len(pings) == 1
    with other.transaction() as transaction:
        transaction.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": first})
    assert backend() != first
    used.close()
    other.close()


def test_what_came_at_once_leaves_one_connection_at_work_afterwards(database_url: str) -> None:
    """Postgres keeps megabytes for a connection that has worked on everything."""
    database = Database(database_url, pool_size=4)
    with ExitStack() as stack:
        at_once = {read_pid(stack.enter_context(database.transaction())) for _ in range(4)}
    pids = set()
    for _ in range(8):
        with database.transaction() as transaction:
            pids.add(read_pid(transaction))
    database.close()
    assert (len(at_once), len(pids)) == (4, 1)


def read_pid(transaction: Transaction) -> int:
    return int(transaction.execute(text("SELECT pg_backend_pid()")).scalar_one())
