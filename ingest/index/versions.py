"""Reads one version of a table, and writes the next."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

MAX_SNAPSHOT_TRIES = 4
MERGED_UP_TO = 100_000  # chunks: a merge of 500 takes 10 to 30 ms with 60,000, an addition 3 to 6
T = TypeVar("T")


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
