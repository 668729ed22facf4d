"""Locks between processes: Postgres' advisory locks, which are gone with the process that held them.

They are no transactions: a lock may be held while files are read and models are asked.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import text

from agent.store.database import Database, Transaction

INDEX = "index"  # held while a batch is written: LanceDB would let two writers run into each other
LOOK_SECONDS = 0.1


def of_source(name: str) -> str:
    """The lock that a source is listed under."""
    return f"source:{name}"


@contextmanager
def held(database: Database, name: str, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Waits for the lock; ``waiting`` is called with every look at it that was in vain, and may raise."""
    while True:
        with tried(database, name) as is_ours:
            if is_ours:
                yield
                return
        waiting()
        time.sleep(LOOK_SECONDS)


@contextmanager
def tried(database: Database, name: str) -> Iterator[bool]:
    """Takes the lock if nobody holds it; tells whether it did."""
    key = {"key": _key(name)}
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_ours = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), key))
        try:
            yield is_ours
        finally:
            if is_ours:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)


def is_free(transaction: Transaction, name: str) -> bool:
    """Whether nobody holds the lock; if so this transaction does, until it ends."""
    return bool(transaction.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _key(name)}))


def _key(name: str) -> int:
    """The lock's number: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(f"docent:{name}".encode()).digest()[:8], signed=True)
