"""Locks between processes, in Postgres."""

import time
from collections.abc import Callable

import pytest
from sqlalchemy import text

from agent.store import locks
from agent.store.database import Database


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until, "did not happen within 30 s"
        time.sleep(0.02)


def test_a_lock_is_one_holder_s_until_it_lets_go(database: Database) -> None:
    with locks.acquire(database, "a"):
        with locks.try_acquire(database, "a") as is_ours:
            assert not is_ours
        with locks.try_acquire(database, "b") as is_ours:
            assert is_ours
        with database.transaction() as transaction:
            assert not locks.try_lock(transaction, "a")
    with database.transaction() as transaction:
        assert locks.try_lock(transaction, "a")
        with locks.try_acquire(database, "a") as is_ours:
            assert not is_ours  # it is the transaction's
    with locks.try_acquire(database, "a") as is_ours:
        assert is_ours


def test_whoever_waits_for_a_lock_is_told_and_may_give_up(database: Database) -> None:
    n_looks = 0

    def waiting() -> None:
        nonlocal n_looks
        n_looks += 1
        if n_looks == 2:
            raise KeyboardInterrupt

    with (
        locks.acquire(database, "a"),
        pytest.raises(KeyboardInterrupt),
        locks.acquire(database, "a", waiting=waiting),
    ):
        pytest.fail("it was held")
    with locks.acquire(database, "a", waiting=lambda: pytest.fail("it was free")):
        pass


def test_an_error_lets_the_lock_go(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), locks.acquire(database, "a"):
        raise ZeroDivisionError
    with locks.try_acquire(database, "a") as is_ours:
        assert is_ours


def test_a_lock_goes_with_its_process(database: Database) -> None:
    """As Postgres sees it: the connection ends."""
    other = Database(database.url, pool_size=1)
    holding = locks.try_acquire(other, "a")
    assert holding.__enter__()
    with database.transaction() as transaction:
        assert not locks.try_lock(transaction, "a")
        transaction.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted "
                "AND pid <> pg_backend_pid()"
            )
        )
    wait_for(lambda: _is_free(database))
    with pytest.raises(Exception, match=r"terminat|closed"):
        holding.__exit__(None, None, None)
    other.close()


def _is_free(database: Database) -> bool:
    with database.transaction() as transaction:
        return locks.try_lock(transaction, "a")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (locks.CLOCK, 0x636C6F636B),
        (locks.PRUNE, 0x7072756E65),
        (locks.BLOBS, 0x626C6F6273),
        ("index", -7_671_401_883_634_320_287),
    ],
)
def test_two_releases_at_once_know_a_lock_by_the_same_number(database: Database, name: str, number: int) -> None:
    with database.transaction() as transaction:
        locks.lock(transaction, name)
        keys = transaction.execute(
            text("SELECT (classid::bigint << 32) + objid::bigint FROM pg_locks WHERE locktype = 'advisory'")
        )
        assert number in {row[0] for row in keys}


def test_those_that_share_a_lock_keep_others_out(database: Database) -> None:
    with database.transaction() as one, database.transaction() as other, database.transaction() as third:
        for sharer in (one, other):
            sharer.execute(text(f"SELECT {locks.share_sql('a')}"))
        assert not locks.try_lock(third, "a")
