"""Reads one version of a table, and writes the next."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from agent.clock import now
from ingest.index.storage import listing

MAX_SNAPSHOT_TRIES = 4
MERGED_UP_TO = 100_000  # chunks: a merge of 500 takes 10 to 30 ms with 60,000, an addition 3 to 6
KEEP_VERSIONS = timedelta(hours=1)  # a reader that holds an older version must still find its files
KEEP_AT_LEAST = timedelta(minutes=2)  # however many there are: a search takes seconds
MAX_VERSIONS = 200  # of which each sync makes about four: beyond so many within the hour, they live shorter
T = TypeVar("T")


def choose_lifetime(address: str, table: str) -> timedelta:
    """Returns how long versions are kept that newer ones have replaced: shorter where there are many."""
    newest_first = listing.list_times(address, f"{table}.lance/_versions", ending=".manifest")
    if len(newest_first) <= MAX_VERSIONS:
        return KEEP_VERSIONS
    return min(max(now() - newest_first[MAX_VERSIONS], KEEP_AT_LEAST), KEEP_VERSIONS)


async def put(table: Any, rows: Any, where: str) -> None:
    """Replaces the rows that ``where`` finds by these, in one version.

    A merge adds no id twice, even beside another writer, because ids are declared to be the key. It reads all ids
    of the table: documents that are all new are only added to a large one.
    """
    if await table.count_rows() < MERGED_UP_TO or await table.count_rows(where):
        merge = table.merge_insert("chunk_id").when_matched_update_all().when_not_matched_insert_all()
        await merge.when_not_matched_by_source_delete(where).execute(rows)
    else:
        await table.add(rows)


async def read_newest(table: Any, query: Callable[[Any], Awaitable[T]]) -> T:
    """Runs a query on one version, the newest: starts again when another search has gone on to a newer one."""
    for _ in range(MAX_SNAPSHOT_TRIES):
        await table.checkout_latest()
        before = await table.version()
        result = await query(table)
        if await table.version() == before:
            break
    return result


async def read_open(table: Any, query: Callable[[Any], Awaitable[T]]) -> T:
    """Runs a query on the version that is open."""
    return await query(table)
