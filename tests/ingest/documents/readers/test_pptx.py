"""Presentations: a slide is a section with its page, and what an audience does not see stays out."""

from pathlib import Path

import pytest

from ingest.documents.blocks import Block
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers import reader
from tests.ingest import office
from tests.ingest.office import frame, pptx, shape, sld


def blocks(content: bytes) -> list[Block]:
    return list(reader.read_document(RawDocument(content, Format.PPTX, "File name")).blocks)


def seen(*slides: str) -> str:
    return "\n".join(b.text or "\n".join(b.lines) for b in blocks(pptx(*slides)))


def test_a_slide_is_a_heading_with_bullets_by_level_and_its_number_as_page() -> None:
    inner = '<a:p><a:pPr lvl="1"/><a:r><a:t>Inner</a:t></a:r></a:p>'
    free = "<a:p><a:pPr><a:buNone/></a:pPr><a:r><a:t>No</a:t></a:r><a:br/><a:r><a:t>bullet</a:t></a:r></a:p>"
    second = shape("Carry over", kind="title") + shape("Five days", inner, free, kind="body") + shape("Box")
    found = blocks(pptx(shape("Leave", kind="ctrTitle") + shape("For all", kind="subTitle"), second))
    assert [(b.kind, b.text, b.level, b.page) for b in found] == [
        ("paragraph", "For all", 0, 1),
        ("heading", "Carry over", 1, 2),
        ("item", "- Five days", 0, 2),
        ("item", "- Inner", 1, 2),
        ("paragraph", "No\nbullet", 0, 2),
        ("paragraph", "Box", 0, 2),
    ]


def test_slides_stand_in_the_order_of_the_presentation_and_one_without_a_title_has_its_number() -> None:
    found = blocks(pptx(shape("First", kind="title") + shape("a"), shape("b"), shape("Only this", kind="title")))
    assert [(b.kind, b.text, b.page) for b in found] == [
        ("paragraph", "a", 1),
        ("heading", "Slide 2", 2),
        ("paragraph", "b", 2),
        ("heading", "Only this", 3),
        ("paragraph", "Only this", 3),
    ]


def test_speaker_notes_are_kept_and_named() -> None:
    content = pptx(shape("Leave", kind="title") + shape("x"), notes={1: "Say it slowly."})
    assert blocks(content)[-1].text == "Speaker notes: Say it slowly."


def test_a_table_keeps_its_header_and_merged_cells() -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<a:tc {more}><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"

    rows = f"<a:tr>{cell('Who')}{cell('Days')}</a:tr>"
    merged = cell("All", "gridSpan='2'") + cell("", "hMerge='1'")
    rows += f"<a:tr>{merged}</a:tr>"
    rows += f"<a:tr>{cell('Interns')}{cell('20|21')}</a:tr>"
    table = frame(f'<a:tbl><a:tblPr firstRow="1"/>{rows}</a:tbl>')
    [block] = [b for b in blocks(pptx(table)) if b.kind == "table"]
    assert (block.lines, block.has_header) == (("| Who | Days |", "| All |  |", "| Interns | 20/21 |"), True)


def test_a_chart_is_a_table_of_its_values_and_a_diagram_a_list() -> None:
    def points(name: str, *values: object) -> str:
        inside = "".join(f'<c:pt idx="{n}"><c:v>{value}</c:v></c:pt>' for n, value in enumerate(values))
        return f"<c:{name}><c:strRef><c:strCache>{inside}</c:strCache></c:strRef></c:{name}>"

    series = f"<c:ser>{points('tx', 'Guests')}{points('cat', 'May', 'June')}{points('val', 7, 9)}</c:ser>"
    chart = f'<c:chartSpace xmlns:c="urn:c"><c:chart><c:plotArea>{series}</c:plotArea></c:chart></c:chartSpace>'
    point = '<d:pt><d:t><a:t>Ask first</a:t></d:t></d:pt><d:pt type="pres"><d:t><a:t>HIDDEN</a:t></d:t></d:pt>'
    diagram = f'<d:dataModel xmlns:d="urn:d" xmlns:a="urn:a"><d:ptLst>{point}</d:ptLst></d:dataModel>'
    slide = frame('<c:chart xmlns:c="urn:c" r:id="chart"/>') + frame('<d:relIds xmlns:d="urn:d" r:dm="diagram"/>')
    found = blocks(pptx(slide, more={"chart": chart, "diagram": diagram}))
    assert [(b.text, b.lines) for b in found if b.kind != "heading"] == [
        ("", ("|  | Guests |", "| May | 7 |", "| June | 9 |")),
        ("- Ask first", ()),
    ]


@pytest.mark.parametrize(
    "hidden",
    [
        shape("HIDDEN", hidden="1"),
        shape("HIDDEN", place=(9_500_000, 100)),
        shape("HIDDEN", place=(-5_000, 100)),
        shape('<a:p><a:r><a:rPr sz="100"/><a:t>HIDDEN</a:t></a:r></a:p>'),
        shape("HIDDEN", kind="ftr"),
        f"<p:grpSp><p:nvGrpSpPr><p:cNvPr hidden='1'/></p:nvGrpSpPr>{shape('HIDDEN')}</p:grpSp>",
    ],
    ids=["marked", "right", "left", "tiny", "foot", "group"],
)
def test_what_an_audience_does_not_see_is_left_out(hidden: str) -> None:
    assert seen(shape("Seen.") + hidden) == "Slide 1\nSeen."


def test_a_hidden_slide_is_left_out_and_the_next_keeps_its_number() -> None:
    found = blocks(pptx(shape("a"), sld(shape("HIDDEN"), 'show="0"'), shape("c")))
    assert [(b.text, b.page) for b in found if b.kind != "heading"] == [("a", 1), ("c", 3)]


def test_shapes_in_groups_and_in_one_of_two_versions_are_read_once() -> None:
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    versions = f"<mc:Choice>{shape('new')}</mc:Choice><mc:Fallback>{shape('old')}</mc:Fallback>"
    slide = f"<p:grpSp>{shape('one')}<p:grpSp>{shape('two')}</p:grpSp></p:grpSp>"
    assert seen(slide + f"<mc:AlternateContent {mc}>{versions}</mc:AlternateContent>") == "Slide 1\none\ntwo\nnew"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "is empty"),
        (b"text", "is not a PowerPoint presentation"),
        (pptx(shape("x"))[:-40], "is a damaged PowerPoint presentation"),
        (pptx("<p:sp>"), "is a damaged PowerPoint presentation"),
        (pptx("<p:sld encoding"), "is a damaged PowerPoint presentation"),
        (office.packed({"a.xml": "<a/>"}), "is a damaged PowerPoint presentation"),
        (pptx('<!DOCTYPE x [<!ENTITY a "b">]>'), "declares XML entities"),
        (pptx(), "contains no text"),
        (pptx("<p:grpSp>" * 5_000 + "</p:grpSp>" * 5_000), "is nested too deeply"),
    ],
    ids=["empty", "text", "cut", "no-xml", "no-slide", "other", "entities", "no-slides", "deep"],
)
def test_what_cannot_be_read_is_a_problem_with_advice(content: bytes, cause: str) -> None:
    with pytest.raises(FetchProblem, match=cause) as problem:
        blocks(content)
    assert problem.value.advice


def test_a_real_presentation_keeps_its_text(eval_dir: Path) -> None:
    content = (eval_dir / "ingest_samples" / "good" / "test.pptx").read_bytes()
    document = reader.read_document(RawDocument(content, Format.PPTX, "File name"))
    assert document.title.startswith("AutoGen: Enabling Next-Gen LLM Applications")
    text = "\n".join(b.text or "\n".join(b.lines) for b in document.blocks)
    assert "| 7 | 8 | 9 | 1b92870d-e3b5-4e65-8153-919f4ff45592 | 11 | 12 |" in text
    assert "a3f6004b-6f4f-4ea8-bee3-3741f4dc385f" in text
