"""Writes an index alone: takes Postgres' lock and the index's own, and records which version a write made.

Promises that two processes never write at once, whatever database they use and whatever their clocks say; that an
index which belongs to another deployment is not touched; and that Postgres says "somebody writes" before a write
and names the version after it, so that a search knows whether it has the newest one.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from agent.clock import new_id
from agent.store import locks
from agent.store.database import Database, Transaction
from ingest.index import lock_names
from ingest.index.ownership.bucket_lock import BucketLock
from ingest.index.ownership.folder_lock import FolderLock
from ingest.index.ownership.no_lock import NoLock
from ingest.index.ownership.owner_record import OwnerRecord, WriterReplaced
from ingest.index.storage import object_store
from ingest.tables import DeploymentRow, IndexStateRow


class IndexLock(Protocol):
    """The lock that lies at the index itself."""

    def read(self) -> OwnerRecord | None: ...
    def claim(self, deployment: str) -> None: ...
    def take_over(self, deployment: str) -> None: ...
    def acquire(self, deployment: str) -> None: ...
    def require(self) -> None: ...
    def release(self) -> None: ...


class IndexWriter:
    """Whoever writes the index of an address in this process; shared by threads, of which one writes at a time."""

    def __init__(self, database: Database, address: str) -> None:
        self.database = database
        self.address = address
        self.lock = make_lock(address)
        self._is_recorded = object_store.is_bucket(address)  # a folder's version is looked up by each search
        self._turn = threading.RLock()
        self._n_inside = 0
        self._has_lock = False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Takes Postgres' lock of the index for the ``with``, and the index's own with the first write in it.

        Inside another ``with`` of the same thread it does nothing.
        """
        with self._turn:
            if self._n_inside:
                yield
                return
            with locks.acquire(self.database, lock_names.INDEX):
                self._n_inside += 1
                try:
                    yield
                finally:
                    self._n_inside -= 1
                    if self._has_lock:
                        self._has_lock = False
                        self.lock.release()

    def probe(self) -> None:
        """Raises :class:`ingest.index.storage.object_store.BucketProblem` where the bucket cannot be reached.

        For before a lock is taken: whoever is cut off from the bucket alone would keep all others waiting.
        """
        self.lock.read()

    @contextmanager
    def writing(self, table: str, newest: Callable[[], int], *, is_content: bool = True) -> Iterator[None]:
        """Encloses one write of a table; ``newest`` returns the version it made.

        A write that is not of contents makes the same rows easier to search. Raises
        :class:`ingest.index.ownership.owner_record.IndexOfAnother` before anything is written, and
        :class:`ingest.index.ownership.owner_record.WriterReplaced`, that also after a write during which another
        took the lock.
        """
        with self.alone():
            if not self._has_lock:
                self.lock.acquire(str(self.deployment()))
                self._has_lock = True
            self.lock.require()
            if self._is_recorded and is_content:
                self._update(table, is_writing=True)
            yield
            if not self._is_recorded:
                return
            self._require_still(table, is_content=is_content)
            if is_content:
                self._record(table, newest())
            else:
                self._update(table, optimized_version=newest())

    def _require_still(self, table: str, *, is_content: bool) -> None:
        """Raises as the lock does where another writes by now; what we wrote may then be older than what is
        recorded, or newer: until that one records its next version, searches ask the bucket."""
        try:
            self.lock.require()
        except WriterReplaced:
            if is_content:
                self._update(table, is_writing=True)
            raise

    def settle(self, table: str, newest: Callable[[], int]) -> None:
        """Records the newest version of a table where a writer was killed before it did, or the bucket has another
        than was recorded; the caller is alone, and has just brought the index in step with Postgres. Raises as
        :meth:`writing` where another took the lock since: what it is writing is not to be hidden."""
        if not self._is_recorded:
            return
        if self._has_lock:
            self.lock.require()
        version = newest()
        with self.database.transaction() as transaction:
            row = transaction.get(IndexStateRow, self.address)
            known = {row.version, row.optimized_version} if row and not row.is_writing else set()
        if version not in known:
            self._record(table, version)

    def note_optimizing(self, problem: str | None) -> None:
        """Counts failures of optimizing in a row, with what the last one said; None ends the row."""
        row = IndexStateRow
        n = row.n_optimize_failures + 1 if problem else 0
        statement = update(row).where(row.address == self.address)
        if problem is None:
            statement = statement.where(row.n_optimize_failures > 0)
        with self.database.transaction() as transaction:
            transaction.execute(statement.values(n_optimize_failures=n, optimize_problem=problem))

    def _record(self, table: str, version: int) -> None:
        write_id = uuid4().hex
        self._update(table, version=version, write_id=write_id, is_writing=False, optimized_version=None)

    def deployment(self) -> UUID:
        """Returns the id of this deployment, which the database keeps."""
        with self.database.transaction() as transaction:
            return load_deployment(transaction)

    def claim(self) -> UUID:
        """Makes an index without an owner this deployment's; raises
        :class:`ingest.index.ownership.owner_record.IndexOfAnother`."""
        deployment = self.deployment()
        self.lock.claim(str(deployment))
        return deployment

    def take_over(self) -> None:
        """Makes the index this deployment's, whoever owned it, and forgets what is recorded of its version."""
        with self.alone():
            self.lock.take_over(str(self.deployment()))
            self._update(None, version=None, write_id=None, is_writing=False, optimized_version=None)

    def _update(self, table: str | None, **values: object) -> None:
        """Changes the row of the index, if the table is the active one."""
        row = IndexStateRow
        statement = update(row).where(row.address == self.address).values(values)
        if table is not None:
            statement = statement.where(row.table_name == table)
        with self.database.transaction() as transaction:
            transaction.execute(statement)


def make_lock(address: str) -> IndexLock:
    """Returns the lock of the index at an address, which nobody has taken yet."""
    if object_store.is_bucket(address):
        return BucketLock(address)
    return NoLock() if "://" in address else FolderLock(address)


def load_deployment(transaction: Transaction) -> UUID:
    """Reads this deployment's id; makes one when it is first asked for."""
    if stored := transaction.scalar(select(DeploymentRow.id)):
        return UUID(str(stored))
    transaction.execute(insert(DeploymentRow).values(id=new_id()).on_conflict_do_nothing())
    return UUID(str(transaction.scalars(select(DeploymentRow.id)).one()))
