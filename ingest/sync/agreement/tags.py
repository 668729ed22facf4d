"""Tags of the index: a version under a name, to which one can go back after a sync that went wrong.

Promises that what was deleted since a tag stays deleted and that nobody gets a right back: a restoration writes
the earlier texts of documents that are still known, for whom may read them now *and* might then. It writes only
what differs, batch by batch, so no search ever sees anything else; after one that is killed the next does the
rest, and what was written is read again by the next sync in any case. While there is a tag, versions since the
earliest one stay on the disk.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import func, select, update

from agent.errors import UserError
from agent.store.database import Transaction
from ingest.access import reader_sets
from ingest.access.reader_sets import Readers
from ingest.documents import names
from ingest.index import lancedb_runtime, scan
from ingest.index.active_index import ActiveIndex, IndexHandle
from ingest.index.scan import DocumentVersion
from ingest.index.storage import outages
from ingest.index.table import IndexedChunk
from ingest.sync.agreement import comparison
from ingest.sync.agreement.comparison import IdRange
from ingest.sync.agreement.tagged_table import TaggedTable, open_newest
from ingest.tables import DocumentRow, SyncRow
from ingest.verified import answers

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
BATCH_DOCUMENTS = 100
OWN_PREFIX = "docent-backup-"  # of a tag that lasts as long as a backup is written
ANEW = {"content_hash": ""}  # a document with it is read again by the next sync


@dataclass(frozen=True)
class IndexTag:
    """A tag; ``made_at`` is when its version was written."""

    name: str
    version: int
    made_at: datetime | None
    n_chunks: int


@dataclass
class TagRestoration:
    """How many documents were brought back, taken out because they came later, and left out because they are gone;
    ``sources`` are those whose next sync reads documents again."""

    n_brought_back: int = 0
    n_taken_out: int = 0
    n_gone: int = 0
    sources: set[str] = field(default_factory=set)


def create_tag(active: ActiveIndex, name: str) -> IndexTag:
    """Tags the version that is searched now; raises :class:`UserError` for a name that cannot be or is taken."""
    if not NAME.fullmatch(name) or name.startswith(OWN_PREFIX):
        raise UserError(
            f"'{name}' cannot be the name of a tag: use up to 60 letters of a to z, digits, '.', '-' and '_', "
            f"beginning with a letter or digit, and not with '{OWN_PREFIX}'."
        )
    with active.writer.alone():
        if any(tag.name == name for tag in list_tags(active)):
            raise UserError(f"There is a tag '{name}' already. Name another, or run: docent index untag {name}")
        tag_newest(active, name)
    return _require(active, name)


def tag_newest(active: ActiveIndex, name: str) -> int:
    """Tags the newest version of the active table under any name; returns its number."""

    async def tag(table: Any) -> int:
        version = int(await table.version())
        await table.tags.create(name, version)
        return version

    return int(_on_newest(active, tag))


def delete_tag(active: ActiveIndex, name: str) -> None:
    """Deletes a tag; its version goes with the next sync. Raises :class:`UserError` for one that is not there."""
    _require(active, name)

    async def delete(table: Any) -> None:
        await table.tags.delete(name)

    _on_newest(active, delete)


def list_tags(active: ActiveIndex) -> list[IndexTag]:
    """Lists the tags of the table that is searched, by age."""

    async def read(table: Any) -> list[IndexTag]:
        versions = {name: int(tag["version"]) for name, tag in (await table.tags.list()).items()}
        if not versions:
            return []
        made = {one["version"]: one["timestamp"] for one in await table.list_versions()}
        tags = []
        for name, version in versions.items():
            await table.checkout(version)
            moment = made.get(version)
            made_at = moment.astimezone(UTC) if moment else None
            tags.append(IndexTag(name, version, made_at, int(await table.count_rows())))
        return tags

    return sorted(_on_newest(active, read), key=lambda tag: (tag.version, tag.name))


def restore_tag(active: ActiveIndex, name: str) -> TagRestoration:
    """Brings the index back to a tag, as far as rights and deletions since then allow, and documents with it.

    Verified answers stay as they are: people look after them, not a source. Raises :class:`UserError` for a tag
    that is not there, and while a sync is open.
    """
    _require(active, name)
    _require_no_sync(active)
    done = TagRestoration()
    tagged = TaggedTable(active.address, active.current().index.table, name)
    for part in comparison.list_ranges(active.current().index):
        for ids in _batches(_find_different(active, tagged, part)):
            with active.writer.alone():
                _require_no_sync(active)
                _restore(active, tagged, ids, done)
        done.n_gone += _count_gone(active, tagged, part)
    with active.writer.alone():
        active.current().index.optimize()
    return done


def _require(active: ActiveIndex, name: str) -> IndexTag:
    tag = next((tag for tag in list_tags(active) if tag.name == name), None)
    if tag is None:
        raise UserError(f"The index has no tag '{name}'. 'docent index list' shows those it has.")
    return tag


def _require_no_sync(active: ActiveIndex) -> None:
    with active.database.transaction() as transaction:
        source = transaction.scalar(select(SyncRow.source).where(SyncRow.ended_at.is_(None)).limit(1))
    if source:
        raise UserError(
            f"A sync of '{source}' is open, and would write over what is restored. Wait until it has ended; one "
            "whose process has died is ended by 'docent check --repair'."
        )


@dataclass(frozen=True)
class _KnownRow:
    """A document's row, as far as a restoration compares it."""

    id: UUID
    source: str
    access_id: str


def _load_known(transaction: Transaction, ids: Sequence[str]) -> list[_KnownRow]:
    row = DocumentRow
    is_named = row.id.in_([UUID(id_) for id_ in ids])
    query = select(row.id, row.source, row.access_id).where(is_named, row.source != answers.SOURCE)
    return [_KnownRow(*values) for values in transaction.execute(query)]


def _find_different(active: ActiveIndex, tagged: TaggedTable, part: IdRange) -> list[str]:
    """Lists the known documents of sources whose text is another one in the index than under the tag."""
    now_there = scan.versions_between(active.current().index, part.first, part.last)
    then = scan.versions_between(tagged, part.first, part.last)
    ids = [id_ for id_ in {*now_there, *then} if not _has_same_text(now_there.get(id_), then.get(id_))]
    with active.database.transaction() as transaction:
        return sorted(known.id.hex for some in _batches(sorted(ids)) for known in _load_known(transaction, some))


def _count_gone(active: ActiveIndex, tagged: TaggedTable, part: IdRange) -> int:
    """Counts the documents under the tag that are not known any more, verified answers too."""
    row, n_known = DocumentRow, 0
    then = sorted(scan.versions_between(tagged, part.first, part.last))
    with active.database.transaction() as transaction:
        for some in _batches(then):
            query = select(func.count()).where(row.id.in_([UUID(id_) for id_ in some]))
            n_known += transaction.scalar(query) or 0
    return len(then) - n_known


def _has_same_text(one: DocumentVersion | None, other: DocumentVersion | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.content_hash, one.n_chunks) == (other.content_hash, other.n_chunks)


def _restore(active: ActiveIndex, tagged: TaggedTable, ids: Sequence[str], done: TagRestoration) -> None:
    """Restores a batch: marks the rows first, so that the next sync reads them again whatever happens, then writes
    the index, and then the rows."""
    handle = active.current()
    then = scan.versions_of(tagged, ids)
    with active.database.transaction() as transaction:
        known = _load_known(transaction, ids)
        back = [one for one in known if one.id.hex in then]
        readers = _narrow(transaction, back, then)
        marked = update(DocumentRow).where(DocumentRow.id.in_([one.id for one in known]))
        transaction.execute(marked.values(ANEW))
    later = [one for one in known if one not in back]
    handle.index.remove(one.id.hex for one in later)
    chunks = _write_back(handle, tagged, [one.id.hex for one in back], readers)
    first = {chunk.document_id: chunk for chunk in chunks if chunk.position == 0}
    with active.database.transaction() as transaction:
        for one in back:
            values = _describe(first[one.id.hex], then[one.id.hex], readers[one.id.hex])
            transaction.execute(update(DocumentRow).where(DocumentRow.id == one.id).values(values))
        row = update(DocumentRow).where(DocumentRow.id.in_([one.id for one in later]))
        transaction.execute(row.values(n_chunks=0))
    done.n_brought_back += len(back)
    done.n_taken_out += len(later)
    done.sources |= {one.source for one in known}


def _narrow(
    transaction: Transaction, back: Sequence[_KnownRow], then: dict[str, DocumentVersion]
) -> dict[str, str]:
    """Returns for each document the id of those who may read it now and might read the tagged text."""
    ids = {one.access_id for one in back} | {then[one.id.hex].access_id for one in back}
    sets = reader_sets.load_readers(transaction, ids)

    def of(access_id: str) -> Readers:
        return sets.get(access_id, reader_sets.NOBODY)

    return {
        one.id.hex: reader_sets.store_readers(
            transaction, reader_sets.narrow(of(one.access_id), of(then[one.id.hex].access_id))
        )
        for one in back
    }


def _write_back(
    handle: IndexHandle, tagged: TaggedTable, ids: Sequence[str], readers: dict[str, str]
) -> list[IndexedChunk]:
    if not ids:
        return []
    chunks = [
        IndexedChunk(**{**vars(chunk), "access_id": readers[chunk.document_id]})
        for chunk in scan.read_chunks(tagged, ids)
    ]
    vectors = scan.read_vectors(tagged, ids)
    handle.index.replace(ids, chunks, np.stack([vectors[chunk.search_text] for chunk in chunks]))
    return chunks


def _describe(chunk: IndexedChunk, version: DocumentVersion, access_id: str) -> dict[str, object]:
    """Returns the columns of a row that are those of the tagged text. Its readers wait for the next sync, as after
    a change of readers that was not finished."""
    return {
        "title": names.escape(chunk.title),
        "updated_at": chunk.updated_at,
        "language": chunk.language,
        "n_chunks": version.n_chunks,
        "fingerprint": "",
        "access_id": access_id,
        "declared_access_id": None,
    }


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[i : i + BATCH_DOCUMENTS] for i in range(0, len(ids), BATCH_DOCUMENTS))


def _on_newest(active: ActiveIndex, work: Any) -> Any:
    """Runs work on a handle of its own of the active table, at its newest version."""
    table = active.current().index.table

    async def run() -> Any:
        return await work(await open_newest(active.address, table))

    try:
        return lancedb_runtime.run(run())
    except (RuntimeError, OSError, ValueError) as error:
        if why := outages.explain(active.address, error):
            raise UserError(why) from error
        raise
