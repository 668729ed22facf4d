"""What a reader of a PDF sees as headings, lists and tables comes out as such, with its page."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from agent.types import Audience
from ingest.documents.blocks import Block, Document
from ingest.documents.converter import Converter
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers import reader
from ingest.library import Library
from tests.ingest import paper
from tests.ingest.paper import column
from tests.library import sync_folder

PROSE = [
    "The quick brown fox jumps over the lazy dog and runs on to the river, where it rests for",
    "a while. Then it goes on through the woods, and comes home late in the evening, tired as",
    "a dog. It sleeps.",
]


def read(content: bytes, title: str = "File name") -> Document:
    return reader.read_document(RawDocument(content, Format.PDF, title))


def blocks(*pages: Iterable[paper.Text], rotation: int = 0) -> list[Block]:
    return list(read(paper.pdf(*pages, rotation=rotation)).blocks)


def shown(found: list[Block]) -> list[str]:
    return [f"{b.kind}{b.level if b.kind == 'heading' else ''}: {b.text or ' '.join(b.lines)}" for b in found]


def test_lines_of_a_paragraph_are_joined_and_larger_or_bold_lines_are_headings() -> None:
    page = [(60, 770, 18, "Travel"), *column(PROSE), (60, 690, -10, "By train"), *column(PROSE, top=676)]
    assert shown(blocks([(60, 780, 24, "Handbook"), (60, 750, 10, "Intro.")], page)) == [
        "paragraph: Intro.",
        "heading2: Travel",
        "paragraph: " + " ".join(PROSE),
        "heading3: By train",
        "paragraph: " + " ".join(PROSE),
    ]


def test_a_line_that_ends_early_is_a_line_of_its_own() -> None:
    address = ["Ninth Pylon", "Ropeway 4", "Bergen"]
    assert (
        shown(blocks([*column(PROSE), *column(address, top=650)]))[1]
        == "paragraph: Ninth Pylon\nRopeway 4\nBergen"
    )


def test_each_block_knows_its_page_and_a_paragraph_goes_on_overleaf() -> None:
    found = blocks(column(PROSE[:1]), [*column(PROSE[1:]), (60, 600, 10, "Another.")], column(["Third page."]))
    assert [(b.page, b.text) for b in found] == [(1, " ".join(PROSE)), (2, "Another."), (3, "Third page.")]


@pytest.mark.parametrize("mark", ["\u2022", "-", "1.", "a)", "(2)"])
def test_list_items_are_items_with_their_further_lines(mark: str) -> None:
    page = [(60, 740, 10, mark), (80, 740, 10, PROSE[0]), (80, 728, 10, "and so on."), *column(PROSE, top=700)]
    marker = "-" if mark in "\u2022-" else mark
    assert shown(blocks(page))[0] == f"item: {marker} {PROSE[0]} and so on."


def test_lines_indented_below_a_colon_are_items_whose_bullets_are_drawn() -> None:
    page = [*column([*PROSE, "It eats:"]), *column(["mice,", "berries."], x=80, top=690), (60, 660, 10, "Always.")]
    assert shown(blocks(page))[-3:] == ["item: - mice,", "item: - berries.", "paragraph: Always."]


def test_cells_below_each_other_are_a_table_with_its_header() -> None:
    rows = [
        ("Vehicle", "Rate", "Note"),
        ("Car", "0.45", ""),
        ("Bicycle", "0.12", "with a bell"),
        ("", "", "or a horn"),
    ]
    page = [*column(PROSE)]
    for i, row in enumerate(rows):
        y = 660 - 20 * min(i, 2) - 11 * (i == 3)
        page += [(60 + 120 * j, y, 10, cell) for j, cell in enumerate(row) if cell]
    table = blocks(page)[-1]
    assert (table.kind, table.has_header) == ("table", True)
    assert table.lines == (
        "| Vehicle | Rate | Note |",
        "| Car | 0.45 |  |",
        "| Bicycle | 0.12 | with a bell or a horn |",
    )


def test_a_row_whose_cells_all_go_on_below_is_one_row() -> None:
    cells = [(700, "Trip", "What is paid"), (680, "A day in Bergen, lunch", "half of the rate, less the")]
    cells += [(669, "paid by the customer", "lunch"), (649, "A night in Porto", "the whole rate")]
    page = [(x, y, 10.0, text) for y, *texts in cells for x, text in zip((60, 250), texts, strict=True)]
    assert blocks(page)[0].lines == (
        "| Trip | What is paid |",
        "| A day in Bergen, lunch paid by the customer | half of the rate, less the lunch |",
        "| A night in Porto | the whole rate |",
    )


def test_two_columns_are_read_one_after_the_other() -> None:
    left = [f"left line number {i} of the column" for i in range(12)]
    right = [f"right line number {i} of the column" for i in range(12)]
    page = [
        text
        for pair in zip(column(left, size=14, pitch=20), column(right, x=320, size=14, pitch=20), strict=True)
        for text in pair
    ]
    text = " ".join(shown(blocks(page)))
    assert text.index("left line number 11") < text.index("right line number 0")


def test_running_heads_and_page_numbers_are_left_out() -> None:
    pages = [
        [(60, 780, 8, "Travel policy, May"), (60, 700, 10, f"Rule {word}."), (300, 30, 8, f"Page {n} of 4")]
        for n, word in enumerate(["one", "two", "three", "four"], 1)
    ]
    assert [b.text for b in blocks(*pages)] == ["Rule one.", "Rule two.", "Rule three.", "Rule four."]


def rows(*texts: tuple[str, ...], top: float) -> list[paper.Text]:
    return [(60 + 160 * j, top - 16 * i, 10, cell) for i, row in enumerate(texts) for j, cell in enumerate(row)]


def test_a_header_that_comes_again_on_each_page_names_the_columns_of_each() -> None:
    header = ("Office", "Manager", "Days")
    cities = [
        ("Bergen", "Kari", "four"),
        ("Porto", "Rui", "five"),
        ("Graz", "Eva", "six"),
        ("Oslo", "Nils", "two"),
    ]
    pages = [
        [
            (60, 790, 8, "Travel policy"),
            (400, 790, 8, "Version 3"),
            *rows(header, city, ("Any other", "Ask", "one"), top=740),
            (60, 30, 8, "Internal"),
            (400, 30, 8, "ACME"),
            (60, 20, 8, "Travel"),
            (400, 20, 8, f"Page {n} of 4"),
        ]
        for n, city in enumerate(cities, 1)
    ]
    assert [(b.kind, b.has_header, b.lines, b.page) for b in blocks(*pages)] == [
        ("table", True, ("| Office | Manager | Days |", f"| {' | '.join(city)} |", "| Any other | Ask | one |"), n)
        for n, city in enumerate(cities, 1)
    ]


def test_pages_of_a_single_line_keep_it() -> None:
    pages = [[(60, 780, 10, "The same on every page.")] for _ in range(4)]
    assert len(blocks(*pages)) == 4


def test_text_too_small_to_read_and_text_beside_the_page_are_left_out() -> None:
    page = [(60, 700, 10, "Seen."), (60, 600, 1, "HIDDEN"), (900, 500, 10, "HIDDEN"), (60, 680, 10, "Seen too.")]
    text = " ".join(b.text for b in blocks(page))
    assert "Seen too." in text
    assert "HIDDEN" not in text


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_page_that_is_shown_turned_is_read_as_any_other(rotation: int) -> None:
    assert [b.text for b in blocks(column(PROSE), rotation=rotation)] == [" ".join(PROSE)]


@pytest.mark.parametrize("matrix", ["0 1 -1 0 600 0", "-1 0 0 -1 600 800", "0 -1 1 0 0 800"])
def test_text_that_is_turned_is_read_as_any_other(matrix: str) -> None:
    page = column(PROSE, x=60, top=540)
    assert [b.text for b in read(paper.pdf(page, before=f"{matrix} cm")).blocks] == [" ".join(PROSE)]


@pytest.mark.parametrize(
    ("metadata", "heading", "title"),
    [
        ("Travel policy", "A heading", "Travel policy"),
        ("Microsoft Word - travel_v3.docx", "A heading", "A heading"),
        ("untitled", "1. Introduction", "File name"),
        ("", "", "File name"),
    ],
)
def test_the_title_comes_from_the_metadata_then_the_heading_then_the_file(
    metadata: str, heading: str, title: str
) -> None:
    page = [*([(60, 770, 20, heading)] if heading else []), *column(PROSE)]
    assert read(paper.pdf(page, title=metadata)).title == title


def test_a_passages_link_opens_its_page(library: Library, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    pages: list[list[paper.Text]] = [
        column(PROSE),
        [(60, 780, 16, "Parking"), (60, 750, 10, "The barrier opens at six.")],
    ]
    (tmp_path / "docs" / "rules of the house.pdf").write_bytes(paper.pdf(*pages))
    sync_folder(library, str(tmp_path / "docs"), link="https://handbook.example/{path}")

    found = library.search("When does the barrier open?", audience=Audience()).passages[0]
    assert found.url == "https://handbook.example/rules%20of%20the%20house.pdf#page=2"
    assert (found.text, found.heading_path) == ("The barrier opens at six.", "Parking")
    assert [p.text for p in library.read(found.url, audience=Audience())][-1] == found.text


@pytest.mark.parametrize("count", ["3", "50", "100000"])
def test_a_page_that_cannot_be_read_and_a_wrong_count_cost_no_other_page(count: str) -> None:
    content = paper.pdf(*(column([f"Rule {word}."]) for word in ("one", "two", "three")))
    broken = content.replace(b"8 0 obj\n<<", b"8 0 obj\n12").replace(b"/Count 3", f"/Count {count}".encode())
    assert [(b.text, b.page) for b in read(broken).blocks] == [("Rule one.", 1), ("Rule three.", 3)]


def test_a_pdf_of_which_no_page_can_be_read_is_damaged() -> None:
    content = paper.pdf(column(PROSE)).replace(b"/Kids [6 0 R]", b"/Kids [9 0 R]")
    with pytest.raises(FetchProblem, match="is a damaged PDF"):
        read(content)


def test_a_paragraph_of_very_many_lines_is_read_in_time() -> None:
    n = 300
    pages = [
        [(60, 790 - 2.5 * i, 2.5, "word and word-" if i % 2 else "word") for i in range(n)] for _ in range(20)
    ]
    assert sum(len(b.text) for b in blocks(*pages)) > 30_000


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is not a PDF"),
        (b"%PDF-1.4\n" + bytes(range(256)) * 4, "damaged"),
        (paper.pdf([], []), "only pictures or empty pages"),
        (paper.pdf(), "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "is an older Office file"),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_advice(content: bytes, cause: str) -> None:
    with pytest.raises(FetchProblem, match=cause) as problem:
        read(content)
    assert problem.value.advice


@pytest.mark.parametrize("kind", ["docx", "text", "markdown"])
def test_a_pdf_under_another_name_is_read_as_a_pdf(kind: str) -> None:
    document = reader.read_document(RawDocument(paper.pdf(column(PROSE)), kind, "T"))  # type: ignore[arg-type]
    assert document.blocks[0].text == " ".join(PROSE)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test.pdf", "heading1: 1 Introduction"),
        ("google-doc-document.pdf", "| Capital | Jakarta | Berlin | Vienna | Paris | Vatican City |"),
        ("SPARSE-2024-INV-1234_borderless_table.pdf", "| SKU-4563 | D-22 |  | 156 |  | CRITICAL |"),
        ("SPARSE-2024-INV-1234_borderless_table.pdf", "heading2: Extended Inventory Review:"),
        ("SPARSE-2024-INV-1234_borderless_table.pdf", "item: 1. Immediate review of SKU-4563"),
        ("REPAIR-2022-INV-001_multipage.pdf", "| Policy # | POL-2022-555 | Model | Grand Cherokee |"),
        ("movie-theater-booking-2024.pdf", "| December 2024 | 48 | $12,500.00 | $11,250.00 | 85% |"),
        ("pdflatex-outline.pdf", "heading1: 9 Baz"),
        ("pdflatex-4-pages.pdf", "how the letters are written and an impression of the look"),
        ("minimal-document.pdf", "paragraph: Lorem ipsum dolor sit amet"),
    ],
)
def test_real_pdfs_keep_their_structure(eval_dir: Path, name: str, expected: str) -> None:
    content = (eval_dir / "ingest_samples" / "good" / name).read_bytes()
    with Converter() as converter:
        assert expected in "\n".join(
            shown(list(converter.read(RawDocument(content, Format.PDF, "File name")).blocks))
        )


def unreadable(content: bytes, *pages: int) -> bytes:
    """The same PDF, of whose pages some are said to be something else."""
    for page in pages:
        at = content.index(f"\n{4 + 2 * page} 0 obj".encode())
        content = content[:at] + content[at:].replace(b"/Type /Page ", b"/Type /Pgae ", 1)
    return content


@pytest.mark.parametrize(
    ("pages", "cause"),
    [((2,), "page 2 cannot be read"), ((2, 3), "2 pages cannot be read (2, 3)"), ((), None)],
)
def test_pages_that_cannot_be_read_are_told_and_the_others_found(
    pages: tuple[int, ...], cause: str | None
) -> None:
    made = paper.pdf(*([(60, 700, 10, f"Text of page {n}.")] for n in range(1, 5)))
    document = read(unreadable(made, *pages))
    assert [block.page for block in document.blocks] == [n for n in range(1, 5) if n not in pages]
    assert (document.gap.cause if document.gap else None) == cause
