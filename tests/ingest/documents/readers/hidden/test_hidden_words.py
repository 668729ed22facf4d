"""Text of a Word document in the colour of its own ground, or transparent, is not read."""

import pytest

from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.documents.readers import reader
from tests.ingest import paper
from tests.ingest.paper import paragraph

W14 = 'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"'
THEME = (
    '<a:theme xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:themeElements><a:clrScheme>'
    '<a:lt1><a:srgbClr val="{}"/></a:lt1></a:clrScheme></a:themeElements></a:theme>'
)
WHITE = '<w:color w:val="FFFFFF"/>'
BLUE = '<w:color w:val="103060"/>'
BLUE_GROUND = '<w:shd w:val="clear" w:color="auto" w:fill="103060"/>'
BY_THEME = '<w:color w:val="000000" w:themeColor="background1"{}/>'


def fill(inside: str, more: str = "") -> str:
    return f"<w14:textFill {W14}>{inside}</w14:textFill>{more}"


def solid(colour: str, alpha: int | None = None) -> str:
    inside = f'<w14:alpha w14:val="{alpha}"/>' if alpha is not None else ""
    return fill(f'<w14:solidFill><w14:srgbClr w14:val="{colour}">{inside}</w14:srgbClr></w14:solidFill>')


def seen(body: str, more: dict[str, str] | None = None) -> str:
    content = paper.docx(paragraph("Seen.") + body, more=more)
    document = reader.read_document(RawDocument(content, Format.DOCX, "File"))
    return "\n".join(block.text or "\n".join(block.lines) for block in document.blocks)


def cell(properties: str, *, run: str = "", own: str = "", of_table: str = "") -> str:
    words = paragraph("Words", run=run, own=own)
    return f"<w:tbl>{of_table}<w:tr><w:tc><w:tcPr>{properties}</w:tcPr>{words}</w:tc></w:tr></w:tbl>"


@pytest.mark.parametrize(
    "hidden",
    [
        paragraph("Words", run=BY_THEME.format("")),
        paragraph(
            "Words", run=BY_THEME.format("").replace("background1", "light1").replace(' w:val="000000"', "")
        ),
        paragraph("Words", run=BLUE + BLUE_GROUND),
        paragraph("Words", run=BLUE, own=BLUE_GROUND),
        paragraph("Words", run='<w:color w:val="FFFF00"/><w:highlight w:val="yellow"/>'),
        paragraph("Words", run=WHITE + BLUE_GROUND.replace("103060", "FFFFFF"), own=BLUE_GROUND),
        cell(BLUE_GROUND, run=BLUE),
        paragraph("Words", run=fill("<w14:noFill/>")),
        paragraph("Words", run=solid("000000", 100_000)),
        paragraph("Words", run=solid("FFFFFF")),
    ],
)
def test_text_of_the_colour_of_its_ground_is_left_out(hidden: str) -> None:
    assert seen(hidden + paragraph("End.")).split() == ["Seen.", "End."]


@pytest.mark.parametrize(
    "shown",
    [
        paragraph("Words", run=BY_THEME.format(' w:themeShade="80"')),
        paragraph("Words", run=BY_THEME.format("").replace("background1", "text1")),
        paragraph("Words", run=BY_THEME.format(""), own=BLUE_GROUND),
        paragraph("Words", run='<w:color w:val="000000"/><w:highlight w:val="yellow"/>'),
        paragraph("Words", run=BLUE + BLUE_GROUND.replace('"clear"', '"pct20"')),
        paragraph("Words", run=WHITE + '<w:shd w:val="solid" w:color="000000" w:fill="FFFFFF"/>'),
        paragraph("Words", run=BLUE + BLUE_GROUND.replace("103060", "FFFFFF"), own=BLUE_GROUND),
        paragraph("Words", run='<w:color w:val="auto"/>', own=BLUE_GROUND),
        cell(BLUE_GROUND, run=WHITE),
        cell(BLUE_GROUND, run=BLUE, own=BLUE_GROUND.replace("103060", "FFFFFF")),
        cell("", run=BLUE, of_table=f"<w:tblPr>{BLUE_GROUND}</w:tblPr>"),
        paragraph("Words", run=solid("000000", 30_000)),
        paragraph("Words", run=WHITE + solid("000000")),
        paragraph("Words", run=WHITE + fill("<w14:gradFill/>")),
        paragraph(
            "Words", run=fill("<w14:noFill/>", f"<w14:textOutline {W14}><w14:solidFill/></w14:textOutline>")
        ),
    ],
)
def test_text_that_stands_out_from_its_ground_is_kept(shown: str) -> None:
    assert "Words" in seen(shown)


def test_a_text_box_has_a_ground_of_its_own() -> None:
    box = f"<w:txbxContent>{paragraph('Words', run=BLUE)}</w:txbxContent>"
    pict = f'<w:r><w:pict><v:textbox xmlns:v="urn:schemas-microsoft-com:vml">{box}</v:textbox></w:pict></w:r>'
    assert "Words" in seen(f"<w:p><w:pPr>{BLUE_GROUND}</w:pPr>{pict}</w:p>")


@pytest.mark.parametrize(("light", "is_seen"), [("FFFFFF", False), ("FEFEFE", False), ("103060", True)])
def test_a_colour_by_name_is_that_of_the_documents_theme(light: str, is_seen: bool) -> None:
    words = paragraph("Words", run=BY_THEME.format(""))
    assert ("Words" in seen(words, {"word/theme/theme1.xml": THEME.format(light)})) is is_seen


def test_a_row_marked_as_hidden_with_words_that_are_not_is_kept_as_word_shows_it() -> None:
    row = cell("", of_table="").replace("<w:tr>", "<w:tr><w:trPr><w:hidden/></w:trPr>")
    assert "Words" in seen(row)
    assert "Words" not in seen(row.replace("<w:rPr>", "<w:rPr><w:vanish/>"))
