"""Cells of a workbook whose text has the colour of their fill are not read."""

import pytest

from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.documents.readers import reader
from tests.ingest.office import ods, ods_row, xlsx

STYLES = (
    "<fonts><font/><font>{}</font></fonts><fills><fill><patternFill/></fill><fill>{}</fill></fills>"
    '<cellXfs><xf fontId="0" fillId="0"/><xf fontId="1" fillId="1" numFmtId="{}"/></cellXfs>'
)
WHITE, BLUE = '<color rgb="FFFFFFFF"/>', '<color rgb="FF103060"/>'
NONE, SOLID = (
    '<patternFill patternType="none"/>',
    '<patternFill patternType="solid"><fgColor rgb="{}"/></patternFill>',
)


def seen(
    font: str,
    fill: str,
    *,
    text: str = "<t>Words</t>",
    more: str = "",
    code: int = 0,
    parts: dict[str, str] | None = None,
) -> str:
    first = '<c r="A1" t="inlineStr"><is><t>Who</t></is></c><c r="B1" t="inlineStr"><is><t>Note</t></is></c>'
    if text.isdecimal():
        cell = f'<c r="B2" s="1" t="s"><v>{text}</v></c>'
    else:
        cell = f'<c r="B2" s="1" t="inlineStr"><is>{text}</is></c>'
    second = f'<c r="A2" t="inlineStr"><is><t>Anna</t></is></c>{cell}'
    rows = f'<sheetData><row r="1">{first}</row><row r="2">{second}</row></sheetData>{more}'
    content = xlsx({"Rooms": rows}, styles=STYLES.format(font, fill, code), more=parts)
    document = reader.read_document(RawDocument(content, Format.SHEET, "Book"))
    return "\n".join(block.text or "\n".join(block.lines) for block in document.blocks)


@pytest.mark.parametrize(
    ("font", "fill"),
    [
        (WHITE, NONE),
        ('<color theme="0"/>', NONE),
        ('<color indexed="9"/>', "<patternFill/>"),
        (WHITE, SOLID.format("FFFEFEFE")),
        (BLUE, SOLID.format("FF103060")),
    ],
)
def test_text_of_the_colour_of_its_fill_is_left_out(font: str, fill: str) -> None:
    found = seen(font, fill)
    assert "Words" not in found
    assert "Anna" in found


@pytest.mark.parametrize(
    ("font", "fill"),
    [
        (WHITE, SOLID.format("FF103060")),
        (WHITE, "<gradientFill/>"),
        (WHITE, '<patternFill patternType="gray125"/>'),
        (WHITE, '<patternFill patternType="solid"><fgColor theme="4"/></patternFill>'),
        ('<color theme="0" tint="-0.5"/>', NONE),
        ('<color theme="1"/>', NONE),
        (BLUE, NONE),
        ("", NONE),
    ],
)
def test_text_that_stands_out_from_its_fill_is_kept(font: str, fill: str) -> None:
    assert "Words" in seen(font, fill)


@pytest.mark.parametrize(
    ("more", "is_seen"),
    [
        ('<conditionalFormatting sqref="A9 B1:B5"/>', True),
        ('<conditionalFormatting sqref="A1:A9"/>', False),
        ('<picture xmlns:r="r" r:id="x"/>', True),
    ],
)
def test_a_cell_that_may_have_a_ground_of_another_kind_is_kept(more: str, is_seen: bool) -> None:
    assert ("Words" in seen(WHITE, NONE, more=more)) is is_seen


def test_a_text_with_parts_in_colours_of_their_own_is_kept() -> None:
    assert "Words" in seen(WHITE, NONE, text="<r><t>Words</t></r>")


@pytest.mark.parametrize(("number", "is_seen"), [("0", False), ("1", True)])
def test_a_shared_text_with_parts_in_colours_of_their_own_is_kept(number: str, is_seen: bool) -> None:
    texts = "<si><t>Words</t></si><si><r><t>Words</t></r></si>"
    shared = f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{texts}</sst>'
    found = seen(WHITE, NONE, text=number, parts={"xl/sharedStrings.xml": shared})
    assert ("Words" in found) is is_seen


@pytest.mark.parametrize(("place", "is_seen"), [("A1:B2", True), ("D1:E2", False)])
def test_a_cell_of_a_table_whose_style_may_give_it_a_fill_is_kept(place: str, is_seen: bool) -> None:
    found = seen(WHITE, NONE, parts={"xl/tables/table1.xml": f'<table ref="{place}"/>'})
    assert ("Words" in found) is is_seen


FO = 'xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"'


@pytest.mark.parametrize(
    ("colour", "more", "is_seen"),
    [
        ("#ffffff", "", False),
        ("#000000", "", True),
        ("#ffffff", f'<style:table-cell-properties {FO} fo:background-color="#ffffff"/>', False),
        ("#ffffff", f'<style:table-cell-properties {FO} fo:background-color="#103060"/>', True),
        ("#ffffff", "<style:map/>", True),
    ],
)
def test_white_text_of_an_opendocument_cell_is_left_out(colour: str, more: str, is_seen: bool) -> None:
    look = f'<style:text-properties {FO} fo:color="{colour}"/>{more}'
    words = (
        '<table:table-cell table:style-name="ce1" office:value-type="string"><text:p>Words</text:p>'
        "</table:table-cell>"
    )
    content = ods(
        ods_row("Who", "Note") + ods_row("Anna", words),
        styles=f'<style:style style:name="ce1" style:family="table-cell">{look}</style:style>',
    )
    document = reader.read_document(RawDocument(content, Format.SHEET, "Book"))
    found = "\n".join("\n".join(block.lines) for block in document.blocks)
    assert "Anna" in found
    assert ("Words" in found) is is_seen
