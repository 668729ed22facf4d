"""What an index in a bucket costs a search: requests and time, beside an index in a folder.

Every request to the bucket takes 30 ms longer than on loopback, as to a store in the same region.
"""

import os
import time
from collections.abc import Iterator

from agent.types import Audience
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.bench.documents import Texts, measure_searches, write_documents
from tests.bench.figures import Row
from tests.bench.office import Office
from tests.bucket import S3Bucket, serve
from tests.library import sync_folder

N_DOCUMENTS, N_QUERIES = 500, 100
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
        _, p95_local = measure_searches(local, Audience(), "scifact", n=N_QUERIES)
        name = f"search among {n_chunks:,} chunks, p95"
        yield Row(f"{name}: index in a folder", f"{p95_local * 1000:.0f} ms", "", p95_local)

        writer = _open(office, ADDRESS, "writer", mirror_gb=0)
        writer.forget("reports")
        sync_folder(writer, folder, source_name="reports")
        store.delay_seconds = DELAY_SECONDS
        for what, gigabytes in (("read in the bucket", 0), ("from this machine's copy", 10)):
            library = _open(office, ADDRESS, f"machine-{gigabytes}", mirror_gb=gigabytes)
            yield from _measure_first(library, store, what)
            _, p95 = measure_searches(library, Audience(), "scifact", n=N_QUERIES)
            aim = f"≤ {(p95_local + 0.010) * 1000:.0f} ms" if gigabytes else ""
            yield Row(f"{name}: bucket, {what}", f"{p95 * 1000:.0f} ms", aim, p95)
            n_requests, _ = _count(library, store)
            yield Row(f"requests of a search: {what}", n_requests, "0" if gigabytes else "")
        yield from _measure_change(writer, library, store)


def _open(office: Office, address: str, machine: str, *, mirror_gb: float = 10) -> Library:
    settings = IngestSettings(
        index_uri=address, home=office.folder / machine, mirror_gb=mirror_gb, embedding_model="static"
    )
    return Library(office.database, settings)


def _measure_first(library: Library, store: S3Bucket, what: str) -> Iterator[Row]:
    requests, seconds = _count(library, store)
    yield Row(f"first search of a process: {what}", f"{seconds * 1000:.0f} ms, {requests}", "", seconds)


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
