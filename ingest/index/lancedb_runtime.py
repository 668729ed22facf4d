"""Runs LanceDB: one event loop per process; opens, creates and maintains tables. The only importer of lancedb.

Why the asynchronous API behind a loop of our own: the synchronous one crosses threads six times a query; a search
costs 11 ms of CPU with it and 6 ms without (2,600 chunks, lancedb 0.40). Not safe in a process forked after first
use. Imported when first needed: it takes a second.
"""

import asyncio
import ctypes
import math
import os
import sys
import threading
import warnings
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any, TypeVar

import pyarrow as pa

from ingest import settings
from ingest.index.storage import object_store, outages

TAG_MARGIN = timedelta(minutes=5)  # a tagged version is to be younger than what is dropped
VECTOR_INDEX_FROM = 30_000  # chunks; below, an exact scan takes ~10 ms and misses nothing
# A number of a vector takes eight bits in the index. Of 92,000 chunks of random sentences all partitions are then
# searched for 80 in 6 ms, with the nearest ten among them (1.00); three quarters of them in 5 (.99). With 32 bits
# it is 10 and 8 ms (1.00, .99), and the index takes 140 MB more to make. Of a million, a quarter of the partitions
# has the nearest ten among 80 (.99; an eighth .95), also for readers of a tenth of the chunks (.98; .94).
FEWEST_PARTITIONS = 64
CHUNKS_PER_PARTITION = 2_000
EXACT_UP_TO = 5_000  # chunks that somebody may read: of so few, all vectors are compared in a few milliseconds
REBUILD_SHARE = 0.02  # of the chunks; so many new ones are worth 2 s for a vector index that fits them
ADDED_TEXTS = ("language", "terms")  # columns that an earlier release's table lacks, and that may be empty
# Where a filter leaves at most this share of the rows, in percent, LanceDB scores each of them. Its own share, 10,
# makes full text four times as slow for readers of a tenth of a million chunks as for readers of all.
SCORE_ALL_UP_TO = {"LANCE_FLAT_SEARCH_PERCENT_THRESHOLD": "1"}
# LanceDB's own are three minutes of trying, during which a writer that is cut off keeps all others waiting. The
# time is short, not the number: a bucket that throttles ("503 Slow Down") does so for seconds. LanceDB makes four
# rounds of such tries: what is refused is given up after six seconds, a silent bucket after about 25.
BUCKET_OPTIONS = {
    "connect_timeout": "2s",
    "timeout": "30s",
    "client_max_retries": "6",
    "client_retry_timeout": "5",
}
REST_CLIENT = "lance_namespace_urllib3_client"
_MODEL = b"docent.embedding_model"
_KEY = b"lance-schema:unenforced-primary-key:position"

T = TypeVar("T")


@cache
def lancedb() -> Any:
    """Imports LanceDB; the first time takes a second."""
    _leave_out_rest_client()
    for name, value in SCORE_ALL_UP_TO.items():
        os.environ.setdefault(name, value)  # read with the first search
    import lancedb
    import lancedb.index

    return lancedb


def warm_up() -> None:
    """Imports LanceDB now, so that processes forked later share it.

    Its warning about forks is of a runtime in use, which :func:`require_unused` finds: silenced is this one only.
    """
    lancedb()
    import_module("numpy.ma")  # numpy imports it with the first search
    warnings.filterwarnings("ignore", message="lancedb fork support is experimental", category=RuntimeWarning)


def require_unused() -> None:
    """Raises RuntimeError if this process has read or written an index: what it forks may hang.

    Before that, LanceDB has no threads but a loop without work, and starts another in a forked process.
    """
    if _loops:
        raise RuntimeError("LanceDB was used before the workers are forked: what a worker searches could hang.")


def _leave_out_rest_client() -> None:
    """Registers the client of LanceDB's REST catalogue without running it: it makes 370 validators, which takes
    longer than the rest of LanceDB, and only its models are used, which are modules of their own."""
    spec = find_spec(REST_CLIENT)
    if spec and spec.submodule_search_locations:
        sys.modules.setdefault(REST_CLIENT, module_from_spec(spec))


def count_partitions(n_chunks: int) -> int:
    """Returns into how many partitions a vector index of so many chunks is cut: a power of two."""
    wanted = max(n_chunks / CHUNKS_PER_PARTITION, FEWEST_PARTITIONS)
    return 1 << round(math.log2(wanted))


def count_probes(n_chunks: int) -> int:
    """Returns how many partitions a search reads: a quarter of them, and all where there are few."""
    return max(FEWEST_PARTITIONS, count_partitions(n_chunks) // 4)


def chunk_schema(dimension: int, model: str) -> pa.Schema:
    """Returns the schema of a table of chunks with vectors of this model."""
    texts = ["chunk_id", "document_id", "source", "access_id", "content_hash"]
    texts += ["url", "title", "heading_path", "text", "search_text"]
    fields = [pa.field(name, pa.string(), nullable=False) for name in texts]
    fields += [pa.field("position", pa.int32()), pa.field("n_tokens", pa.int32())]
    fields += [pa.field("updated_at", pa.timestamp("us", tz="UTC"))]
    fields += [pa.field(name, pa.string()) for name in ADDED_TEXTS]
    fields += [pa.field("vector", pa.list_(pa.float32(), dimension))]
    return pa.schema(fields, metadata={_MODEL: model.encode()})


def embedding_model_of(schema: pa.Schema) -> str:
    """Returns the embedding model that a table was made with."""
    return str((schema.metadata or {}).get(_MODEL, b"").decode())


def dimension_of(schema: pa.Schema) -> int:
    """Returns how many numbers the vectors of a table have."""
    return int(schema.field("vector").type.list_size)


async def open_table(address: str, table: str) -> Any:
    """Opens a table at its newest version; returns None when there is none yet.

    It stays at that version until it is told to go on: LanceDB would otherwise look for a newer one, which takes a
    listing in a bucket, with each query and each other call.
    """
    try:
        database = await connect(address)
        tables = (await database.list_tables()).tables
        return await database.open_table(table) if table in tables else None
    except (RuntimeError, OSError, ValueError) as error:
        why = outages.explain(address, error)
        why = why or f"The index at {address} cannot be opened: {outages.shorten_first_line(error)}"
        raise object_store.make_problem(address, why) from error


async def connect(address: str) -> Any:
    """Connects to the tables at an address; the connection caches what it reads of them."""
    if not address.startswith(settings.SERVICE):
        options = BUCKET_OPTIONS if object_store.is_bucket(address) else None
        return await lancedb().connect_async(address, storage_options=options)
    service = settings.load()
    return await lancedb().connect_async(
        address,
        api_key=service.index_key.get_secret_value() if service.index_key else "",
        region=service.index_region,
        host_override=service.index_host,
    )


async def open_version(connection: Any, table: str, version: int) -> Any:
    """Opens a table of a connection at one version, at which it stays."""
    opened = await connection.open_table(table)
    await opened.checkout(version)
    return opened


async def create_table(address: str, table: str, schema: pa.Schema) -> Any:
    """Creates a table, or opens the one another process has just created."""
    database = await connect(address)
    return await database.create_table(table, schema=schema, exist_ok=True)


async def drop_table(address: str, table: str) -> None:
    """Removes a table with its files, if there is one."""
    database = await connect(address)
    if table in (await database.list_tables()).tables:
        await database.drop_table(table)


async def add_missing_columns(table: Any) -> None:
    """Adds the columns that an earlier release did not write, without a text."""
    there = (await table.schema()).names
    missing = {name: "CAST(NULL AS STRING)" for name in ADDED_TEXTS if name not in there}
    if missing:
        await table.add_columns(missing)


async def declare_key(table: Any) -> None:
    """Says that ids are unique, in a table that does not say it yet.

    Without that, two merges at once add one new id twice, and nobody notices (lancedb 0.40; its issue 2463).
    """
    field = (await table.schema()).field("chunk_id")
    if _KEY not in (field.metadata or {}):
        await table.set_unenforced_primary_key("chunk_id")


async def has_terms(table: Any) -> bool:
    """Returns whether full text also searches terms: whether a row ever had some."""
    return any(index.columns == ["terms"] for index in await table.list_indices())


async def create_terms_index(table: Any) -> None:
    """Creates the index of terms, which are read as they are, where it is missing."""
    if not await has_terms(table):
        config = lancedb().index.FTS(
            base_tokenizer="whitespace", stem=False, remove_stop_words=False, ascii_folding=False, lower_case=False
        )
        await table.create_index("terms", config=config)


async def create_search_indexes(table: Any) -> None:
    """Creates the search indexes that every table has and this one lacks, also after a first sync that was killed.

    That of terms, which an English table has not, is :func:`create_terms_index`'s.
    """
    indexed = {column for index in await table.list_indices() for column in index.columns}
    kinds = lancedb().index
    configs = {
        "search_text": kinds.FTS(with_position=False),
        "access_id": kinds.Bitmap(),
        "source": kinds.Bitmap(),
        "document_id": kinds.BTree(),
    }
    for column, config in configs.items():
        if column not in indexed:
            await table.create_index(column, config=config)


async def optimize(table: Any, *, keep_versions: timedelta) -> None:
    """Updates the search indexes, drops versions that are older, returns memory to the system.

    Versions since the earliest tag stay: LanceDB would refuse the whole of it where a tagged one is to go.
    """
    n_chunks = await table.count_rows()
    if n_chunks >= VECTOR_INDEX_FROM and await _n_unindexed(table) > REBUILD_SHARE * n_chunks:
        config = lancedb().index.IvfSq(distance_type="cosine", num_partitions=count_partitions(n_chunks))
        await table.create_index("vector", config=config)
    await table.optimize(cleanup_older_than=await _choose_age(table, keep_versions))
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)  # else a sync of many documents keeps what its largest merge took


async def _choose_age(table: Any, keep_versions: timedelta) -> timedelta:
    """Returns from which age on versions are dropped."""
    tagged = {int(tag["version"]) for tag in (await table.tags.list()).values()}
    if not tagged:
        return keep_versions
    versions = await table.list_versions()
    made: list[datetime] = [one["timestamp"] for one in versions if one["version"] in tagged]
    return max([keep_versions, *(datetime.now(moment.tzinfo) - moment + TAG_MARGIN for moment in made)])


async def _n_unindexed(table: Any) -> int:
    """Counts the chunks that are not in the vector index; all of them where there is none."""
    names = [index.name for index in await table.list_indices() if index.columns == ["vector"]]
    stats = await table.index_stats(names[0]) if names else None
    return int(stats.num_unindexed_rows if stats else await table.count_rows())


def run_version(table: Any) -> int:
    """Returns the version that a table is open at, which after a write is the one it made."""
    return int(run(table.version()))


_starting = threading.Lock()
_loops: list[asyncio.AbstractEventLoop] = []


def run(work: Coroutine[object, None, T]) -> T:
    """Runs a coroutine on this process's one event loop, which starts when first needed, and waits for it."""
    with _starting:
        if not _loops:
            _loops.append(asyncio.new_event_loop())
            threading.Thread(target=_loops[0].run_forever, name="lancedb", daemon=True).start()
    return asyncio.run_coroutine_threadsafe(work, _loops[0]).result()
