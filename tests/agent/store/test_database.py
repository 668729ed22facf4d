"""What a failed transaction leaves behind is known, unless its connection broke in the commit."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from agent.store.database import Database, Transaction, is_commit_unknown


def cut(database: Database, transaction: Transaction) -> None:
    """Ends the transaction's connection at the server, as a failover does."""
    pid = transaction.scalar(text("SELECT pg_backend_pid()"))
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
