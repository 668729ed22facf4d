"""Reads documents whose pages may be scans: their text by a converter, and what is only shown by recognition.

Promises that recognition costs no text: each page is recognised by itself, in a child process of its own with
limits of its own, and a page that reaches one of them is named while the others are kept.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ingest.documents import ocr
from ingest.documents.blocks import Block, Document, Gap, Scans, join_gaps
from ingest.documents.converter import ConversionBug, Converter, ReaderLimits
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers.pages import name_pages

MAX_DOCUMENT_SECONDS = 900.0  # with the waiting for other documents; the pages after it are not recognised
MAX_FAILURES = 3  # in a row: then no page of this document can be recognised
MAX_PAGE_GAPS = 3  # of pages, in what is told of a document
_MEMORY_BYTES = 2_500_000_000  # of address space; a page takes 1.3
_MAX_PAGE_CHARS = 200_000


class PageRecognizer:
    """Recognises pages one by one, in one child process that is started with the first. Shared by threads.

    ``n_pages`` of a document are recognised, each with ``seconds`` of a processor, and four times as long in all.
    """

    def __init__(self, n_pages: int, seconds: int, *, converter: Callable[[ReaderLimits], Converter] = Converter):
        self.n_pages = n_pages
        self.seconds = seconds
        self._converter = converter(
            ReaderLimits(
                seconds=4.0 * seconds, cpu_seconds=seconds, memory_bytes=_MEMORY_BYTES, max_chars=_MAX_PAGE_CHARS
            )
        )
        self._lock = threading.Lock()
        self._is_closed = False

    def __exit__(self, *_: object) -> None:
        self._converter.__exit__()

    def close(self) -> None:
        """Recognises no further page: what is read ahead of the end of a sync's slice is not wanted any more."""
        self._is_closed = True

    def read(self, raw: RawDocument, page: int) -> Document:
        """Recognises one page; raises :class:`FetchProblem`."""
        with self._lock:
            if self._is_closed:
                raise FetchProblem("was not recognised to the end", "sync again", may_pass=True)
            try:
                return self._converter.read(replace(raw, page=page))
            except ConversionBug as bug:
                raise FetchProblem(f"made text recognition fail ({bug})", "report it as a bug") from bug

    @staticmethod
    def open() -> "PageRecognizer | None":
        """Opens one by the settings; None where text recognition is off."""
        from ingest import settings

        options = settings.load()
        return PageRecognizer(options.ocr_pages, options.ocr_seconds) if ocr.is_on() else None


@dataclass
class _Recognized:
    """What came of the pages of a document."""

    documents: dict[int, Document] = field(default_factory=dict)
    empty: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    problem: FetchProblem | None = None


class ScanReader:
    """Reads one document at a time; several may share a recognizer."""

    def __init__(
        self,
        converter: Converter,
        recognizer: PageRecognizer | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._converter = converter
        self._recognizer = recognizer
        self._clock = clock

    def __exit__(self, *_: object) -> None:
        self._converter.__exit__()

    def read(self, raw: RawDocument) -> Document:
        """Reads a document with its scans; raises as :meth:`Converter.read`."""
        problem: FetchProblem | None = None
        try:
            document = self._converter.read(raw)
        except FetchProblem as error:
            if error.scans is None:
                raise
            problem, document = error, Document("", (), scans=error.scans)
        scans = document.scans
        if scans is None:
            return document
        if self._recognizer is None:
            if problem is not None:
                raise FetchProblem(problem.cause, _advise(problem)) from problem
            return _add_gap(document, explain_scans(scans))
        recognized = self._recognize(raw, scans.pages, self._recognizer)
        merged = _merge(document, recognized)
        gap = _explain_rest(recognized, scans, self._recognizer)
        if merged.blocks:
            return _add_gap(replace(merged, title=merged.title or raw.title), gap)
        if raw.format == Format.PICTURE:
            if recognized.problem is not None:
                raise recognized.problem
            return Document(raw.title, (), raw.updated_at)  # a photograph, a logo
        raise (
            FetchProblem(gap.cause, gap.advice)
            if gap
            else problem or FetchProblem("contains no text", "remove it")
        )

    def _recognize(self, raw: RawDocument, pages: Sequence[int], recognizer: PageRecognizer) -> _Recognized:
        recognized = _Recognized(left=[*pages[recognizer.n_pages :]])
        deadline, n_failures = self._clock() + MAX_DOCUMENT_SECONDS, 0
        chosen = pages[: recognizer.n_pages]
        for at, page in enumerate(chosen):
            if self._clock() > deadline or n_failures == MAX_FAILURES:
                recognized.left = [*chosen[at:], *recognized.left]
                break
            try:
                document = recognizer.read(raw, page)
            except FetchProblem as problem:
                recognized.problem = recognized.problem or problem
                recognized.failed.append(page)
                n_failures += 1
                continue
            n_failures = 0
            if document.blocks:
                recognized.documents[page] = document
            else:
                recognized.empty.append(page)
        return recognized


def explain_scans(scans: Scans) -> Gap | None:
    """Returns the gap of pages that hold no text, where nothing recognises it."""
    causes = []
    if scans.pages:
        verb = "holds" if len(scans.pages) == 1 else "hold"
        what = "no text or hardly any" if scans.n_stamped else "no text"
        what = "hardly any text" if scans.n_stamped == len(scans.pages) else what
        causes.append(f"{name_pages(scans.pages)} {verb} {what} (scanned?)")
    if scans.n_unchecked:
        causes.append("later ones were not checked" if scans.pages else _name_unchecked(scans))
    return Gap(", and ".join(causes), f"{ocr.explain_how()}; all other pages are searchable") if causes else None


def _explain_rest(recognized: _Recognized, scans: Scans, recognizer: PageRecognizer) -> Gap | None:
    """Returns the gap of the pages that recognition did not read."""
    causes, advice = [], ""
    if recognized.failed:
        why = f": {recognized.problem.cause}" if recognized.problem else ""
        causes.append(f"{name_pages(recognized.failed)} could not be recognised (the first{why})")
        advice = "scan it again with fewer dots an inch, or raise DOCENT_OCR_SECONDS"
    if recognized.left:
        be = "was" if len(recognized.left) == 1 else "were"
        causes.append(f"{name_pages(recognized.left)} {be} not recognised (scanned?)")
        advice = advice or f"raise DOCENT_OCR_PAGES (now {recognizer.n_pages}), or split it"
    if recognized.empty:
        verb = "shows" if len(recognized.empty) == 1 else "show"
        causes.append(f"{name_pages(recognized.empty)} {verb} nothing that text recognition can read")
        advice = advice or "look at them, and write what they show into the document if it matters"
    if scans.n_unchecked:
        causes.append(_name_unchecked(scans))
        advice = advice or "split it"
    return Gap(" and ".join(causes), f"{advice}; all other pages are searchable") if causes else None


def _name_unchecked(scans: Scans) -> str:
    pages = "1 page without text was" if scans.n_unchecked == 1 else f"{scans.n_unchecked} pages without text were"
    return f"{pages} not looked at (blank, or scanned?)"


def _merge(document: Document, recognized: _Recognized) -> Document:
    """Returns the document with the recognised pages in their places; they repeat what stands at their edges."""
    pages = recognized.documents
    blocks: list[Block] = [block for block in document.blocks if block.page not in pages]
    for page in pages.values():
        blocks += page.blocks
    gaps = list(dict.fromkeys(page.gap for page in pages.values() if page.gap))[:MAX_PAGE_GAPS]
    gap = document.gap
    for more in gaps:
        gap = join_gaps(gap, more)
    first = next(iter(pages.values()), document)
    return replace(
        document,
        title=document.title or first.title,
        blocks=tuple(sorted(blocks, key=lambda block: block.page)),
        updated_at=document.updated_at or first.updated_at,
        language=document.language or first.language,
        gap=gap,
    )


def _add_gap(document: Document, gap: Gap | None) -> Document:
    if gap is None:
        return replace(document, scans=None)
    return replace(document, scans=None, gap=join_gaps(gap, document.gap) if document.gap else gap)


def _advise(problem: FetchProblem) -> str:
    return ocr.explain_how() if problem.scans and problem.scans.pages else problem.advice
