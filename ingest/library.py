"""Opens the library: search, read, list, sync, status. Once per process, shared by its threads.

Promises that nothing leaves it that some member of the audience may not read. Owns no logic of its own: searching
is :mod:`ingest.search`, syncing :mod:`ingest.sync`, the index :mod:`ingest.index`.
"""

import copy
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, case, func, or_, select

from agent.clock import now
from agent.errors import UserError
from agent.store.database import Database, Transaction
from agent.types import Audience, Passage
from ingest.access import reader_sets
from ingest.access.declaration import EVERYONE_READS, Declaration
from ingest.access.reader_sets import N_STORED, Readers, ReaderSets
from ingest.documents import upkeep
from ingest.documents.converter import Converter
from ingest.index import reindex
from ingest.index.active_index import ActiveIndex, IndexState
from ingest.index.candidates import Candidate
from ingest.index.filters import ChunkFilter
from ingest.index.reindex import EmbeddingCost, ModelChange
from ingest.index.table import IndexedHeading, NoIndex
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
from ingest.sync.store import Options
from ingest.tables import DocumentRow, IndexStateRow, ReaderSetRow
from ingest.verified import answers, indexing
from ingest.verified.answers import VerifiedAnswer
from ingest.verified.screen import VerifiedScreen

# Built once: every search makes both, and building a statement takes longer than running it.
_now = select(N_STORED.label("n")).subquery()
_STATE = (
    select(_now.c.n, IndexStateRow)
    .select_from(_now)
    .outerjoin(IndexStateRow, IndexStateRow.address == bindparam("address"))
)
_EXPIRES = DocumentRow.upkeep["expires"].astext
_IS_READ_IN_PART = and_(
    DocumentRow.problem.is_not(None),
    DocumentRow.n_chunks > 0,
    DocumentRow.content_hash != "",  # else an earlier version is kept, because the present one could not be read
    DocumentRow.own_readers.is_(None),  # else the problem is not for those who read it
)
_CONDITIONS = select(
    DocumentRow.id, case((_IS_READ_IN_PART, DocumentRow.problem), else_=None), func.coalesce(_EXPIRES, "")
).where(
    DocumentRow.id.in_(bindparam("ids", expanding=True)),
    or_(_IS_READ_IN_PART, _EXPIRES.is_not(None)),
)


@dataclass(frozen=True)
class LibraryStatus:
    """The state of the index; ``problem`` tells why it cannot be searched."""

    embedding_model: str
    version: str
    n_chunks: int
    problem: str | None
    is_empty: bool  # nothing has been read in


@dataclass(frozen=True)
class DocumentCondition:
    """``gap`` is what could not be read of a document that was read in part, ``expired`` the last day on which it
    held, if that has passed (such as 2026-01-31); empty where there is no such thing."""

    gap: str = ""
    expired: str = ""


class Library:
    """Documents that can be searched and read, each by those who may.

    For example::

        library = Library(database, settings.load())
        options = connector.validate_options({"location": "docs/handbook"}, where="example")
        report = library.sync(connector.open_source(options, home=settings.load().home))
        result = library.search("Where do I park my bicycle?", audience=Audience())
        for passage in result.passages:
            print(passage.title, passage.score, passage.text)
    """

    def __init__(self, database: Database, settings: IngestSettings) -> None:
        self.database = database
        self.settings = settings
        self.active_index = ActiveIndex(database, settings)
        self.reader_sets = ReaderSets()
        self._reranker = Reranker(settings.rerank_model) if settings.rerank_model else None
        self._next_state: IndexState | None = None  # what the next search goes by, where it was just read
        self._only: tuple[str, ...] = ()  # the sources that are searched and listed; empty: all

    def read_state(self, transaction: Transaction) -> IndexState:
        """Reads which table is searched, and who may read what, as they are now."""
        n_reader_sets, state = transaction.execute(_STATE, {"address": self.active_index.address}).one()
        self.reader_sets.update(transaction, n_reader_sets)
        return self.active_index.to_state(state)

    def is_cut_off(self, state: IndexState) -> bool:
        """Returns whether this machine can search nothing: it has no copy of the index, and its bucket is away."""
        mirror = self.active_index.mirror
        return mirror is not None and mirror.lacks(state.table)

    def at(self, state: IndexState) -> "Library":
        """Returns this library for one question: its first search goes by a state that was just read."""
        library = copy.copy(self)
        library._next_state = state
        return library

    def within(self, sources: Sequence[str]) -> "Library":
        """Returns this library narrowed to these sources, if any are named: others are not searched, read or
        listed."""
        library = copy.copy(self)
        library._only = tuple(sources)
        return library

    def search(
        self,
        query: str,
        *,
        audience: Audience,
        k: int | None = None,
        sources: Sequence[str] = (),
        since: datetime | None = None,
    ) -> SearchResult:
        """Finds the best ``k`` passages for a question that the whole audience may read.

        Searches all sources unless some are named, and with ``since`` only documents changed since then. Raises
        :class:`agent.errors.UserError` when there is no usable index. See :func:`ingest.search.search.search`.
        """
        context = self._context(audience, sources=tuple(sources), since=since)
        return search.search(query, context, k=k or self.settings.top_k)

    def search_parts(
        self,
        queries: Sequence[str],
        *,
        audience: Audience,
        sources: Sequence[str] = (),
        since: datetime | None = None,
    ) -> tuple[list[SearchResult], Mapping[str, VerifiedAnswer]]:
        """Does the same for a question and for each part of it, at once.

        Returns also the verified answers among the candidates, by their documents' ids.
        """
        screen = VerifiedScreen(self.database, audience, self._only)
        context = self._context(audience, sources=tuple(sources), since=since, screen=screen)
        return search.search_parts(queries, context, k=self.settings.top_k), screen.usable

    def read(
        self, reference: str, *, audience: Audience, heading: str = "", position: int | None = None, n: int = 12
    ) -> list[Passage]:
        """Reads up to ``n`` consecutive chunks of one document, named by its id, a chunk's id, its url or its
        title.

        Begins at the document's start, at the heading, or a little before the position. Returns nothing when there
        is no such document, or none that the whole audience may read: the two look the same.
        """
        context = self._context(audience)
        access_ids = context.scope.access_ids
        document_id = self._document_id(reference.strip(), access_ids)
        chunks = context.index.chunks(document_id, access_ids=access_ids) if document_id else []
        chunks = VerifiedScreen(self.database, audience, self._only).admit(chunks)
        start = _start(chunks, heading, position)
        return [search.to_passage(chunk, score=1.0) for chunk in chunks[start : start + n]]

    def list_headings(self, document_ids: Sequence[str], *, audience: Audience) -> list[IndexedHeading]:
        """Lists the headings of documents, of those that the whole audience may read."""
        context = self._context(audience)
        return context.index.headings(document_ids, access_ids=context.scope.access_ids)

    def list_documents(
        self, *, audience: Audience, source: str = "", title: str = "", order: Order = "recent", limit: int = 20
    ) -> Listing:
        """Lists documents that the whole audience may read; see :func:`ingest.search.listing.list_documents`."""
        with self.database.transaction() as transaction:
            access_ids = self._readable(transaction, audience)
            return listing.list_documents(
                transaction,
                access_ids,
                source=source,
                title=title,
                order=order,
                limit=limit,
                within=self._only,
                without=answers.SOURCE,
            )

    def find_conditions(self, document_ids: Iterable[str]) -> dict[str, DocumentCondition]:
        """Returns what to know of documents before they are quoted, by their id, where there is anything."""
        ids = [uuid.UUID(id_) for id_ in set(document_ids)]
        if not ids:
            return {}
        with self.database.transaction() as transaction:
            rows = transaction.execute(_CONDITIONS, {"ids": ids}).all()
        return {id_.hex: _read_condition(problem or "", expires) for id_, problem, expires in rows}

    def sync(
        self,
        source: connector.Source,
        *,
        declaration: Declaration = EVERYONE_READS,
        options: Options | None = None,
        is_forced: bool = False,
        progress: Progress = ignore_progress,
        waiting: Callable[[], None] = lambda: None,
        converter: Callable[[], Converter] = Converter,
    ) -> SyncReport:
        """Syncs a source in this process; see :func:`ingest.sync.sync.run`."""
        return sync.run(
            source,
            self.active_index,
            chunk_tokens=self.settings.chunk_tokens,
            declaration=declaration,
            options=options,
            is_forced=is_forced,
            progress=progress,
            waiting=waiting,
            converter=converter,
        )

    def narrow_readers(self, source_name: str, declaration: Declaration, *, problem: str) -> int:
        """Takes away rights of a source that cannot be opened; see :func:`ingest.sync.sync.narrow_readers`."""
        return sync.narrow_readers(source_name, self.active_index, declaration=declaration, problem=problem)

    def open_sync(self, sync_id: uuid.UUID) -> DistributedSync | None:
        """Opens a sync that the workers share; returns None once it has ended."""
        stored = store.load(self.database, sync_id)
        if stored is None or not stored.is_open:
            return None
        return DistributedSync.open(stored, self.active_index, self.settings)

    def forget(self, source_name: str) -> int:
        """Removes every document of a source and its cache; returns how many documents there were."""
        n_documents = sync.forget(source_name, self.active_index)
        shutil.rmtree(connector.cache_folder(self.settings.home, source_name), ignore_errors=True)
        return n_documents

    def forget_document(self, source_name: str, reference: str) -> str | None:
        """Removes one document; see :func:`ingest.sync.sync.forget_document`."""
        return sync.forget_document(source_name, reference, self.active_index)

    def estimate_model_change(self, *, is_forced: bool = False) -> ModelChange | None:
        """Estimates a change to the embedding model of the settings; None where the index is made with it already
        and the change is not ``is_forced``."""
        return reindex.estimate_change(self.active_index, self.settings.embedding_model, is_forced=is_forced)

    def reindex(self, *, is_forced: bool = False, progress: Progress = ignore_progress) -> EmbeddingCost:
        """Changes to the embedding model of the settings; see :func:`ingest.index.reindex.run`."""
        return reindex.run(
            self.active_index, self.settings.embedding_model, is_forced=is_forced, progress=progress
        )

    def refresh_verified(self) -> int:
        """Brings the index in step with the verified answers; see :func:`ingest.verified.indexing.refresh`."""
        return indexing.refresh(self.active_index, chunk_tokens=self.settings.chunk_tokens)

    def clean_up_index(self) -> None:
        """Drops what unfinished changes of model left; see :func:`ingest.index.reindex.clean_up`."""
        reindex.clean_up(self.active_index)

    def count_documents(self) -> dict[str, int]:
        """Counts the documents of each source, by name."""
        row = DocumentRow
        counts = select(row.source, func.count()).group_by(row.source).order_by(row.source)
        with self.database.transaction() as transaction:
            return dict(transaction.execute(counts).all())

    def list_hosts(self) -> list[tuple[str, Readers]]:
        """Lists the hosts of all documents' addresses, of those that are on the web, and who reads these."""
        host = func.substring(DocumentRow.url, "^https?://([^/?#]+)").label("host")
        found = select(host, DocumentRow.access_id).where(host.is_not(None)).distinct().subquery()
        hosts = select(found.c.host, ReaderSetRow.principals).join(
            found, found.c.access_id == ReaderSetRow.access_id
        )
        with self.database.transaction() as transaction:
            rows = transaction.execute(hosts)
            return [(name, reader_sets.from_json(principals)) for name, principals in rows]

    def status(self, state: IndexState | None = None) -> LibraryStatus:
        """Describes the index, in a state that was just read or as it is now; never raises for an index that is
        missing or unusable."""
        if state is None:
            with self.database.transaction() as transaction:
                state = self.active_index.state(transaction)
        handle = self.active_index.open_for_search(state)
        try:
            version, n_chunks, problem = handle.index.version(), handle.index.n_chunks(), None
            is_empty = not n_chunks
        except UserError as error:
            version, n_chunks, problem = "", 0, str(error)
            is_empty = isinstance(error, NoIndex)
        return LibraryStatus(handle.embedder.model, version, n_chunks, problem, is_empty)

    def _context(
        self,
        audience: Audience,
        *,
        sources: tuple[str, ...] = (),
        since: datetime | None = None,
        screen: VerifiedScreen | None = None,
    ) -> SearchContext:
        state, self._next_state = self._next_state, None
        if state is None:
            with self.database.transaction() as transaction:
                state = self.read_state(transaction)
        named = tuple(name for name in sources or self._only if not self._only or name in self._only)
        is_elsewhere = bool(self._only) and not named  # a source was named that is not searched here
        if self._only and not sources:
            named += (answers.SOURCE,)  # those that rest on other sources are left out by the screen
        scope = ChunkFilter(() if is_elsewhere else self.reader_sets.readable(audience), named, since)
        handle = self.active_index.open_for_search(state)  # the first time it may load litellm, for seconds
        screen = screen or VerifiedScreen(self.database, audience, self._only)
        return SearchContext(
            handle.index, handle.embedder, scope, self._reranker, screen.filter, first=answers.SOURCE
        )

    def may_read_more(self, audience: Audience, *, than: Audience) -> bool:
        """Returns whether an audience may read a document that the other may not, as of the last search."""
        return bool({*self.reader_sets.readable(audience)} - {*self.reader_sets.readable(than)})

    def _readable(self, transaction: Transaction, audience: Audience) -> tuple[str, ...]:
        self.reader_sets.update(transaction)
        return self.reader_sets.readable(audience)

    def _document_id(self, reference: str, access_ids: Sequence[str]) -> str | None:
        by_chunk_id = reference.rpartition("-")[0] if len(reference) == len("0" * 32 + "-00000") else reference
        row = DocumentRow
        page = reference.partition("#")[0]
        names = [row.url.in_((reference, page)), row.uri == reference, func.lower(row.title) == reference.lower()]
        with suppress(ValueError):
            names.append(row.id == uuid.UUID(by_chunk_id))
        query = select(row.id).where(or_(*names), row.access_id.in_(access_ids)).order_by(row.source, row.uri)
        if self._only:
            query = query.where(row.source.in_(self._only))
        with self.database.transaction() as transaction:
            id_ = transaction.scalars(query.limit(1)).first()
        return id_.hex if id_ else None


def _read_condition(problem: str, expires: str) -> DocumentCondition:
    end = upkeep.parse_day(expires) if expires else None
    has_ended = end is not None and end <= now()
    return DocumentCondition(problem.partition("; ")[0], expires.strip()[:10] if has_ended else "")


def _start(chunks: list[Candidate], heading: str, position: int | None) -> int:
    if position is not None:
        return max(0, min(position - 1, len(chunks) - 1))
    part = heading.strip().lower()
    return next((i for i, c in enumerate(chunks) if part and part in c.heading_path.lower()), 0)
