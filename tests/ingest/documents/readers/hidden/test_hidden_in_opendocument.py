"""White text of an OpenDocument file is read only where there may be a ground behind it."""

import pytest

from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.documents.readers import reader
from tests.ingest.office import opendocument

FO = 'xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"'
WHITE = f'<style:style style:name="W"><style:text-properties {FO} fo:color="#fffffe"/></style:style>'
BLACK = f'<style:style style:name="B"><style:text-properties {FO} fo:color="#000000"/></style:style>'
DARK = f'<style:style style:name="D"><style:{{}}-properties {FO} fo:background-color="#103060"/></style:style>'
HEIR = '<style:style style:name="H" style:parent-style-name="W"/>'
WORDS = '<text:p text:style-name="{}">Words</text:p>'


def seen(body: str, styles: str, kind: str = "text") -> str:
    content = opendocument(f"<text:p>Seen.</text:p>{body}", styles=styles, kind=kind)
    document = reader.read_document(RawDocument(content, Format.OPENDOCUMENT, "File"))
    return "\n".join(block.text or "\n".join(block.lines) for block in document.blocks)


@pytest.mark.parametrize(
    ("body", "styles"),
    [
        (WORDS.format("W"), WHITE),
        (WORDS.format("H"), WHITE + HEIR),
        ('<text:p>Seen. <text:span text:style-name="W">Words</text:span></text:p>', WHITE),
        (WORDS.format("W"), WHITE + DARK.format("paragraph")),
        (WORDS.format("W"), WHITE + DARK.format("paragraph").replace("103060", "ffffff")),
    ],
)
def test_white_text_on_no_ground_is_left_out(body: str, styles: str) -> None:
    assert set(seen(body, styles).split()) == {"Seen."}


@pytest.mark.parametrize(
    ("body", "styles"),
    [
        (WORDS.format("B"), BLACK),
        (f'<text:section text:style-name="D">{WORDS.format("W")}</text:section>', WHITE + DARK.format("section")),
        (
            '<text:p text:style-name="D"><text:span text:style-name="W">Words</text:span></text:p>',
            WHITE + DARK.format("paragraph"),
        ),
        ('<text:p text:style-name="W"><text:span text:style-name="B">Words</text:span></text:p>', WHITE + BLACK),
        (
            f'<table:table><table:table-row><table:table-cell table:style-name="D">{WORDS.format("W")}'
            "</table:table-cell></table:table-row></table:table>",
            WHITE + DARK.format("table-cell"),
        ),
        (WORDS.format("W"), WHITE + DARK.format("page-layout")),
        (WORDS.format("W"), WHITE.replace("fo:color", 'style:use-window-font-color="true" fo:color')),
        (
            WORDS.format("H"),
            WHITE
            + HEIR.replace("/>", "></style:style>").replace(
                "></style", f'><style:text-properties {FO} fo:color="#000000"/></style'
            ),
        ),
    ],
)
def test_text_that_stands_out_from_its_ground_is_kept(body: str, styles: str) -> None:
    assert "Words" in seen(body, styles)


@pytest.mark.parametrize(
    ("beside", "is_seen"), [("", False), ("<draw:frame><draw:image/></draw:frame>", True), ("<draw:rect/>", True)]
)
def test_white_text_of_a_slide_is_kept_where_a_shape_may_be_behind_it(beside: str, is_seen: bool) -> None:
    slide = f"<draw:page>{beside}<draw:frame><draw:text-box>{WORDS.format('W')}</draw:text-box></draw:frame>"
    assert ("Words" in seen(slide + "</draw:page>", WHITE, "presentation")) is is_seen
