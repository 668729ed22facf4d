"""Brings the index and the ``documents`` table in step with a source.

One flow, in one process (:func:`run`, a command) or over several (:func:`begin`, :func:`work`, :func:`finish`,
the workers' jobs): list, compare, read what is new, finish. What is to be done stands in Postgres, so a sync
that was killed at any moment leaves a searchable index, and whoever comes next goes on where it was.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import delete, func, select

from agent.errors import DocentError
from agent.store import locks
from agent.store.database import Database
from ingest import access, lock_names
from ingest.documents.sandbox import Converter
from ingest.index import reindex, scan
from ingest.index.active_index import ActiveIndex
from ingest.index.table import Index
from ingest.progress import Progress, ignore_progress
from ingest.sources.connector import Source
from ingest.sync import claims, diff, heartbeat, reports, store, writer
from ingest.sync.claims import Claimed
from ingest.sync.reader_pool import ParsedDocument, ReaderPool
from ingest.sync.reports import SyncReport
from ingest.tables import DocumentRow, SyncRow

BATCH_CHUNKS = 500  # embedded and committed together; an index version costs ~20 ms
CLAIM_DOCUMENTS = 200
OPTIMIZE_EVERY_CHUNKS = 20_000  # what is not yet in the search indexes is searched slowly


def run(
    source: Source,
    live: ActiveIndex,
    *,
    chunk_tokens: int,
    readers: Iterable[str] = access.DEFAULT_READERS,
    options: Mapping[str, Any] | None = None,
    is_forced: bool = False,
    progress: Progress = ignore_progress,
    waiting: Callable[[], None] = lambda: None,
    converter: Callable[[], Converter] = Converter,
) -> SyncReport:
    """All of a sync in this process; waits for another one of the same source, calling ``waiting``.

    Raises :class:`UserError` when the source cannot be read, or lists so little that it is not believed, and
    :class:`agent.errors.ModelError` when the embedding model is away; what was done until then stands.
    """
    database = live.database
    with locks.acquire(database, lock_names.source(source.name), waiting=waiting):
        live.settled()
        sync_id = store.open_(database, source.name, options or {}, "command")
        try:
            diff.make(
                source,
                sync_id,
                live=live,
                readers=readers,
                chunk_tokens=chunk_tokens,
                is_forced=is_forced,
                progress=progress,
            )
            n_total, n_done = store.n_left(database, sync_id), 0

            def count(n: int) -> None:
                nonlocal n_done
                n_done += n
                progress(n_done, n_total)

            with crew(source, chunk_tokens=chunk_tokens, converter=converter) as readers_:
                work(sync_id, source.name, readers_, live, done=count)
            return finish(sync_id, source.name, live)
        except (Exception, KeyboardInterrupt) as error:
            _end(database, sync_id, error)
            raise


def begin(
    sync_id: UUID,
    source: Source,
    live: ActiveIndex,
    *,
    chunk_tokens: int,
    readers: Iterable[str] = access.DEFAULT_READERS,
    lease_seconds: float = store.LEASE_SECONDS,
) -> bool:
    """Lists a source for a queued sync; False where another is at it, has done it, or has ended the sync.
    Raises as :func:`run`."""
    with locks.try_acquire(live.database, lock_names.source(source.name)) as is_ours:
        sync = store.load(live.database, sync_id)
        if not is_ours or sync is None or not sync.is_open or sync.status == "reading":
            return False
        live.settled()
        alive = partial(store.touch, live.database, sync_id)
        try:
            with heartbeat.beating(alive, every_seconds=lease_seconds / claims.BEATS_PER_LEASE):
                diff.make(source, sync_id, live=live, readers=readers, chunk_tokens=chunk_tokens)
        except DocentError as error:
            _end(live.database, sync_id, error)
            raise
    return True


def crew(
    source: Source, *, chunk_tokens: int, n: int = 0, converter: Callable[[], Converter] = Converter
) -> ReaderPool:
    """Those who read a source's documents; use it as a context manager."""
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
    readers: ReaderPool,
    live: ActiveIndex,
    *,
    limit: int = CLAIM_DOCUMENTS,
    lease_seconds: float = store.LEASE_SECONDS,
    is_over: Callable[[], bool] = lambda: False,
    done: Callable[[int], None] = lambda n: None,
) -> bool:
    """Reads and writes documents until there is none to claim (False), or until ``is_over`` (True), which is asked
    after each.

    Raises :class:`syncs.Superseded`, and :class:`agent.errors.ModelError` when the embedding model is away;
    what is not written may then be claimed by others.
    """
    n_chunks = 0
    while not is_over():
        items = store.claim(live.database, sync_id, limit=limit, lease_seconds=lease_seconds)
        if not items:
            return False
        with Claimed(live.database, sync_id, items, lease_seconds=lease_seconds) as claimed:
            for batch in _filled(readers.read(items), is_over):
                counts = writer.write(batch, sync_id=sync_id, source=source, live=live)
                claimed.done(one.item.uri for one in batch)
                done(len(batch))
                n_chunks = _optimized(live, n_chunks + counts.n_chunks)
    return True


def finish(sync_id: UUID, source: str, live: ActiveIndex) -> SyncReport:
    """Ends a sync that has nothing left to do, once; returns what it did."""
    with locks.acquire(live.database, lock_names.INDEX):
        sync = store.load(live.database, sync_id)
        if sync and sync.is_open and sync.status == "reading":
            index = live.now().index
            _remove_orphans(source, live.database, index)
            before = reports.of(live.database, sync_id)
            if before.n_chunks or before.n_removed or before.n_moved:
                index.optimize()
            with live.database.transaction() as transaction:
                store.end(transaction, sync_id, "completed")
                store.forget_old(transaction)
            reindex.drop_old(live)
    return reports.of(live.database, sync_id)


def forget(source: str, live: ActiveIndex) -> int:
    """Removes every document of a source, and what is known of its syncs; returns how many there were."""
    row, database = DocumentRow, live.database
    with locks.acquire(database, lock_names.source(source)), locks.acquire(database, lock_names.INDEX):
        index = live.now().index
        with database.transaction() as transaction:
            store.patient(transaction)
            ids = transaction.scalars(select(row.id).where(row.source == source)).all()
            transaction.execute(delete(SyncRow).where(SyncRow.source == source))
        index.remove({*(id_.hex for id_ in ids), *scan.documents(index, source)})
        with database.transaction() as transaction:
            store.patient(transaction)
            transaction.execute(delete(row).where(row.source == source))
    return len(ids)


def document_id(source: str, uri: str) -> UUID:
    """The same for the same document for ever: a sync killed halfway finds its own chunks again."""
    return uuid5(NAMESPACE_URL, json.dumps([source, uri]))


def _end(database: Database, sync_id: UUID, error: BaseException) -> None:
    if isinstance(error, store.Superseded):
        return
    status: store.Ending = "failed"
    if isinstance(error, diff.SuspiciousListing):
        status = "stopped"
    elif isinstance(error, KeyboardInterrupt):
        status = "interrupted"
    with database.transaction() as transaction:
        store.end(transaction, sync_id, status, _reason(error))


def _reason(error: BaseException) -> str:
    if isinstance(error, DocentError):
        return str(error)
    return "it was stopped" if isinstance(error, KeyboardInterrupt) else f"a bug ({type(error).__name__})"


def _filled(readings: Iterator[ParsedDocument], is_over: Callable[[], bool]) -> Iterator[list[ParsedDocument]]:
    """Batches of about as many chunks; the last one when it is over, and nothing after it."""
    batch: list[ParsedDocument] = []
    for one in readings:
        batch.append(one)
        is_last = is_over()
        if is_last or sum(len(b.chunks) for b in batch) >= BATCH_CHUNKS:
            yield batch
            batch = []
        if is_last:
            return
    if batch:
        yield batch


def _optimized(live: ActiveIndex, n_chunks: int) -> int:
    """How many chunks have been written since the search indexes were brought up to date."""
    if n_chunks < OPTIMIZE_EVERY_CHUNKS:
        return n_chunks
    with locks.acquire(live.database, lock_names.INDEX):
        live.now().index.optimize()
    return 0


def _remove_orphans(source: str, database: Database, index: Index) -> None:
    """Documents without a row, left by a sync that was killed before it wrote one, and gone since."""
    row = DocumentRow
    with database.transaction() as transaction:
        store.patient(transaction)
        n_chunks = transaction.scalar(select(func.sum(row.n_chunks)).where(row.source == source)) or 0
        ids = transaction.scalars(select(row.id).where(row.source == source)).all()
    if index.n_chunks(source) != n_chunks:
        index.remove(scan.documents(index, source).keys() - {id_.hex for id_ in ids})
