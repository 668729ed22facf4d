"""Word documents: styles become structure, and what a reader does not see stays out."""

import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from ingest.documents.blocks import Document
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers import reader
from tests.ingest import paper
from tests.ingest.paper import paragraph, table


def read(content: bytes, title: str = "File name") -> Document:
    return reader.read_document(RawDocument(content, Format.DOCX, title))


def seen(body: str) -> str:
    return "\n".join(b.text or "\n".join(b.lines) for b in read(paper.docx(body)).blocks)


def test_headings_paragraphs_and_tables_keep_their_structure() -> None:
    body = paragraph("Leave", style="Heading1") + paragraph("Ask early.") + paragraph("Sick", style="Heading2")
    document = read(paper.docx(body + table(("Who", "Days"), ("Interns", "20"), ("All others", "30"))))
    assert document.title == "Leave"
    assert [(b.kind, b.text, b.level, b.lines, b.has_header) for b in document.blocks] == [
        ("paragraph", "Ask early.", 0, (), False),
        ("heading", "Sick", 2, (), False),
        ("table", "", 0, ("| Who | Days |", "| Interns | 20 |", "| All others | 30 |"), True),
    ]


def test_merged_cells_keep_values_under_their_columns() -> None:
    def cell(text: str, properties: str = "") -> str:
        return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(text)}</w:tc>"

    who = cell("Interns", '<w:vMerge w:val="restart"/>'), cell("", "<w:vMerge/>")
    both = cell("more", '<w:gridSpan w:val="2"/>')
    body = f"<w:tbl><w:tr>{cell('Who')}{cell('From')}{cell('Days')}</w:tr>"
    body += f"<w:tr>{who[0]}{cell('May')}{cell('20')}</w:tr><w:tr>{who[1]}{cell('June')}{cell('25')}</w:tr>"
    body += f"<w:tr>{cell('Nobody')}{both}</w:tr></w:tbl>"
    assert read(paper.docx(body)).blocks[0].lines == (
        "| Who | From | Days |",
        "| Interns | May | 20 |",
        "| Interns | June | 25 |",
        "| Nobody | more | more |",
    )


def test_a_bold_line_of_its_own_is_a_heading_but_not_in_a_table() -> None:
    bold = paragraph("Opening hours", run="<w:b/>")
    body = bold + paragraph("From seven.") + f"<w:tbl><w:tr><w:tc>{bold}</w:tc><w:tc>{bold}</w:tc></w:tr></w:tbl>"
    kinds = [(b.kind, b.text) for b in read(paper.docx(paragraph("Intro.") + body)).blocks]
    assert kinds == [
        ("paragraph", "Intro."),
        ("heading", "Opening hours"),
        ("paragraph", "From seven."),
        ("table", ""),
    ]


@pytest.mark.parametrize(
    ("metadata", "heading", "title"),
    [("Leave", "Other", "Leave"), ("", "A heading", "A heading"), ("", "", "File name")],
)
def test_the_title_comes_from_the_properties_then_the_heading_then_the_file(
    metadata: str, heading: str, title: str
) -> None:
    body = (paragraph(heading, style="Heading1") if heading else "") + paragraph("Text.")
    assert read(paper.docx(body, title=metadata)).title == title


STYLES = (
    '<w:style w:type="paragraph" w:styleId="TOC1"><w:name w:val="toc 1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Hidden"><w:rPr><w:vanish/></w:rPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="AlsoHidden"><w:basedOn w:val="Hidden"/></w:style>'
    '<w:style w:type="character" w:styleId="HiddenText"><w:basedOn w:val="Circle"/>'
    "<w:rPr><w:vanish/></w:rPr></w:style>"
    '<w:style w:type="character" w:styleId="Circle"><w:basedOn w:val="HiddenText"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="White"><w:rPr><w:color w:val="ffffff"/></w:rPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Tiny"><w:rPr><w:sz w:val="2"/></w:rPr></w:style>'
    '<w:style w:type="table" w:styleId="Striped"><w:tblStylePr w:type="firstRow">'
    '<w:tcPr><w:shd w:fill="1F3864"/></w:tcPr></w:tblStylePr></w:style>'
)
WHITE = '<w:color w:val="FFFFFF"/>'
HIDDEN = [
    paragraph("HIDDEN", run="<w:vanish/>"),
    paragraph("HIDDEN", run='<w:sz w:val="2"/>'),
    "<w:p><w:del><w:r><w:delText>HIDDEN</w:delText></w:r></w:del></w:p>",
    paragraph("HIDDEN", style="TOC1"),
    paragraph("HIDDEN", style="Hidden"),
    paragraph("HIDDEN", style="AlsoHidden"),
    paragraph("HIDDEN", run='<w:rStyle w:val="HiddenText"/>'),
    paragraph("HIDDEN", style="White"),
    paragraph("HIDDEN", style="Tiny"),
    paragraph("HIDDEN", run=WHITE),
    paragraph("HIDDEN", run='<w:color w:val="FEFEFE"/><w:shd w:fill="FDFDFD"/>'),
    paragraph("HIDDEN", run=WHITE + '<w:highlight w:val="white"/>'),
    paragraph("HIDDEN", run="<w:vanish/>", own='<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'),
    "<w:p><m:oMath><m:r><w:rPr><w:vanish/></w:rPr><m:t>HIDDEN</m:t></m:r></m:oMath></w:p>",
    '<w:p><w:pPr><w:pStyle w:val="Hidden"/></w:pPr><m:oMath><m:r><m:t>HIDDEN</m:t></m:r></m:oMath></w:p>',
]


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("main", ["document", "essay"])
@pytest.mark.parametrize("strict", [False, True])
def test_what_a_reader_does_not_see_is_left_out(hidden: str, main: str, strict: bool) -> None:
    body = paragraph("Seen.") + hidden + paragraph("End.")
    content = paper.docx(body, more={"styles": STYLES}, main=main, strict=strict)
    assert [b.text for b in read(content).blocks] == ["Seen.", "End."]


@pytest.mark.parametrize(
    "shown",
    [
        paragraph("SHOWN", run='<w:vanish w:val="0"/>', style="Hidden"),
        paragraph("SHOWN", run=WHITE + '<w:shd w:fill="1F3864"/>'),
        paragraph("SHOWN", run=WHITE + '<w:highlight w:val="black"/>'),
        paragraph("SHOWN", run=WHITE, own='<w:shd w:fill="1F3864"/>'),
        paragraph("SHOWN", run='<w:color w:val="auto"/>', style="White"),
        table(("A", "B"))
        .replace("<w:tc>", '<w:tc><w:tcPr><w:shd w:fill="1F3864"/></w:tcPr>', 1)
        .replace("A<", "SHOWN<"),
        '<w:tbl><w:tblPr><w:tblStyle w:val="Striped"/></w:tblPr><w:tr><w:tc>'
        f"{paragraph('SHOWN', run=WHITE)}</w:tc></w:tr></w:tbl>",
    ],
)
def test_white_text_on_a_colour_and_what_is_not_hidden_after_all_is_kept(shown: str) -> None:
    document = read(paper.docx(paragraph("Intro.") + shown, more={"styles": STYLES}))
    assert "SHOWN" in "\n".join(b.text or "\n".join(b.lines) for b in document.blocks)


def test_a_paragraph_of_many_hidden_runs_loses_all_of_them() -> None:
    hidden = "<w:r><w:rPr><w:vanish/></w:rPr><w:t>HIDDEN</w:t></w:r>" * 20_000
    assert seen(f"<w:p><w:r><w:t>Seen</w:t></w:r>{hidden}<w:r><w:t>.</w:t></w:r></w:p>") == "Seen."


def test_text_that_is_explicitly_shown_is_kept() -> None:
    assert seen(paragraph("Shown.", run='<w:vanish w:val="0"/>')) == "Shown."


def test_a_formula_becomes_a_line_of_text() -> None:
    fraction = "<m:f><m:num><m:r><m:t>a</m:t></m:r></m:num><m:den><m:r><m:t>b</m:t></m:r></m:den></m:f>"
    power = "<m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>"
    assert seen(f"<w:p><m:oMath><m:r><m:t>y=</m:t></m:r>{fraction}{power}</m:oMath></w:p>") == "y=(a)/(b)x^2"


def lying(content: bytes) -> bytes:
    """With a main part that says to hold ten bytes."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        size = archive.getinfo("word/document.xml").file_size
    return content.replace(size.to_bytes(4, "little"), (10).to_bytes(4, "little"))


def repacked(content: bytes, compression: int) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(made, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return made.getvalue()


def bomb(n_bytes: int) -> bytes:
    return paper.docx(paragraph("x" * n_bytes))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "is empty"),
        (b"no archive", "is not a Word document"),
        (paper.docx(paragraph("Text."))[:-60], "damaged"),
        (paper.docx("<w:p>"), "damaged"),
        (paper.docx(paragraph("  ")), "no text"),
        (paper.docx("", more={"[Content_Types].xml": "<Types/>"}), "is not a Word document"),
        (paper.docx("", more={"word/x.xml": "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"}), "declares XML entities"),
        (paper.docx("", more={"word/document.xml": "<?xml version='1.0' encoding='nope'?><x/>"}), "damaged"),
        (bomb(50_000_000), "unpacks to more than 40 MB"),
        (lying(bomb(1_000_000)), "damaged"),
        (repacked(bomb(10), zipfile.ZIP_BZIP2), "damaged"),
    ],
    ids=[
        "empty",
        "text",
        "cut",
        "no-xml",
        "blank",
        "other-kind",
        "entities",
        "encoding",
        "bomb",
        "lying",
        "packed-otherwise",
    ],
)
def test_what_cannot_be_read_is_a_problem_with_advice(content: bytes, cause: str) -> None:
    with pytest.raises(FetchProblem, match=cause) as problem:
        read(content)
    assert problem.value.advice


def test_a_document_nested_without_end_is_a_problem() -> None:
    nested = "<w:tbl><w:tr><w:tc>" * 3_000 + "</w:tc></w:tr></w:tbl>" * 3_000
    with pytest.raises(FetchProblem) as problem:
        read(paper.docx(nested))
    assert problem.value.cause == "is nested too deeply"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test.docx", "AutoGen is an open-source framework"),
        ("docx_complex_layout.docx", "| Authentication | Active |"),
        ("equations.docx", "(m)/(sin"),
        ("test_with_comment.docx", "Large language models"),
    ],
)
def test_real_documents_keep_their_text(eval_dir: Path, name: str, expected: str) -> None:
    document = read((eval_dir / "ingest_samples" / "good" / name).read_bytes())
    assert expected in "\n".join(b.text or "\n".join(b.lines) for b in document.blocks)
