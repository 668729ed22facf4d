"""Reads documents, several at once: fetched, converted in child processes, split into chunks.

Promises that one bad document never stops the others, and that no more than a window of read documents waits.
"""

import os
import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from agent import observability
from ingest.documents import chunking, names
from ingest.documents.blocks import Document
from ingest.documents.raw import FetchProblem
from ingest.documents.sandbox import Converter
from ingest.sources.connector import UNNAMED, Source
from ingest.sync.store import MAX_CLAIMS, Item

MAX_AT_ONCE = 2  # a child process takes 50 to 100 MB; more than two outrun what writes
WINDOW = 24  # documents read ahead of the one that is written


@dataclass
class ParsedDocument:
    """A listed document on its way into the index; one that ``keeps_earlier`` leaves there what it was before."""

    item: Item
    id: UUID
    document: Document | None = None
    chunks: list[chunking.Chunk] = field(default_factory=list)
    problem: FetchProblem | None = None
    keeps_earlier: bool = False


class ReaderPool:
    """Use it as a context manager: its child processes end with it."""

    def __init__(
        self,
        source: Source,
        *,
        chunk_tokens: int,
        id_of: Callable[[str], UUID],
        n: int = 0,
        converter: Callable[[], Converter] = Converter,
    ) -> None:
        self._source = source
        self._chunk_tokens = chunk_tokens
        self._id_of = id_of
        n = n or min(MAX_AT_ONCE, os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(n, thread_name_prefix="reading")
        self._all = [converter() for _ in range(n)]
        self._free: queue.SimpleQueue[Converter] = queue.SimpleQueue()
        for one in self._all:
            self._free.put(one)

    def __enter__(self) -> "ReaderPool":
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        for one in self._all:
            one.__exit__()

    def read(self, items: Iterable[Item]) -> Iterator[ParsedDocument]:
        """Each document, in the order of the items."""
        waiting = iter(items)
        ahead: deque[Future[ParsedDocument]] = deque(
            self._threads.submit(self._read, i) for i in islice(waiting, WINDOW)
        )
        try:
            while ahead:
                one = ahead.popleft().result()
                for item in islice(waiting, 1):
                    ahead.append(self._threads.submit(self._read, item))
                yield one
        finally:
            for future in ahead:
                future.cancel()

    def _read(self, item: Item) -> ParsedDocument:
        one = ParsedDocument(item, self._id_of(item.uri))
        if item.n_claims > MAX_CLAIMS:
            advice = "leave it out with 'exclude', and report it as a bug"
            one.problem = FetchProblem(f"ended the process that read it {MAX_CLAIMS} times", advice)
            return one
        converter = self._free.get()
        try:
            self._fill(one, converter)
        finally:
            self._free.put(converter)
        return one

    def _fill(self, one: ParsedDocument, converter: Converter) -> None:
        if one.item.fingerprint == UNNAMED:
            advice = f"rename it: Unicode, and with its folders at most {names.MAX_BYTES:,} bytes"
            one.problem = FetchProblem("has a name that cannot be kept", advice)
            return
        try:
            raw = self._source.fetch(one.item.uri)
        except FetchProblem as problem:
            one.problem, one.keeps_earlier = problem, problem.may_pass
            return
        except Exception as error:  # noqa: BLE001  one document's end; the others go on
            error_id = observability.report(error, event="document_not_fetched")
            one.problem = FetchProblem(f"could not be fetched ({error_id})", "report it as a bug", may_pass=True)
            one.keeps_earlier = True
            return
        try:
            one.document = converter.read(raw)
            one.chunks = chunking.split(one.document, max_tokens=self._chunk_tokens)
        except FetchProblem as problem:
            one.problem, one.keeps_earlier = problem, problem.may_pass
        except Exception as error:  # noqa: BLE001  one document's end; the others go on
            error_id = observability.report(error, event="document_unreadable")
            one.problem = FetchProblem(f"could not be understood ({error_id})", "report it as a bug")
