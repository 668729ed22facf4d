"""Texts on which a pattern with quadratic time would need minutes: each is read within the usual limits."""

from collections.abc import Iterator

import pytest

from ingest.documents import chunking
from ingest.documents.blocks import Block, BlockKind, Document
from ingest.documents.converter import Converter, ReaderLimits
from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.documents.readers.pdf import grid
from ingest.documents.readers.text import tables
from tests.ingest import office, paper

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    with Converter(ReaderLimits(cpu_seconds=15)) as converter:
        yield converter


def many_percent_styles() -> bytes:
    styles = '<xf numFmtId="9"/>' * 50_000
    row = '<row r="{n}">' + '<c r="A{n}" s="49999"><v>0.5</v></c>' * 100 + "</row>"
    rows = "".join(row.replace("{n}", str(n)) for n in range(1, 1_000))
    return office.xlsx({"A": f"<sheetData>{rows}</sheetData>"}, styles=f"<cellXfs>{styles}</cellXfs>")


LONG: dict[str, tuple[Format, bytes]] = {
    "digits in a cell of Word": (Format.DOCX, paper.docx(paper.table(("1" * 500_000 + "abcd", "B"), ("x", "y")))),
    "digits in a cell of a sheet of values": (Format.CSV, b"a," + b"1" * 900_000 + b"abcd\nb,c\n"),
    "backticks": (Format.MARKDOWN, b"x" + b"`" * 500_000 + b"a" * 500_000),
    "runs of digits in Rich Text": (Format.RTF, rb"{\rtf1 " + (b"a" * 499 + b" ") * 4_000 + b"}"),
    "cell styles of percent": (Format.SHEET, many_percent_styles()),
    "a row of dots": (Format.TEXT, b"." * 500_000),
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_text_is_read_within_the_limits(converter: Converter, name: str) -> None:
    format_, content = LONG[name]
    assert converter.read(RawDocument(content, format_, "Long")).blocks


def test_a_long_row_of_dots_is_split() -> None:
    chunks = chunking.split(Document("T", (Block(BlockKind.PARAGRAPH, "." * 300_000),)), max_tokens=200)
    assert sum(len(chunk.text) for chunk in chunks) == 300_000


@pytest.mark.parametrize("cell", ["1" * 5_000_000, "1." * 2_000_000 + "abcd", "-" * 5_000_000 + "x"])
def test_a_long_cell_is_judged_by_every_reader_of_tables(cell: str) -> None:
    is_value = cell == "1" * 5_000_000
    assert tables.is_value(cell) == is_value
    assert grid.has_header([[cell, "B"], ["x", "y"]]) == (not is_value)


def test_a_number_too_long_to_be_converted_stands_at_the_edge_of_pages() -> None:
    pages = [[(60, 790, 2.5, "7" * 5_000), (60, 400, 10, f"Text {n}.")] for n in range(3)]
    with Converter() as converter:
        document = converter.read(RawDocument(paper.pdf(*pages), Format.PDF, "Long"))
    assert [block.text for block in document.blocks if block.text.startswith("Text")] == [
        "Text 0.",
        "Text 1.",
        "Text 2.",
    ]
