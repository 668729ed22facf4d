"""Brings the index and the ``documents`` table in step with a source.

Owns the flow: list, compare, read what is new, finish; in one process (:func:`run`, a command) or over several
(:func:`begin`, :func:`work`, :func:`finish`, the workers' jobs). Promises that a sync killed at any moment leaves
a searchable index, and that another one resumes it: what is to be done is stored in Postgres.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import delete, func, or_, select

from agent.errors import DocentError, UserError
from agent.store import locks
from agent.store.database import Database
from agent.text import cut
from ingest.access import known_documents
from ingest.access.declaration import EVERYONE_READS, Declaration
from ingest.documents.converter import Converter
from ingest.index import lock_names, reindex, scan
from ingest.index.active_index import ActiveIndex
from ingest.index.storage.object_store import BucketProblem
from ingest.index.table import Index
from ingest.progress import Progress, ignore_progress
from ingest.sources.connector import Source
from ingest.sync import claims, diff, heartbeat, reports, store, writer
from ingest.sync.access_changes import AccessChanges
from ingest.sync.claims import ClaimKeeper
from ingest.sync.reader_pool import ParsedDocument, ReaderPool
from ingest.sync.reports import SyncReport
from ingest.sync.store import Options, SyncOrigin, SyncStatus
from ingest.tables import DocumentRow, SyncRow

MAX_NAMED = 10  # documents of one title, in a message
BATCH_CHUNKS = 500  # embedded and committed together; an index version costs ~20 ms
CLAIM_DOCUMENTS = 200
OPTIMIZE_EVERY_CHUNKS = 20_000  # chunks that are not in the search indexes yet are searched slowly


def run(
    source: Source,
    active_index: ActiveIndex,
    *,
    chunk_tokens: int,
    declaration: Declaration = EVERYONE_READS,
    options: Options | None = None,
    is_forced: bool = False,
    progress: Progress = ignore_progress,
    waiting: Callable[[], None] = lambda: None,
    converter: Callable[[], Converter] = Converter,
) -> SyncReport:
    """Syncs a source in this process; waits for another sync of it to end, calling ``waiting`` meanwhile.

    Raises :class:`UserError` when the source cannot be read or its listing is not plausible, and
    :class:`agent.errors.ModelError` when the embedding model cannot be reached; what was written until then stays.
    """
    database = active_index.database
    with locks.acquire(database, lock_names.source(source.name), waiting=waiting):
        active_index.ensure_state()
        sync_id = store.open_sync(database, source.name, options or {}, SyncOrigin.COMMAND)
        try:
            diff.prepare(
                source,
                sync_id,
                active_index=active_index,
                declaration=declaration,
                chunk_tokens=chunk_tokens,
                is_forced=is_forced,
                progress=progress,
            )
            n_total, n_done = store.count_items(database, sync_id), 0

            def count(n: int) -> None:
                nonlocal n_done
                n_done += n
                progress(n_done, n_total)

            with open_reader_pool(source, chunk_tokens=chunk_tokens, converter=converter) as pool:
                work(sync_id, source.name, pool, active_index, declaration=declaration, done=count)
            return finish(sync_id, source.name, active_index)
        except (Exception, KeyboardInterrupt) as error:
            _end(database, sync_id, error)
            raise


def begin(
    sync_id: UUID,
    source: Source,
    active_index: ActiveIndex,
    *,
    chunk_tokens: int,
    declaration: Declaration = EVERYONE_READS,
    lease_seconds: float = store.LEASE_SECONDS,
) -> bool:
    """Lists a source for a queued sync; returns False where another process lists it, has listed it, or has ended
    the sync. Raises as :func:`run`; a sync whose bucket is away stays open."""
    with locks.try_acquire(active_index.database, lock_names.source(source.name)) as is_ours:
        sync = store.load(active_index.database, sync_id)
        if not is_ours or sync is None or not sync.is_open or sync.status == SyncStatus.READING:
            return False
        active_index.ensure_state()
        touch = partial(store.touch, active_index.database, sync_id)
        try:
            with heartbeat.call_periodically(touch, every_seconds=lease_seconds / claims.BEATS_PER_LEASE):
                diff.prepare(
                    source,
                    sync_id,
                    active_index=active_index,
                    declaration=declaration,
                    chunk_tokens=chunk_tokens,
                )
        except BucketProblem:  # perhaps of this machine alone: the sync stays open for another try
            raise
        except DocentError as error:
            _end(active_index.database, sync_id, error)
            raise
    return True


def open_reader_pool(
    source: Source, *, chunk_tokens: int, n: int = 0, converter: Callable[[], Converter] = Converter
) -> ReaderPool:
    """Opens a pool of threads that read a source's documents; use it as a context manager."""
    return ReaderPool(
        source,
        chunk_tokens=chunk_tokens,
        id_of=lambda uri: document_id(source.name, uri),
        n=n,
        converter=converter,
    )


def work(
    sync_id: UUID,
    source: str,
    pool: ReaderPool,
    active_index: ActiveIndex,
    *,
    declaration: Declaration = EVERYONE_READS,
    limit: int = CLAIM_DOCUMENTS,
    lease_seconds: float = store.LEASE_SECONDS,
    is_over: Callable[[], bool] = lambda: False,
    done: Callable[[int], None] = lambda n: None,
) -> bool:
    """Reads and writes documents; returns False when none is left to claim, True when ``is_over()``, which is
    called after each document.

    Raises :class:`ingest.sync.store.SyncSuperseded`, and :class:`agent.errors.ModelError` when the embedding model
    cannot be reached; others may then claim what is not written.
    """
    n_chunks = 0
    while not is_over():
        items = store.claim(active_index.database, sync_id, limit=limit, lease_seconds=lease_seconds)
        if not items:
            return False
        with ClaimKeeper(active_index.database, sync_id, items, lease_seconds=lease_seconds) as claims_:
            for batch in _batches(pool.read(items), is_over):
                counts = writer.write(
                    batch,
                    sync_id=sync_id,
                    source=source,
                    active_index=active_index,
                    declaration=declaration,
                )
                claims_.mark_done(parsed.item.uri for parsed in batch)
                done(len(batch))
                n_chunks = _optimize_if_due(active_index, n_chunks + counts.n_chunks)
    return True


def narrow_readers(source: str, active_index: ActiveIndex, *, declaration: Declaration, problem: str) -> int:
    """Takes away the rights that a declaration does not give, of a source that cannot even be opened.

    Records a sync that failed with the ``problem``, which interrupts one that is open; returns of how many
    documents the readers were narrowed. Does nothing where no change of readers waits.
    """
    database = active_index.database
    with database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        if not known_documents.count_waiting(transaction, source, declaration):
            return 0
    with locks.acquire(database, lock_names.source(source)):
        sync_id = store.open_sync(database, source, {}, SyncOrigin.COMMAND)
        changes = AccessChanges(active_index, source, declaration, sync_id)
        try:
            changes.narrow_to_declaration()
        finally:
            with database.transaction() as transaction:
                store.end(transaction, sync_id, SyncStatus.FAILED, problem)
    return changes.count()[0]


def finish(sync_id: UUID, source: str, active_index: ActiveIndex) -> SyncReport:
    """Ends a sync that has nothing left to do, once; returns what it did."""
    database = active_index.database
    active_index.writer.probe()
    with active_index.writer.alone():
        sync = store.load(database, sync_id)
        if sync and sync.is_open and sync.status == SyncStatus.READING:
            index = active_index.current().index
            _remove_orphans(source, database, index)
            report = reports.load_report(database, sync_id)
            if report.n_chunks or report.n_removed or report.n_moved:
                active_index.optimize()
            active_index.settle()
            with database.transaction() as transaction:
                store.end(transaction, sync_id, SyncStatus.COMPLETED)
                store.delete_old(transaction)
            reindex.drop_old_table(active_index)
    return reports.load_report(database, sync_id)


def forget(source: str, active_index: ActiveIndex) -> int:
    """Removes every document of a source and its syncs; returns how many documents there were."""
    row, database = DocumentRow, active_index.database
    with locks.acquire(database, lock_names.source(source)), active_index.writer.alone():
        active_index.writer.claim()
        index = active_index.current().index
        with database.transaction() as transaction:
            store.allow_slow_statements(transaction)
            ids = transaction.scalars(select(row.id).where(row.source == source)).all()
            transaction.execute(delete(SyncRow).where(SyncRow.source == source))
        index.remove({*(id_.hex for id_ in ids), *scan.document_versions(index, source)})
        with database.transaction() as transaction:
            store.allow_slow_statements(transaction)
            transaction.execute(delete(row).where(row.source == source))
    return len(ids)


def forget_document(source: str, reference: str, active_index: ActiveIndex) -> str | None:
    """Removes one document, named by its uri, its url or its title; returns its uri, None if there is none.

    Raises :class:`UserError` where several have this title. A sync reads it in again, unless the source no longer
    lists it.
    """
    row, database = DocumentRow, active_index.database
    is_named = or_(row.uri == reference, row.url == reference, row.title == reference)
    found = select(row.id, row.uri, row.url).where(row.source == source, is_named).order_by(row.uri)
    with locks.acquire(database, lock_names.source(source)), active_index.writer.alone():
        with database.transaction() as transaction:
            named = transaction.execute(found).all()
        exactly = [document for document in named if document.uri == reference]
        exactly = exactly or [document for document in named if document.url == reference] or [*named]
        if not exactly:
            return None
        if len(exactly) > 1:
            shown, n_more = cut([f"'{document.uri}'" for document in exactly], MAX_NAMED)
            more = f" and {n_more} more" if n_more else ""
            raise UserError(
                f"Several documents are called '{reference}': {', '.join(shown)}{more}. Name one of them."
            )
        (document,) = exactly
        active_index.current().index.remove([document.id.hex])
        with database.transaction() as transaction:
            transaction.execute(delete(row).where(row.id == document.id))
    return str(document.uri)


def document_id(source: str, uri: str) -> UUID:
    """Returns an id that is always the same for a document, so that a resumed sync finds its own chunks."""
    return uuid5(NAMESPACE_URL, json.dumps([source, uri]))


def _end(database: Database, sync_id: UUID, error: BaseException) -> None:
    if isinstance(error, store.SyncSuperseded):
        return
    status = SyncStatus.FAILED
    if isinstance(error, diff.SuspiciousListing):
        status = SyncStatus.STOPPED
    elif isinstance(error, KeyboardInterrupt):
        status = SyncStatus.INTERRUPTED
    with database.transaction() as transaction:
        store.end(transaction, sync_id, status, _reason(error))


def _reason(error: BaseException) -> str:
    if isinstance(error, DocentError):
        return str(error)
    return "it was stopped" if isinstance(error, KeyboardInterrupt) else f"a bug ({type(error).__name__})"


def _batches(documents: Iterator[ParsedDocument], is_over: Callable[[], bool]) -> Iterator[list[ParsedDocument]]:
    """Groups documents into batches of about :data:`BATCH_CHUNKS` chunks.

    Once ``is_over()`` is true, yields the current batch and stops.
    """
    batch: list[ParsedDocument] = []
    for document in documents:
        batch.append(document)
        is_last = is_over()
        if is_last or sum(len(b.chunks) for b in batch) >= BATCH_CHUNKS:
            yield batch
            batch = []
        if is_last:
            return
    if batch:
        yield batch


def _optimize_if_due(active_index: ActiveIndex, n_chunks: int) -> int:
    """Updates the search indexes after enough new chunks; returns how many were written since the last time."""
    if n_chunks < OPTIMIZE_EVERY_CHUNKS:
        return n_chunks
    with active_index.writer.alone():
        active_index.optimize()
    return 0


def _remove_orphans(source: str, database: Database, index: Index) -> None:
    """Removes documents without a row: a killed sync wrote them, and their source lists them no longer."""
    row = DocumentRow
    with database.transaction() as transaction:
        store.allow_slow_statements(transaction)
        n_chunks = transaction.scalar(select(func.sum(row.n_chunks)).where(row.source == source)) or 0
        ids = transaction.scalars(select(row.id).where(row.source == source)).all()
    if index.n_chunks(source) != n_chunks:
        index.remove(scan.document_versions(index, source).keys() - {id_.hex for id_ in ids})
