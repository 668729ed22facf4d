"""Sheets and files of values: rows keep their header, and what is no table becomes none."""

import tracemalloc
from pathlib import Path

import pytest

from ingest.documents.blocks import Document
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers import reader
from ingest.documents.readers.office import sheet
from ingest.documents.readers.office.ods import read_looks
from ingest.documents.readers.text import tables
from tests.ingest import paper
from tests.ingest.office import ods, ods_row, xlsx


def read(content: bytes | str, kind: Format = Format.CSV) -> Document:
    raw = content if isinstance(content, bytes) else content.encode()
    return reader.read_document(RawDocument(raw, kind, "File name"))


def shown(document: Document) -> list[tuple[str, object]]:
    return [(b.kind, b.lines or b.text) for b in document.blocks]


def test_each_sheet_is_a_section_and_a_hidden_one_is_left_out() -> None:
    rows: list[list[str | float | None]] = [["Room", "Seats"], ["Anna", 8], ["Berta", 12.5]]
    content = xlsx({"Rooms": rows, "Secret": [["HIDDEN"]], "Note": [["Ask the desk."]]}, hidden=["Secret"])
    assert shown(read(content, Format.SHEET)) == [
        ("heading", "Rooms"),
        ("table", ("| Room | Seats |", "| Anna | 8 |", "| Berta | 12.5 |")),
        ("heading", "Note"),
        ("paragraph", "Ask the desk."),
    ]


def test_empty_rows_part_tables_and_a_line_above_one_is_its_title() -> None:
    rows: list[list[str | float | None]] = [
        ["Rooms of 2024", None],
        [None, None],
        ["Room", "Seats"],
        ["Anna", 8],
        [],
        ["Day", "From"],
        ["Mon", 7],
    ]
    document = read(xlsx({"Sheet1": rows}), Format.SHEET)
    assert shown(document) == [
        ("paragraph", "Rooms of 2024"),
        ("table", ("| Room | Seats |", "| Anna | 8 |")),
        ("table", ("| Day | From |", "| Mon | 7 |")),
    ]
    assert all(block.has_header for block in document.blocks if block.kind == "table")


def test_a_cell_merged_over_rows_stands_in_each() -> None:
    cells = "".join(
        f'<row r="{n}"><c r="A{n}" t="inlineStr"><is><t>{a}</t></is></c><c r="B{n}"><v>{n}</v></c></row>'
        for n, a in enumerate(["North", "", ""], 1)
    )
    merged = '<mergeCells count="1"><mergeCell ref="A1:A3"/></mergeCells>'
    document = read(xlsx({"Sheet1": f"<sheetData>{cells}</sheetData>{merged}"}), Format.SHEET)
    assert document.blocks[0].lines == ("| North | 1 |", "| North | 2 |", "| North | 3 |")


def test_a_number_shown_as_percent_is_read_so() -> None:
    formats = '<numFmts><numFmt numFmtId="164" formatCode="0.0%;-0.0%"/></numFmts>'
    looks = '<xf numFmtId="0"/><xf numFmtId="9"/><xf numFmtId="164"/><xf numFmtId="4"/>'
    values = [("19%", 1, 0.19), ("7.5%", 2, 0.075), ("0.5", 3, 0.5), ("200%", 1, 2)]
    cells = "".join(
        f'<c r="{"BCDE"[n]}3" s="{style}"><v>{value}</v></c>' for n, (_, style, value) in enumerate(values)
    )
    content = xlsx(
        {"Other": [["x"]], "Tax": f'<sheetData><row r="3">{cells}</row></sheetData>'},
        styles=f"{formats}<cellXfs>{looks}</cellXfs>",
    )
    assert read(content, Format.SHEET).blocks[-1].lines == (f"| {' | '.join(shown for shown, _, _ in values)} |",)


def test_a_row_of_many_columns_names_its_values() -> None:
    names = [f"A rather long name of column {n}" for n in range(20)]
    document = read("\n".join([",".join(names), ",".join(["x"] * 19 + [""]), ",".join(["y"] * 20)]))
    assert [b.kind for b in document.blocks] == ["item", "item"]
    assert document.blocks[0].text.startswith(f"- {names[0]}: x; {names[1]}: x; ")
    assert names[19] not in document.blocks[0].text


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_separator_is_found(separator: str) -> None:
    text = separator.join(["Name", "Days"]) + "\n" + separator.join(['"Müller\nAnna"', "20"]) + "\n"
    assert read(text).blocks[0].lines == ("| Name | Days |", "| Müller Anna | 20 |")


def test_commas_in_numbers_do_not_separate() -> None:
    text = "Betrag;Steuer\n1,50;0,19\n2,75;0,19\n"
    assert read(text).blocks[0].lines == ("| Betrag | Steuer |", "| 1,50 | 0,19 |", "| 2,75 | 0,19 |")
    assert read("sep=;\na;b\n1;2").blocks[-1].lines == ("| a | b |", "| 1 | 2 |")


@pytest.mark.parametrize(
    ("rows", "has_header"),
    [
        ("Name,Days\nAnna,20", True),
        ("Name,2023,2024\nAnna,20,25", True),
        ("Anna,20\nBerta,25", False),
        (",Days,Rooms\nAnna,20,3", False),
        (",Days,Rooms,Desks\nAnna,20,3,4", True),
        ("Name:,Anna\nCity:,Rome", False),
        ("2023,2024\n20,25", False),
        ("Name,Days", False),
    ],
)
def test_a_first_row_that_names_the_columns_is_a_header(rows: str, has_header: bool) -> None:
    assert read(rows).blocks[0].has_header == has_header


def test_values_in_an_old_encoding_are_read(eval_dir: Path) -> None:
    document = read((eval_dir / "ingest_samples" / "good" / "test_mskanji.csv").read_bytes())
    assert document.blocks[0].lines[:2] == ("| 名前 | 年齢 | 住所 |", "| 佐藤太郎 | 30 | 東京 |")


def test_an_old_workbook_is_read(eval_dir: Path) -> None:
    document = read((eval_dir / "ingest_samples" / "good" / "test.xls").read_bytes(), Format.SHEET)
    assert ("| Alpha | Beta | Gamma | Delta |", True) in [
        (b.lines[0], b.has_header) for b in document.blocks if b.lines
    ]
    assert "affc7dad-52dc-4b98-9b5d-51e65d8a8ad0" in str(document.blocks)


def test_a_page_saved_under_the_ending_of_a_workbook_is_read_as_a_page() -> None:
    page = b"<html><body><table><tr><th>Name<th>Days<tr><td>Anna<td>20</table></body></html>"
    assert read(page, Format.SHEET).blocks[0].lines == ("| Name | Days |", "| Anna | 20 |")


def test_what_is_beyond_the_rows_that_are_read_is_told() -> None:
    document = read("Name,Days\n" + "Anna,20\n\n" * (tables.MAX_ROWS + 5))
    assert document.gap
    assert document.gap.cause == "only its first 20,000 rows are searchable"
    assert sum(len(block.lines) for block in document.blocks) == tables.MAX_ROWS
    assert read("Name,Days\nAnna,20").gap is None


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "is empty"),
        (b"Name,Days", "is not a spreadsheet"),
        (xlsx({"A": [["x"]]})[:-40], "is a damaged spreadsheet"),
        (xlsx({"A": "<sheetData><row>"}), "is a damaged spreadsheet"),
        (xlsx({"A": []}), "contains no text"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "protected with a password",
        ),
        (paper.docx("")[:200], "is a damaged spreadsheet"),
    ],
    ids=["empty", "text", "cut", "no-xml", "no-rows", "password", "nothing"],
)
def test_what_cannot_be_read_is_a_problem_with_advice(content: bytes, cause: str) -> None:
    with pytest.raises(FetchProblem, match=cause) as problem:
        read(content, Format.SHEET)
    assert problem.value.advice


def test_a_workbook_of_formulas_that_were_never_computed_is_to_be_saved_again() -> None:
    formulas = '<row r="1"><c r="A1"><f>A9*2</f></c><c r="B1"><f>A9*3</f></c></row>'
    with pytest.raises(FetchProblem, match=r"has formulas without a stored value \(A1, B1\)") as problem:
        read(xlsx({"A": f"<sheetData>{formulas}</sheetData>"}), Format.SHEET)
    assert problem.value.advice == "open it in Excel or LibreOffice and save it again"


def test_two_cells_far_apart_do_not_make_room_for_all_between() -> None:
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    assert sheet.MAX_CELLS < 1_048_576 * 16_384
    with pytest.raises(FetchProblem, match="spans 1,048,576 rows and 16,384 columns"):
        read(xlsx({"A": f"<sheetData>{far}</sheetData>"}), Format.SHEET)


def test_repeated_cells_of_an_opendocument_sheet_take_little_memory() -> None:
    empty = '<table:table-cell table:number-columns-repeated="1000"/>' * 15
    price = '<table:table-cell table:number-columns-repeated="1000" office:value-type="currency" office:value="1">'
    rows = ods_row(*[empty, f"{price}<text:p>$1.00</text:p></table:table-cell>"])
    repeated = rows.replace("<table:table-row", '<table:table-row table:number-rows-repeated="1000"')
    content = ods(ods_row("Room", "Seats") + repeated)
    tracemalloc.start()
    looks = read_looks(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [sheet_looks.texts for sheet_looks in looks.values()] == [{(1, 15_000): "$1.00"}]
    assert peak < 10_000_000
