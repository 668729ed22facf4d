"""Knows which table of the index is searched, and opens it. Postgres stores it; every search reads it.

A table is made with one embedding model; :mod:`ingest.index.reindex` makes a second table beside it and then
switches. Until then questions are embedded with the model of the table, whatever the settings say.
"""

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert

import agent.settings
from agent import observability
from agent.errors import UserError
from agent.store.database import Database, Transaction
from ingest.embedding.embedder import Embedder
from ingest.index.mirror.index_mirror import IndexMirror
from ingest.index.mirror.written_version import WrittenVersion
from ingest.index.ownership.index_writer import IndexWriter
from ingest.index.ownership.owner_record import WriterReplaced
from ingest.index.storage import object_store, outages
from ingest.index.table import TABLE, Index
from ingest.settings import LOCAL_EMBEDDING_MODELS, IngestSettings
from ingest.tables import IndexStateRow

MAX_HANDLES = 3  # open at once: the active table, the previous one, and the one being made


@dataclass(frozen=True)
class IndexHandle:
    """An open table with the embedder of its model."""

    database: Database
    index: Index
    embedder: Embedder


@dataclass(frozen=True)
class IndexState:
    """The table that is searched, its model, and the one being made, if any."""

    table: str
    embedding_model: str
    next_table: str | None = None
    next_model: str | None = None
    old_table: str | None = None
    switched_at: datetime | None = None
    written: WrittenVersion = field(default_factory=WrittenVersion)


class ActiveIndex:
    """Opens the active table; handles are cached, and shared by threads."""

    def __init__(self, database: Database, settings: IngestSettings) -> None:
        self.database = database
        self._settings = settings
        self._handles: dict[tuple[str, str], IndexHandle] = {}
        self._opening = threading.Lock()
        self.writer = IndexWriter(database, settings.index_address)
        self.mirror = open_mirror(settings)

    @property
    def address(self) -> str:
        """Returns the folder or ``s3://`` address of the index."""
        return self._settings.index_address

    def current(self) -> IndexHandle:
        """Opens the table that is active now: the same object until another becomes active.

        Under the index's lock none can become active.
        """
        with self.database.transaction() as transaction:
            state = self.state(transaction)
        return self.open_state(state)

    def state(self, transaction: Transaction) -> IndexState:
        """Reads which table is active; before the first write, the one that the settings describe."""
        return self.to_state(transaction.get(IndexStateRow, self.address))

    def to_state(self, row: IndexStateRow | None) -> IndexState:
        """Reads the row of this index, if there is one."""
        return _state(row) if row else IndexState(TABLE, self._settings.embedding_model)

    def open_state(self, state: IndexState) -> IndexHandle:
        """Opens the active table of a state."""
        return self.open(state.table, state.embedding_model)

    def open_for_search(self, state: IndexState) -> IndexHandle:
        """Opens the active table of a state for one search: on this machine, where the index is in a bucket."""
        handle = self.open_state(state)
        if self.mirror is None:
            return handle
        return replace(handle, index=handle.index.from_mirror(self.mirror, state.written))

    def open(self, table: str, model: str) -> IndexHandle:
        """Opens any table with the embedder of any model."""
        with self._opening:
            handle = self._handles.pop((table, model), None)
            if handle is None:
                index = Index(self.address, table=table, embedding_model=model, writer=self.writer)
                handle = IndexHandle(self.database, index, self._embedder(model))
            self._handles[(table, model)] = handle  # the latest comes last
            while len(self._handles) > MAX_HANDLES:
                del self._handles[next(iter(self._handles))]
            return handle

    def ensure_state(self) -> IndexHandle:
        """Stores which table is active, and its embedding model, before the first write.

        An existing table keeps its model; a missing one is created with the model of the settings. Raises
        :class:`ingest.index.ownership.owner_record.IndexOfAnother`.
        """
        with self.writer.alone():
            self.writer.claim()
            with self.database.transaction() as transaction:
                state = self.state(transaction)
            table_model = self.open_state(state).index.stored_model()
            model = table_model or self._settings.embedding_model
            with self.database.transaction() as transaction:
                row = IndexStateRow
                values = {"table_name": state.table, "embedding_model": model}
                statement = insert(row).values(address=self.address, **values)
                transaction.execute(statement.on_conflict_do_update(index_elements=[row.address], set_=values))
        return self.open(state.table, model)

    def optimize(self) -> None:
        """Makes the active table quick to search; a failure is counted and told by ``docent doctor``, because what
        was written is there all the same, and the next sync tries again. That another process writes by now is no
        failure: it optimizes what both wrote. The caller is alone."""
        problem = None
        try:
            self.current().index.optimize()
        except WriterReplaced:
            observability.log.warning("index_writer_replaced")
            return
        except (UserError, RuntimeError, OSError, ValueError) as error:
            problem = str(error) if isinstance(error, UserError) else outages.shorten_first_line(error)
            observability.log.warning("index_not_optimized", error_type=type(error).__name__)
        self.writer.note_optimizing(problem)

    def settle(self) -> None:
        """Records which version is the newest, after a sync that found the index in step with Postgres."""
        index = self.current().index
        if index.exists():
            self.writer.settle(index.table, lambda: int(index.version()))

    def _embedder(self, model: str) -> Embedder:
        if model in LOCAL_EMBEDDING_MODELS:
            return Embedder(model)
        from agent.llm import models

        return Embedder(
            model,
            price_usd=models.find_embedding_price(model, agent.settings.load()),
            tokens_per_minute=self._settings.embedding_tokens_per_minute,
        )


def open_mirror(settings: IngestSettings) -> IndexMirror | None:
    """Returns the mirror of an index in a bucket; None for another, and where none is wanted."""
    if not object_store.is_bucket(settings.index_address) or not settings.mirror_gb:
        return None
    home = settings.home.expanduser().absolute()
    return IndexMirror(settings.index_address, home, max_bytes=int(settings.mirror_gb * 1e9))


def _state(row: IndexStateRow) -> IndexState:
    return IndexState(
        row.table_name,
        row.embedding_model,
        row.next_table,
        row.next_model,
        row.old_table,
        row.switched_at,
        WrittenVersion(row.version, row.write_id, row.is_writing, row.optimized_version),
    )
