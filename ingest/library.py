"""The library, opened once per process and shared by its threads: search, read, list, sync, status.

Promises that nothing leaves it that some member of the audience may not read.
"""

import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select

from agent.errors import UserError
from agent.store.database import Database
from agent.types import Audience, Passage
from ingest import access
from ingest.documents.sandbox import Converter
from ingest.index import reindex
from ingest.index.active_index import ActiveIndex
from ingest.index.candidates import Candidate
from ingest.index.filters import ChunkFilter
from ingest.index.reindex import Change, Spent
from ingest.progress import Progress, ignore_progress
from ingest.search import listing, search
from ingest.search.listing import Listing, Order
from ingest.search.reranker import Reranker
from ingest.search.search import SearchContext, SearchResult
from ingest.settings import IngestSettings
from ingest.sources import connector
from ingest.sync import store, sync
from ingest.sync.distributed import DistributedSync
from ingest.sync.reports import SyncReport
from ingest.tables import DocumentRow


@dataclass(frozen=True)
class LibraryStatus:
    """What the operator and a turn's record want to know. ``problem`` tells why nothing can be searched."""

    embedding_model: str
    version: str
    n_chunks: int
    problem: str | None


class Library:
    """Documents that can be searched and read, each by those who may."""

    def __init__(self, database: Database, settings: IngestSettings) -> None:
        self._database = database
        self._settings = settings
        self._live = ActiveIndex(database, settings)
        self._reranker = Reranker(settings.rerank_model) if settings.rerank_model else None

    def search(self, query: str, *, audience: Audience, k: int | None = None) -> list[Passage]:
        """The best ``k`` passages for a question."""
        return list(self.look_up(query, audience=audience, k=k).passages)

    def look_up(
        self,
        query: str,
        *,
        audience: Audience,
        k: int | None = None,
        sources: Sequence[str] = (),
        since: datetime | None = None,
    ) -> SearchResult:
        """See :func:`ingest.search.search.look_up`; of all sources unless some are named, and of documents changed
        from ``since`` on where given."""
        at = self._at(audience, sources=tuple(sources), since=since)
        return search.look_up(query, at, k=k or self._settings.top_k)

    def read(
        self, reference: str, *, audience: Audience, heading: str = "", position: int | None = None, n: int = 12
    ) -> list[Passage]:
        """Up to ``n`` consecutive chunks of one document, named by its id, a chunk's id, its url or its title.

        Begins at the document's start, at the heading, or a little before the position. Empty when there is
        no such document, or none that the whole audience may read: the two are not told apart.
        """
        at = self._at(audience)
        readable = at.scope.access_ids
        document_id = self._document_id(reference.strip(), readable)
        chunks = at.index.chunks(document_id, access_ids=readable) if document_id else []
        start = _start(chunks, heading, position)
        return [search.passage(chunk, score=1.0) for chunk in chunks[start : start + n]]

    def listing(
        self, *, audience: Audience, source: str = "", title: str = "", order: Order = "recent", limit: int = 20
    ) -> Listing:
        """The documents that the whole audience may read; see :func:`ingest.search.listing.of`."""
        with self._database.transaction() as transaction:
            access_ids = access.readable(transaction, audience)
            return listing.of(transaction, access_ids, source=source, title=title, order=order, limit=limit)

    def sync(
        self,
        documents: connector.Source,
        *,
        readers: Iterable[str] = access.DEFAULT_READERS,
        options: Mapping[str, Any] | None = None,
        is_forced: bool = False,
        progress: Progress = ignore_progress,
        waiting: Callable[[], None] = lambda: None,
        converter: Callable[[], Converter] = Converter,
    ) -> SyncReport:
        """See :func:`ingest.sync.sync.run`."""
        return sync.run(
            documents,
            self._live,
            chunk_tokens=self._settings.chunk_tokens,
            readers=readers,
            options=options,
            is_forced=is_forced,
            progress=progress,
            waiting=waiting,
            converter=converter,
        )

    def sync_folder(
        self,
        path: str,
        *,
        source_name: str | None = None,
        link: str | None = None,
        readers: Iterable[str] = access.DEFAULT_READERS,
        **how: Any,
    ) -> SyncReport:
        """Reads a folder in; ``link`` such as ``https://handbook.example/{path}`` makes the links people click."""
        given = {"type": "folder", "location": path, "name": source_name or "", "link": link}
        opened = connector.opened(connector.described(given, where=path), home=self._settings.home)
        return self.sync(opened, readers=readers, **how)

    def ongoing(self, sync_id: uuid.UUID) -> DistributedSync | None:
        """A sync that the workers share; None once it has ended."""
        wanted = store.load(self._database, sync_id)
        return DistributedSync.of(wanted, self._live, self._settings) if wanted and wanted.is_open else None

    def forget(self, source_name: str) -> int:
        """Removes every document of a source, and what it kept; returns how many there were."""
        n_documents = sync.forget(source_name, self._live)
        shutil.rmtree(connector.place(self._settings.home, source_name), ignore_errors=True)
        return n_documents

    def change_of_model(self, *, is_anew: bool = False) -> Change | None:
        """What going over to the embedding model of the settings would take, if the index is of another, or is to
        be made anew all the same."""
        return reindex.change(self._live, self._settings.embedding_model, is_anew=is_anew)

    def reindex(self, *, is_anew: bool = False, progress: Progress = ignore_progress) -> Spent:
        """Goes over to the embedding model of the settings; see :func:`ingest.index.reindex.run`."""
        return reindex.run(self._live, self._settings.embedding_model, is_anew=is_anew, progress=progress)

    def tidy(self) -> None:
        """See :func:`ingest.index.reindex.tidy`."""
        reindex.tidy(self._live)

    def n_documents(self) -> dict[str, int]:
        """How many documents each source has, by name."""
        row = DocumentRow
        counted = select(row.source, func.count().label("n")).group_by(row.source).order_by(row.source)
        with self._database.transaction() as transaction:
            return {found.source: found.n for found in transaction.execute(counted)}

    def status(self) -> LibraryStatus:
        """Reads the index's state; never raises for an index that is missing or unusable."""
        stores = self._live.now()
        try:
            version, n_chunks, problem = stores.index.version(), stores.index.n_chunks(), None
        except UserError as error:
            version, n_chunks, problem = "", 0, str(error)
        return LibraryStatus(stores.embedder.model, version, n_chunks, problem)

    def _at(
        self,
        audience: Audience,
        *,
        sources: tuple[str, ...] = (),
        since: datetime | None = None,
    ) -> SearchContext:
        with self._database.transaction() as transaction:
            state = self._live.state(transaction)
            scope = ChunkFilter(tuple(access.readable(transaction, audience)), sources, since)
        stores = self._live.stores(state)  # the first time it may load litellm, for seconds
        return SearchContext(stores.index, stores.embedder, scope, self._reranker)

    def _document_id(self, reference: str, readable: Sequence[str]) -> str | None:
        by_chunk_id = reference.rpartition("-")[0] if len(reference) == len("0" * 32 + "-00000") else reference
        row = DocumentRow
        url = reference.partition("#page=")[0]
        names = [row.url == url, row.uri == reference, func.lower(row.title) == reference.lower()]
        with suppress(ValueError):
            names.append(row.id == uuid.UUID(by_chunk_id))
        found = select(row.id).where(or_(*names), row.access_id.in_(readable)).order_by(row.source, row.uri)
        with self._database.transaction() as transaction:
            id_ = transaction.scalars(found.limit(1)).first()
        return id_.hex if id_ else None


def _start(chunks: list[Candidate], heading: str, position: int | None) -> int:
    if position is not None:
        return max(0, min(position - 1, len(chunks) - 1))
    wanted = heading.strip().lower()
    return next((i for i, c in enumerate(chunks) if wanted and wanted in c.heading_path.lower()), 0)
