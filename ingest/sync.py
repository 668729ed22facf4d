"""Brings the index and the ``documents`` table in step with a source.

Promises: an unchanged document costs one hash; one bad document never stops the others; the index is written
before the row that says so, batch by batch, so a killed sync leaves a searchable index and the next one goes
on where it ended. Who may read is changed first, because taking a right away is urgent.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import Insert, insert

from agent import observe
from agent.database import Database, now
from agent.errors import UserError
from ingest import access, splitting
from ingest.blocks import Document
from ingest.conversion import Converter
from ingest.embedding import embed
from ingest.index import Index, IndexedChunk
from ingest.rows import DocumentRow
from ingest.settings import Settings
from ingest.source import FetchProblem, Listed, Source

PIPELINE_VERSION = 2  # raise it when reading or splitting changes: every document is then read in again
BATCH_CHUNKS = 500  # embedded and committed together; an index version costs ~20 ms
LOCK_ID = 0x646F63_73796E63  # "docsync", a Postgres advisory lock


@dataclass(frozen=True)
class Problem:
    """A document that is not searchable, or only in an earlier version, and what to do about it."""

    uri: str
    cause: str
    advice: str


@dataclass(frozen=True)
class SyncReport:
    """What a sync did. ``n_chunks`` counts the chunks written."""

    source: str
    n_added: int
    n_changed: int
    n_unchanged: int
    n_removed: int
    n_chunks: int
    problems: tuple[Problem, ...]
    seconds: float


@dataclass(frozen=True)
class _Known:
    id: str
    content_hash: str
    access_id: str
    n_chunks: int
    problem: str | None


@dataclass
class _Read:
    """A listed document on its way into the index."""

    listed: Listed
    id: str
    content_hash: str
    document: Document | None = None
    chunks: list[splitting.Chunk] = field(default_factory=list)
    problem: FetchProblem | None = None
    keeps_earlier: bool = False


def run(
    source: Source,
    *,
    database: Database,
    index: Index,
    settings: Settings,
    readers: Iterable[str] = access.DEFAULT_READERS,
    progress: Callable[[int, int], None] = lambda done, total: None,
    converter: Callable[[], Converter] = Converter,
) -> SyncReport:
    """Reads in what is new or changed, removes what is gone; ``progress`` hears documents done and to do.

    Raises :class:`UserError` when the source cannot be read, holds no document at all (an unmounted folder
    must not empty the index), the index is of another embedding model, or another sync is running.
    """
    with _alone(database):
        return _Sync(source, database, index, settings, frozenset(readers)).run(progress, converter)


def forget(source: str, *, database: Database, index: Index) -> int:
    """Removes every document of a source; returns how many there were."""
    with _alone(database):
        with database.transaction() as transaction:
            ids = transaction.scalars(select(DocumentRow.id).where(DocumentRow.source == source)).all()
        index.remove({*(id_.hex for id_ in ids), *index.documents(source)})
        with database.transaction() as transaction:
            transaction.execute(delete(DocumentRow).where(DocumentRow.source == source))
        return len(ids)


def document_id(source: str, uri: str) -> UUID:
    """The same for the same document for ever: a sync killed halfway finds its own chunks again."""
    return uuid5(NAMESPACE_URL, json.dumps([source, uri]))


class _Sync:
    """One run over one source."""

    def __init__(
        self, source: Source, database: Database, index: Index, settings: Settings, readers: frozenset[str]
    ) -> None:
        self._source = source
        self._database = database
        self._index = index
        self._settings = settings
        self._readers = readers
        self._problems: list[Problem] = []
        self._n_chunks = 0

    def run(self, progress: Callable[[int, int], None], new_converter: Callable[[], Converter]) -> SyncReport:
        started = time.monotonic()
        known = self._known()
        listed = sorted(self._source.list({}), key=lambda one: one.uri)
        if not listed:
            raise UserError(
                f"No documents were found in '{self._source.name}', so nothing was changed. "
                "Check the path; to remove a source on purpose, run 'docent forget NAME'."
            )
        access_id = self._set_access(known)
        wanted = list(self._wanted(listed, known))
        done = 0
        with new_converter() as converter:
            for batch in self._batches(wanted, converter):
                self._write(batch, access_id)
                done += len(batch)
                progress(done, len(wanted))
        n_removed = self._remove(listed, known)
        if wanted or n_removed:
            self._index.optimize()
        n_added = sum(one.listed.uri not in known for one in wanted)
        return SyncReport(
            source=self._source.name,
            n_added=n_added,
            n_changed=len(wanted) - n_added,
            n_unchanged=len(listed) - len(wanted),
            n_removed=n_removed,
            n_chunks=self._n_chunks,
            problems=tuple(sorted(self._problems, key=lambda problem: problem.uri)),
            seconds=time.monotonic() - started,
        )

    def _known(self) -> dict[str, _Known]:
        row = DocumentRow
        with self._database.transaction() as transaction:
            rows = transaction.scalars(select(row).where(row.source == self._source.name)).all()
            return {r.uri: _Known(r.id.hex, r.content_hash, r.access_id, r.n_chunks, r.problem) for r in rows}

    def _set_access(self, known: dict[str, _Known]) -> str:
        """The index first: until then a right withdrawn still holds, and the row must not claim otherwise."""
        with self._database.transaction() as transaction:
            access_id = access.remember(transaction, self._readers)
        ids = [one.id for one in known.values() if one.access_id != access_id]
        if ids:
            self._index.set_access(ids, access_id)
            of_source = DocumentRow.source == self._source.name
            with self._database.transaction() as transaction:
                transaction.execute(update(DocumentRow).where(of_source).values(access_id=access_id))
        return access_id

    def _wanted(self, listed: list[Listed], known: dict[str, _Known]) -> Iterator[_Read]:
        """What must be read in: new, changed, or not in the index as its row says."""
        indexed = self._index.documents(self._source.name)
        for one in listed:
            content_hash = self._content_hash(one)
            before = known.get(one.uri)
            if before and before.content_hash == content_hash:
                present = indexed.get(before.id)
                if before.problem and not before.n_chunks and not present:
                    self._note(one.uri, *before.problem.split("; ", 1))
                    continue
                if not before.problem and present and present[::2] == (content_hash, before.n_chunks):
                    continue
            yield _Read(one, document_id(self._source.name, one.uri).hex, content_hash)

    def _content_hash(self, listed: Listed) -> str:
        parts = [PIPELINE_VERSION, self._settings.chunk_tokens, listed.fingerprint, listed.url]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def _batches(self, wanted: list[_Read], converter: Converter) -> Iterator[list[_Read]]:
        batch: list[_Read] = []
        for one in wanted:
            self._read(one, converter)
            batch.append(one)
            if sum(len(b.chunks) for b in batch) >= BATCH_CHUNKS:
                yield batch
                batch = []
        if batch:
            yield batch

    def _read(self, one: _Read, converter: Converter) -> None:
        try:
            raw = self._source.fetch(one.listed.uri)
        except FetchProblem as problem:
            one.problem, one.keeps_earlier = problem, True
            return
        try:
            one.document = converter.read(raw)
            one.chunks = splitting.split(one.document, max_tokens=self._settings.chunk_tokens)
        except FetchProblem as problem:
            one.problem, one.keeps_earlier = problem, problem.may_pass
        except Exception as error:  # noqa: BLE001  one document's end; the others go on
            error_id = observe.report(error, event="document_unreadable")
            one.problem = FetchProblem(f"could not be understood ({error_id})", "report it as a bug")

    def _write(self, batch: list[_Read], access_id: str) -> None:
        """The index, then the rows; vectors are asked for before either, and outside any transaction."""
        chunks = [self._indexed(one, chunk, access_id) for one in batch for chunk in one.chunks]
        vectors = embed([c.search_text for c in chunks], model=self._settings.embedding_model)
        self._index.replace([one.id for one in batch if not one.keeps_earlier], chunks, vectors)
        with self._database.transaction() as transaction:
            for one in batch:
                transaction.execute(self._row(one, access_id))
        self._n_chunks += len(chunks)
        for one in batch:
            if one.problem:
                self._note(one.listed.uri, one.problem.cause, one.problem.advice)
            one.document, one.chunks = None, []  # written; a sync of many documents must not hold them all

    def _indexed(self, one: _Read, chunk: splitting.Chunk, access_id: str) -> IndexedChunk:
        assert one.document is not None  # a document without one has no chunks
        return IndexedChunk(
            chunk_id=f"{one.id}-{chunk.position:05d}",
            document_id=one.id,
            source=self._source.name,
            access_id=access_id,
            content_hash=one.content_hash,
            url=f"{one.listed.url}#page={chunk.page}" if chunk.page else one.listed.url,
            title=one.document.title,
            heading_path=chunk.heading_path,
            text=chunk.text,
            search_text=_search_text(one.document, chunk),
            position=chunk.position,
            n_tokens=chunk.n_tokens,
            updated_at=one.document.updated_at,
        )

    def _row(self, one: _Read, access_id: str) -> Insert:
        problem = f"{one.problem.cause}; {one.problem.advice}" if one.problem else None
        values = {
            "id": UUID(one.id),
            "source": self._source.name,
            "uri": one.listed.uri,
            "url": one.listed.url,
            "title": one.document.title if one.document else one.listed.uri,
            "content_hash": "" if one.keeps_earlier else one.content_hash,
            "access_id": access_id,
            "updated_at": one.document.updated_at if one.document else None,
            "synced_at": now(),
            "n_chunks": len(one.chunks),
            "problem": problem,
        }
        changed = {"problem", "synced_at"} if one.keeps_earlier else values.keys() - {"id", "source", "uri"}
        statement = insert(DocumentRow).values(values)
        return statement.on_conflict_do_update(
            index_elements=["source", "uri"], set_={name: values[name] for name in changed}
        )

    def _remove(self, listed: list[Listed], known: dict[str, _Known]) -> int:
        """Removes what is no longer listed, except below a folder that could not be read this time."""
        unread = tuple(one.uri for one in listed if one.uri.endswith("/"))
        uris = {one.uri for one in listed}
        gone = [uri for uri in known if uri not in uris and not (unread and uri.startswith(unread))]
        self._index.remove(known[uri].id for uri in gone)
        of_source = DocumentRow.source == self._source.name
        with self._database.transaction() as transaction:
            transaction.execute(delete(DocumentRow).where(of_source, DocumentRow.uri.in_(gone)))
        return len(gone)

    def _note(self, uri: str, cause: str, advice: str = "") -> None:
        self._problems.append(Problem(uri, cause, advice))


def _search_text(document: Document, chunk: splitting.Chunk) -> str:
    """What is searched: the chunk under its title and headings, and with the first one the keywords."""
    keywords = document.keywords if chunk.position == 0 else ""
    return "\n".join(part for part in (document.title, chunk.heading_path, keywords, chunk.text) if part)


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """Holds a lock that Postgres drops with the connection, so a killed sync leaves none behind."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text(f"SELECT pg_try_advisory_lock({LOCK_ID})")):
            raise UserError("Another sync is running. Wait until it has ended, then try again.")
        try:
            yield
        finally:
            connection.execute(text(f"SELECT pg_advisory_unlock({LOCK_ID})"))
