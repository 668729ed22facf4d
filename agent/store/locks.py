"""Locks between processes: Postgres' advisory locks, which vanish with the connection that took them.

There are two kinds. One lasts until the transaction ends that took it (:func:`lock`, :func:`share_sql`,
:func:`try_lock`). The other belongs to a connection of its own (:func:`acquire`, :func:`try_acquire`) and may
be kept while files are read and models are called, with no transaction open.

A lock is known by its name. Two kinds with one name exclude each other.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from agent.store.database import Database, Transaction

CLOCK = "clock"  # one round of the clock process
PRUNE = "prune"  # one batch of retention
BLOBS = "blobs"  # shared by those that store blobs or refer to them, exclusive for the deletion of blobs
MIGRATIONS = "docent"  # two release phases at once wait for each other
POLL_SECONDS = 0.1
_SPELLED = {CLOCK, PRUNE, BLOBS, MIGRATIONS}  # their number is their letters; all others are hashed

_LOCK = text("SELECT pg_advisory_xact_lock(:key)")
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")
_STAY_OPEN = text("SET LOCAL idle_in_transaction_session_timeout = 0")
_TRY_ACQUIRE = text("SELECT pg_try_advisory_lock(:key)")
_RELEASE = text("SELECT pg_advisory_unlock(:key)")


def lock(transaction: Transaction | Connection, name: str) -> None:
    """Takes the lock until the transaction ends; waits for it."""
    transaction.execute(_LOCK, {"key": number(name)})


def share_sql(name: str) -> str:
    """Returns the SQL expression that takes the lock until the transaction ends, beside others that share it; it
    waits for an exclusive owner. For statements that need the lock first."""
    return f"pg_advisory_xact_lock_shared({number(name)})"


def try_lock(transaction: Transaction, name: str) -> bool:
    """Takes the lock until the transaction ends unless another owns it; returns whether it did."""
    return bool(transaction.scalar(_TRY_LOCK, {"key": number(name)}))


@contextmanager
def acquire(database: Database, name: str, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Waits for the lock and keeps it inside the ``with``; ``waiting`` runs after every look in vain, and may
    raise.

    It polls, so that a waiting process can stop.
    """
    while True:
        with try_acquire(database, name) as is_ours:
            if is_ours:
                yield
                return
        waiting()
        time.sleep(POLL_SECONDS)


@contextmanager
def try_acquire(database: Database, name: str) -> Iterator[bool]:
    """Takes the lock for the ``with`` unless another owns it; yields whether it did.

    Where a pooler keeps no session, an open transaction that does nothing else keeps the connection.
    """
    key = {"key": number(name)}
    if not database.keeps_sessions:
        with database.transaction() as transaction:
            is_ours = bool(transaction.scalar(_TRY_LOCK, key))
            transaction.execute(_STAY_OPEN)  # last: a SELECT's portal keeps its snapshot, which holds up vacuum
            yield is_ours
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_ours = bool(connection.scalar(_TRY_ACQUIRE, key))
        try:
            yield is_ours
        finally:
            if is_ours:
                connection.execute(_RELEASE, key)


def number(name: str) -> int:
    """Returns the lock's number for Postgres: 64 bits, signed."""
    if name in _SPELLED:
        return int.from_bytes(name.encode())
    return int.from_bytes(hashlib.sha256(f"docent:{name}".encode()).digest()[:8], signed=True)
