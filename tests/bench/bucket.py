"""What an index in a bucket costs a search: requests and time, beside an index in a folder.

Every request to the bucket takes 30 ms longer than on loopback, as to a store in the same region.
"""

import os
import statistics
import time
from collections.abc import Iterator

from agent.types import Audience
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.bench.documents import Texts, list_queries, write_documents
from tests.bench.figures import Row
from tests.bench.office import Office
from tests.bucket import S3Bucket, serve
from tests.library import sync_folder

N_DOCUMENTS, N_QUERIES, N_WARM = 500, 100, 20
DELAY_SECONDS = 0.030
ADDRESS = "s3://bucket/index"
QUESTION = "What do the reports say about proteins?"


def bucket(office: Office) -> Iterator[Row]:
    """The same documents in a folder, in a bucket, and in a bucket with a copy on the machine."""
    folder = office.folder / "reports"
    write_documents(folder, N_DOCUMENTS, Texts(3))
    with serve() as store:
        os.environ.update(store.environment())
        local = _open(office, str(office.folder / "local"), "folder")
        n_chunks = sync_folder(local, folder, source_name="reports").n_chunks
        writer = _open(office, ADDRESS, "writer", mirror_gb=0)
        writer.forget("reports")
        sync_folder(writer, folder, source_name="reports")
        store.delay_seconds = DELAY_SECONDS
        copied = _open(office, ADDRESS, "machine")
        requests, seconds = _count(copied, store)
        yield Row("first search of a machine", f"{seconds * 1000:.0f} ms, {requests}", "", seconds)
        (p50_local, p95_local), (p50, p95) = _measure_in_turn(local, copied)
        name = f"search among {n_chunks:,} chunks, p50 / p95"
        yield Row(f"{name}: folder", f"{p50_local * 1000:.0f} / {p95_local * 1000:.0f} ms", "", p95_local)
        aim = f"≤ {p95_local * 1000 + 10:.0f} ms"
        yield Row(f"{name}: bucket, from the machine's copy", f"{p50 * 1000:.0f} / {p95 * 1000:.0f} ms", aim, p95)
        yield Row("requests of a search: from the machine's copy", _count(copied, store)[0], "0")
        ((p50, p95),) = _measure_in_turn(writer)
        yield Row(f"{name}: bucket, without a copy", f"{p50 * 1000:.0f} / {p95 * 1000:.0f} ms", "", p95)
        yield Row("requests of a search: without a copy", _count(writer, store)[0])
        yield from _measure_change(writer, copied, store)


def _measure_in_turn(*libraries: Library) -> list[tuple[float, float]]:
    """Searches in one after the other with each query, so that what else runs here disturbs all alike; returns
    median and 95th percentile of each in seconds."""
    took: list[list[float]] = [[] for _ in libraries]
    queries = list_queries("scifact")[:N_QUERIES]
    for n, query in enumerate((*queries[:N_WARM], *queries)):
        for library, seconds in zip(libraries, took, strict=True):
            began = time.perf_counter()
            library.search(query, audience=Audience())
            if n >= N_WARM:
                seconds.append(time.perf_counter() - began)
    return [(statistics.median(seconds), sorted(seconds)[int(len(seconds) * 0.95)]) for seconds in took]


def _open(office: Office, address: str, machine: str, *, mirror_gb: float = 10) -> Library:
    settings = IngestSettings(
        index_uri=address, home=office.folder / machine, mirror_gb=mirror_gb, embedding_model="static"
    )
    return Library(office.database, settings)


def _measure_change(writer: Library, library: Library, store: S3Bucket) -> Iterator[Row]:
    """Another machine deletes a document: the next search must not find it, and has to copy what is new."""
    passage = library.search(QUESTION, audience=Audience()).passages[0]
    writer.forget_document("reports", passage.url or passage.title)
    requests, seconds = _count(library, store)
    left = library.search(QUESTION, audience=Audience()).passages
    is_gone = all(other.title != passage.title for other in left)
    value = f"{seconds * 1000:.0f} ms, {requests}, {'it is gone' if is_gone else 'IT IS STILL FOUND'}"
    yield Row("first search after another machine deleted a document", value, "it is gone", seconds)


def _count(library: Library, store: S3Bucket) -> tuple[str, float]:
    store.requests.clear()
    began = time.perf_counter()
    library.search(QUESTION, audience=Audience())
    seconds = time.perf_counter() - began
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(store.requests.items()))
    return f"{store.n_requests} ({kinds})" if kinds else "0", seconds
