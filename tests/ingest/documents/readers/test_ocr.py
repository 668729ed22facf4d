"""Text recognition: the order of what is recognised, and real scans and pictures where the extra is installed."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import ingest.settings
from agent.types import Audience
from ingest.documents import ocr
from ingest.documents.converter import Converter
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers.ocr.layout import RecognizedLine, make_blocks
from ingest.documents.recognition import PageRecognizer, ScanReader
from ingest.library import Library
from tests.ingest import paper
from tests.library import sync_folder

needs_ocr = pytest.mark.skipif(not ocr.is_installed(), reason="needs the extra ocr: " + ocr.EXTRA)
LINES = [
    "Every employee may travel by train in second class.",
    "Bookings are made at least fourteen days ahead.",
    "The rate is 30 dollars a day, and 45 abroad.",
]


def boxes(
    *texts: str, left: float = 60, top: float = 100, width: float = 900, pitch: float = 40
) -> list[RecognizedLine]:
    return [
        RecognizedLine(text, left, top + n * pitch, left + width, top + n * pitch + 28)
        for n, text in enumerate(texts)
    ]


def said(lines: list[RecognizedLine]) -> list[str]:
    return [f"{block.kind}: {block.text}" for block in make_blocks(lines, page=1)]


def test_lines_become_headings_paragraphs_and_items_in_reading_order() -> None:
    heading = RecognizedLine("Travel", 60, 30, 300, 80)
    lines = [
        *boxes("The gate opens at", "six, and cl-", "oses at ten."),
        *boxes("SICK LEAVE", "• one", "2) two", "and more", top=300),
    ]
    assert said([*reversed(lines), heading]) == [
        "heading: Travel",
        "paragraph: The gate opens at six, and closes at ten.",
        "heading: SICK LEAVE",
        "item: • one",
        "item: 2) two and more",
    ]


def test_columns_of_prose_are_read_one_after_the_other_and_cells_beside_each_other() -> None:
    left, right = [f"left {n}" for n in range(6)], [f"right {n}" for n in range(6)]
    columns = [*boxes(*left, width=400), *boxes(*right, left=520, width=400)]
    title = boxes("Across the page", top=20, width=860)
    assert said([*columns, *title]) == [
        "paragraph: Across the page",
        f"paragraph: {' '.join(left)}",
        f"paragraph: {' '.join(right)}",
    ]
    cells = [*boxes("Plan", "Basic", "Pro", "Max", width=80), *boxes("Fee", "10", "20", "30", left=700, width=60)]
    assert said(cells) == ["paragraph: Plan Fee Basic 10 Pro 20 Max 30"]


def test_boxes_of_a_skewed_page_that_overlap_are_lines_below_each_other() -> None:
    skewed = [
        RecognizedLine(text, 60, 100 + 30 * n, 900, 148 + 30 * n) for n, text in enumerate(("one", "two", "three"))
    ]
    assert said(skewed) == ["paragraph: one two three"]
    beside = [RecognizedLine("Name:", 60, 100, 160, 130), RecognizedLine("Anna", 180, 108, 300, 140)]
    assert said([*beside, RecognizedLine("Born:", 60, 145, 160, 175)]) == ["paragraph: Name: Anna Born:"]


def test_lines_of_chinese_are_joined_without_a_space() -> None:
    assert said(boxes("员工每年可以休假二十天，", "须提前两周提出申请。")) == [
        "paragraph: 员工每年可以休假二十天，须提前两周提出申请。"
    ]


@pytest.fixture
def scans() -> Iterator[ScanReader]:
    recognizer = PageRecognizer(50, 60)
    reader = ScanReader(Converter(), recognizer)
    yield reader
    reader.__exit__()
    recognizer.__exit__()


def draw(lines: list[str], *, size: int = 28) -> Any:
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (1240, 900), "white")
    for n, line in enumerate(lines):
        ImageDraw.Draw(picture).text(
            (90, 90 + 2 * size * n), line, font=ImageFont.load_default(size), fill="black"
        )
    return picture


def save(picture: Any, kind: str, **how: Any) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


@needs_ocr
def test_a_scanned_pdf_and_pictures_are_read(scans: ScanReader) -> None:
    page = draw(LINES)
    for content, format_, number in (
        (
            save(page, "PDF", save_all=True, append_images=[draw(["A second page of the same scan."])]),
            Format.PDF,
            1,
        ),
        (save(page, "PNG"), Format.PICTURE, 0),
        (save(page.resize((3720, 2700)), "JPEG"), Format.PICTURE, 0),
    ):
        document = scans.read(RawDocument(content, format_, "File name"))
        text = " ".join(block.text for block in document.blocks)
        assert [line for line in LINES if line not in text] == [], text
        assert (document.blocks[0].page, document.gap) == (number, None)
        assert ("A second page of the same scan." in text) is (format_ == Format.PDF)


@needs_ocr
def test_pictures_that_are_broken_huge_or_without_text_harm_nobody(scans: ScanReader) -> None:
    from PIL import Image

    def read(content: bytes) -> str:
        try:
            return f"{len(scans.read(RawDocument(content, Format.PICTURE, 'Picture')).blocks)} blocks"
        except FetchProblem as problem:
            return problem.cause

    whole = save(draw(LINES), "PNG")
    assert "is a damaged picture" in read(whole[:2_000])
    assert "more than 50 million pixels" in read(save(Image.new("1", (30_000, 30_000)), "PNG"))
    assert read(save(Image.new("RGB", (64, 64), "red"), "PNG")) == "0 blocks"
    assert read(save(Image.new("RGB", (4_000, 20), "white"), "PNG")) == "0 blocks"
    assert read(b"no picture at all") == "is not a picture, despite its name"


@needs_ocr
def test_a_folder_with_scans_and_pictures_is_read_once_recognition_is_on(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "scan.pdf").write_bytes(save(draw(LINES), "PDF"))
    (folder / "notice.png").write_bytes(save(draw(["The canteen is closed on Friday afternoons."]), "PNG"))
    (folder / "plain.pdf").write_bytes(paper.pdf([(60, 700, 10, "Hello from the paper.")]))
    report = sync_folder(library, folder)
    assert [(problem.uri, problem.cause) for problem in report.problems] == [
        ("scan.pdf", "contains no text, only scans or pictures (page 1)")
    ]
    monkeypatch.setenv("DOCENT_OCR", "all")
    ingest.settings.load.cache_clear()
    try:
        report = sync_folder(library, folder)
    finally:
        monkeypatch.undo()
        ingest.settings.load.cache_clear()
    assert (report.problems, report.n_added, report.n_changed) == ((), 1, 2)
    (found, *_) = library.search("canteen closed on Friday", audience=Audience()).passages
    assert found.url.endswith("notice.png")
    (found, *_) = library.search("travel by train in second class", audience=Audience()).passages
    assert found.url.endswith("scan.pdf#page=1")
