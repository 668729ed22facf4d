"""Reads several documents at once: fetches them, converts them in child processes, splits them into chunks.

Promises that a bad document never stops the others, and that at most :data:`WINDOW` read documents wait.
"""

import os
import queue
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from agent import observability
from ingest.documents import anchors, chunking, names
from ingest.documents.blocks import Document
from ingest.documents.converter import Converter
from ingest.documents.raw import FetchProblem
from ingest.documents.recognition import PageRecognizer, ScanReader
from ingest.sources.connector import REPEATED, UNNAMED, Source
from ingest.sync import front_matter
from ingest.sync.store import MAX_CLAIMS, SyncItem

MAX_CHILDREN = 2  # of 50 to 100 MB each; more than two read faster than one writes
FEW = 8  # documents; one child has read them before another has started
WINDOW = 24  # documents read ahead of the one being written


@dataclass
class ParsedDocument:
    """A document that was read; ``keeps_earlier`` leaves its earlier version in the index.

    ``own_readers`` are the principals that its front matter names; nobody if empty, None if it names no readers.
    """

    item: SyncItem
    id: UUID
    document: Document | None = None
    chunks: list[chunking.Chunk] = field(default_factory=list)
    problem: FetchProblem | None = None
    keeps_earlier: bool = False
    own_readers: tuple[str, ...] | None = None


class ReaderPool:
    """Threads that read documents. Use it as a context manager: its child processes end with it."""

    def __init__(
        self,
        source: Source,
        *,
        chunk_tokens: int,
        id_of: Callable[[str], UUID],
        n: int = 0,
        converter: Callable[[], Converter] = Converter,
        recognizer: Callable[[], PageRecognizer | None] = PageRecognizer.open,
    ) -> None:
        self._source = source
        self._chunk_tokens = chunk_tokens
        self._id_of = id_of
        n = n or min(MAX_CHILDREN, os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(n, thread_name_prefix="reading")
        self._recognizer = recognizer()  # one for all: it takes a gigabyte
        self._readers = [ScanReader(converter(), self._recognizer) for _ in range(n)]
        self._free: queue.SimpleQueue[ScanReader] = queue.SimpleQueue()
        self._unused = list(self._readers)

    def __enter__(self) -> "ReaderPool":
        return self

    def __exit__(self, *_: object) -> None:
        if self._recognizer is not None:
            self._recognizer.close()
        self._threads.shutdown(cancel_futures=True)
        for reader in self._readers:
            reader.__exit__()
        if self._recognizer is not None:
            self._recognizer.__exit__()

    def read(self, items: Sequence[SyncItem]) -> Iterator[ParsedDocument]:
        """Yields each document, in the order of the items."""
        n_needed = 1 if len(items) <= FEW else len(self._readers)
        while len(self._readers) - len(self._unused) < n_needed:
            self._free.put(self._unused.pop())
        remaining = iter(items)
        ahead: deque[Future[ParsedDocument]] = deque(
            self._threads.submit(self._read, i) for i in islice(remaining, WINDOW)
        )
        try:
            while ahead:
                parsed = ahead.popleft().result()
                for item in islice(remaining, 1):
                    ahead.append(self._threads.submit(self._read, item))
                yield parsed
        finally:
            for future in ahead:
                future.cancel()

    def _read(self, item: SyncItem) -> ParsedDocument:
        parsed = ParsedDocument(item, self._id_of(item.uri))
        if item.n_claims > MAX_CLAIMS:
            advice = "leave it out with 'exclude', and report it as a bug"
            parsed.problem = FetchProblem(f"ended the process that read it {MAX_CLAIMS} times", advice)
            return parsed
        reader = self._free.get()
        try:
            self._fill(parsed, reader)
        finally:
            self._free.put(reader)
        return parsed

    def _fill(self, parsed: ParsedDocument, reader: ScanReader) -> None:
        if parsed.item.fingerprint == UNNAMED:
            advice = f"rename it: Unicode, and with its folders at most {names.MAX_BYTES:,} bytes"
            parsed.problem = FetchProblem("has a name that cannot be stored", advice)
            return
        if parsed.item.fingerprint.startswith(REPEATED):
            advice = "see whether a login or an error is shown in the place of the page, or exclude it"
            parsed.problem = FetchProblem("shows the same as other addresses", advice)
            return
        if parsed.item.hidden_because:
            cause, _, advice = parsed.item.hidden_because.partition("; ")
            parsed.problem, parsed.keeps_earlier = FetchProblem(cause, advice), True
            return
        try:
            raw = self._source.fetch(parsed.item.uri)
        except FetchProblem as problem:
            parsed.problem, parsed.keeps_earlier = problem, problem.may_pass
            return
        except Exception as error:  # noqa: BLE001  one document's end; the others go on
            error_id = observability.report(error, event="document_not_fetched")
            parsed.problem = FetchProblem(
                f"could not be fetched ({error_id})", "report it as a bug", may_pass=True
            )
            parsed.keeps_earlier = True
            return
        try:
            document, parsed.own_readers = front_matter.check_readers(reader.read(raw))
            parsed.document = anchors.assign(document, raw.anchors)
            parsed.chunks = chunking.split(parsed.document, max_tokens=self._chunk_tokens)
        except FetchProblem as problem:
            parsed.problem, parsed.keeps_earlier = problem, problem.may_pass
        except Exception as error:  # noqa: BLE001  one document's end; the others go on
            error_id = observability.report(error, event="document_unreadable")
            parsed.problem = FetchProblem(f"could not be understood ({error_id})", "report it as a bug")
