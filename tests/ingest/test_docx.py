"""Word documents: styles become structure, and what a reader does not see stays out."""

from pathlib import Path

import pytest

from ingest import reading
from ingest.blocks import Document
from ingest.source import FetchProblem, RawDocument
from tests.ingest import paper
from tests.ingest.paper import paragraph, table


def read(content: bytes, title: str = "File name") -> Document:
    return reading.document(RawDocument(content, "docx", title))


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


@pytest.mark.parametrize(
    "hidden",
    [
        paragraph("HIDDEN", run="<w:vanish/>"),
        paragraph("HIDDEN", run='<w:sz w:val="2"/>'),
        "<w:p><w:del><w:r><w:delText>HIDDEN</w:delText></w:r></w:del></w:p>",
        paragraph("HIDDEN", style="TOC1"),
    ],
)
def test_what_a_reader_does_not_see_is_left_out(hidden: str) -> None:
    styles = (
        '<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        '<w:style w:type="paragraph" w:styleId="TOC1"><w:name w:val="toc 1"/></w:style></w:styles>'
    )
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" Target="styles.xml" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles"/>'
        "</Relationships>"
    )
    more = {"word/styles.xml": styles, "word/_rels/document.xml.rels": relations}
    document = read(paper.docx(paragraph("Seen.") + hidden + paragraph("End."), more=more))
    assert [b.text for b in document.blocks] == ["Seen.", "End."]


def test_text_that_is_explicitly_shown_is_kept() -> None:
    assert seen(paragraph("Shown.", run='<w:vanish w:val="0"/>')) == "Shown."


def test_a_formula_becomes_a_line_of_text() -> None:
    fraction = "<m:f><m:num><m:r><m:t>a</m:t></m:r></m:num><m:den><m:r><m:t>b</m:t></m:r></m:den></m:f>"
    power = "<m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>"
    assert seen(f"<w:p><m:oMath><m:r><m:t>y=</m:t></m:r>{fraction}{power}</m:oMath></w:p>") == "y=(a)/(b)x^2"


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
        (bomb(50_000_000), "unpacks to more than 40 MB"),
    ],
    ids=["empty", "text", "cut", "no-xml", "blank", "other-kind", "entities", "bomb"],
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
