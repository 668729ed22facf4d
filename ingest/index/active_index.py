"""Which table of the index is searched: known to every process, read with every search.

An index is made with one embedding model; :mod:`ingest.index.reindex` makes a second table beside it and then
switches. Until then questions are embedded as the documents are, whatever the settings say.
"""

import threading
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert

import agent.settings
from agent.store import locks
from agent.store.database import Database, Transaction
from ingest import lock_names
from ingest.embedding import Embedder
from ingest.index.table import TABLE, Index
from ingest.settings import STATIC_EMBEDDING_MODEL, IngestSettings
from ingest.tables import IndexStateRow

AT_ONCE = 3  # handles kept: what is live, what was, and what is being made


@dataclass(frozen=True)
class IndexHandle:
    """Where documents go."""

    database: Database
    index: Index
    embedder: Embedder


@dataclass(frozen=True)
class IndexState:
    """The table that is searched, its model, and the one in the making."""

    table: str
    embedding_model: str
    next_table: str | None = None
    next_model: str | None = None
    old_table: str | None = None
    switched_at: datetime | None = None


class ActiveIndex:
    """Opens what is live; handles are kept, and shared by threads."""

    def __init__(self, database: Database, settings: IngestSettings) -> None:
        self.database = database
        self._settings = settings
        self._opened: dict[tuple[str, str], IndexHandle] = {}
        self._opening = threading.Lock()

    @property
    def address(self) -> str:
        """Where the index lies."""
        return self._settings.index_address

    def now(self) -> IndexHandle:
        """What is live at this moment, always the same object while it is; for a writer that holds the index's
        lock until it lets go."""
        with self.database.transaction() as transaction:
            state = self.state(transaction)
        return self.stores(state)

    def state(self, transaction: Transaction) -> IndexState:
        """What is live now; where nothing has been written yet, what the settings say will be."""
        row = transaction.get(IndexStateRow, self.address)
        return _state(row) if row else IndexState(TABLE, self._settings.embedding_model)

    def stores(self, state: IndexState) -> IndexHandle:
        """The handles on a state's table and model."""
        return self.opened(state.table, state.embedding_model)

    def opened(self, table: str, model: str) -> IndexHandle:
        """The handles on any table."""
        with self._opening:
            known = self._opened.pop((table, model), None)
            if known is None:
                index = Index(self.address, table=table, embedding_model=model)
                known = IndexHandle(self.database, index, self._embedder(model))
            self._opened[(table, model)] = known  # the last that was asked for comes last
            while len(self._opened) > AT_ONCE:
                del self._opened[next(iter(self._opened))]
            return known

    def settled(self) -> IndexHandle:
        """For whoever writes: what is live, written down. An index of before this was written down keeps its
        model; one that is lost is made anew with the model of the settings."""
        with locks.acquire(self.database, lock_names.INDEX):
            with self.database.transaction() as transaction:
                state = self.state(transaction)
            made_with = self.stores(state).index.made_with()
            model = made_with or self._settings.embedding_model
            with self.database.transaction() as transaction:
                row = IndexStateRow
                values = {"table_name": state.table, "embedding_model": model}
                statement = insert(row).values(address=self.address, **values)
                transaction.execute(statement.on_conflict_do_update(index_elements=[row.address], set_=values))
        return self.opened(state.table, model)

    def _embedder(self, model: str) -> Embedder:
        if model == STATIC_EMBEDDING_MODEL:
            return Embedder(model)
        from agent.llm import models

        return Embedder(
            model,
            price_usd=models.find_embedding_price(model, agent.settings.load()),
            tokens_per_minute=self._settings.embedding_tokens_per_minute,
        )


def _state(row: IndexStateRow) -> IndexState:
    return IndexState(
        row.table_name, row.embedding_model, row.next_table, row.next_model, row.old_table, row.switched_at
    )
