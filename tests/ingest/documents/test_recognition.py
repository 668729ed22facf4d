"""Scans within documents: recognised page by page, with limits, and named where they are not read."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count

import pytest

from ingest.documents import ocr
from ingest.documents.blocks import Block, BlockKind, Document, Gap, Scans
from ingest.documents.converter import Converter, ReaderLimits
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.recognition import MAX_DOCUMENT_SECONDS, PageRecognizer, ScanReader

PAPER = RawDocument(b"%PDF-", Format.PDF, "File name")
Answer = Document | FetchProblem


def page(number: int, text: str = "") -> Block:
    return Block(BlockKind.PARAGRAPH, text or f"text of {number}", page=number)


def scanned(number: int, text: str = "") -> Document:
    return Document(f"title of {number}", (page(number, text or f"scan of {number}"),))


class Scripted(Converter):
    """Answers by page; 0 is the text of the document."""

    def __init__(self, answers: Mapping[int, Answer]) -> None:
        super().__init__(ReaderLimits())
        self.answers = answers
        self.asked: list[int] = []

    def read(self, raw: RawDocument) -> Document:
        self.asked.append(raw.page)
        answer = self.answers.get(raw.page, Document("File name", ()))
        if isinstance(answer, FetchProblem):
            raise answer
        return answer


def recognize(
    document: Answer,
    pages: Mapping[int, Answer],
    *,
    raw: RawDocument = PAPER,
    n_pages: int = 50,
    clock: Callable[[], float] = lambda: 0.0,
) -> tuple[Document, list[int]]:
    engine = Scripted(pages)
    recognizer = PageRecognizer(n_pages, 30, converter=lambda limits: engine)
    return ScanReader(Scripted({0: document}), recognizer, clock=clock).read(raw), engine.asked


def only_scans(*pages: int) -> FetchProblem:
    return FetchProblem("contains no text, only scans or pictures", "remove it", scans=Scans(pages))


def test_recognised_pages_come_in_their_places_and_what_stands_at_their_edges_once() -> None:
    text = Document("Leave", (page(1), page(3, "Page 3 of 4"), page(4)), scans=Scans((2, 3), n_stamped=1))
    document, _ = recognize(text, {2: scanned(2), 3: scanned(3, "Page 3 of 4: all of it")})
    assert [block.text for block in document.blocks] == [
        "text of 1",
        "scan of 2",
        "Page 3 of 4: all of it",
        "text of 4",
    ]
    assert (document.title, document.gap, document.scans) == ("Leave", None, None)


def test_a_document_of_scans_alone_gets_its_title_from_the_first() -> None:
    document, _ = recognize(only_scans(1, 2), {1: scanned(1), 2: scanned(2)})
    assert (document.title, len(document.blocks)) == ("title of 1", 2)


SLOW = FetchProblem("needs more than 30 s of processor time to be read", "split it", may_pass=True)


@pytest.mark.parametrize(
    ("pages", "n_pages", "asked", "cause", "advice"),
    [
        (
            {2: SLOW, 3: scanned(3), 4: scanned(4)},
            50,
            [2, 3, 4],
            f"page 2 could not be recognised (the first: {SLOW.cause})",
            "DOCENT_OCR_SECONDS",
        ),
        (
            {2: scanned(2)},
            1,
            [2],
            "pages 3–4 were not recognised (scanned?)",
            "DOCENT_OCR_PAGES (now 1)",
        ),
        (
            {2: scanned(2), 4: scanned(4)},
            50,
            [2, 3, 4],
            "page 3 shows nothing that text recognition can read",
            "if it matters",
        ),
    ],
)
def test_a_page_that_is_not_recognised_is_named_and_the_others_are_kept(
    pages: Mapping[int, Answer], n_pages: int, asked: list[int], cause: str, advice: str
) -> None:
    text = Document("Leave", (page(1),), gap=Gap("1 secret is masked", "replace it"), scans=Scans((2, 3, 4)))
    document, was_asked = recognize(text, pages, n_pages=n_pages)
    n_read = sum(isinstance(answer, Document) for answer in pages.values())
    assert (was_asked, len(document.blocks)) == (asked, 1 + n_read)
    assert document.gap
    assert document.gap.cause == f"{cause}, and 1 secret is masked"
    assert advice in document.gap.advice


def test_a_document_whose_pages_fail_or_take_too_long_keeps_no_other_waiting() -> None:
    scans = Scans(tuple(range(2, 40)))
    text = Document("Leave", (page(1),), scans=scans)
    document, asked = recognize(text, dict.fromkeys(scans.pages, SLOW))
    assert asked == [2, 3, 4]
    assert document.gap
    assert document.gap.cause.startswith("pages 2–4 could not be recognised")
    assert "pages 5–39 were not recognised" in document.gap.cause

    ticks: Iterator[float] = (n * MAX_DOCUMENT_SECONDS / 10 for n in count())
    document, asked = recognize(text, {n: scanned(n) for n in scans.pages}, clock=lambda: next(ticks))
    assert len(asked) == 10
    assert document.gap
    assert document.gap.cause == "pages 12–39 were not recognised (scanned?)"


def test_a_picture_without_text_is_no_problem_and_a_paper_without_any_is_one() -> None:
    picture = RawDocument(b"", Format.PICTURE, "Logo")
    document, _ = recognize(only_scans(1), {}, raw=picture)
    assert (document.title, document.blocks, document.gap) == ("Logo", (), None)
    with pytest.raises(FetchProblem, match="page 1 shows nothing that text recognition can read"):
        recognize(only_scans(1), {})
    with pytest.raises(FetchProblem, match="needs more than 30 s"):
        recognize(only_scans(1), {1: SLOW}, raw=picture)


def test_without_recognition_the_pages_are_named_and_how_to_read_them() -> None:
    text = Document("Leave", (page(1),), scans=Scans((2, 3), n_unchecked=4))
    document = ScanReader(Scripted({0: text})).read(PAPER)
    assert document.gap
    assert document.gap.cause == "pages 2–3 hold no text (scanned?), and later ones were not checked"
    assert document.gap.advice == f"{ocr.explain_how()}; all other pages are searchable"
    assert ocr.EXTRA in ocr.explain_how() or "DOCENT_OCR=scans" in ocr.explain_how()
    with pytest.raises(FetchProblem) as problem:
        ScanReader(Scripted({0: only_scans(1)})).read(PAPER)
    assert problem.value.advice == ocr.explain_how()


def test_nothing_is_recognised_for_a_sync_that_has_ended() -> None:
    engine = Scripted({2: scanned(2)})
    recognizer = PageRecognizer(50, 30, converter=lambda limits: engine)
    recognizer.close()
    text = Document("Leave", (page(1),), scans=Scans((2, 3, 4, 5)))
    document = ScanReader(Scripted({0: text}), recognizer).read(PAPER)
    assert (engine.asked, len(document.blocks)) == ([], 1)
