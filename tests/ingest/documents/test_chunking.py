"""Chunks: along headings, whole sentences, items, rows and code lines, each understandable by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.documents import chunking
from ingest.documents.blocks import Block, BlockKind, Document
from ingest.documents.chunking import Chunk, split_sentences
from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.documents.readers import reader
from tests.ingest import paper


def chunks(markdown: str, max_tokens: int = 40) -> list[Chunk]:
    return chunking.split(
        reader.read_document(RawDocument(markdown.encode(), Format.MARKDOWN, "T")), max_tokens=max_tokens
    )


def test_a_chunk_knows_its_headings_and_its_position() -> None:
    found = chunks("Intro.\n\n## A\n\nOne.\n\n### B\n\nTwo.\n\n## C\n\n#### D\n\nThree.")
    assert [(c.position, c.heading_path, c.text) for c in found] == [
        (0, "", "Intro."),
        (1, "A", "One."),
        (2, "A > B", "Two."),
        (3, "C > D", "Three."),
    ]


def test_sentences_stay_whole() -> None:
    text = " ".join(f"This is sentence number {i} of the text." for i in range(30))
    found = chunks(text)
    assert len(found) > 5
    assert all(chunk.text.endswith(".") and chunk.text.startswith("This") for chunk in found)
    assert " ".join(chunk.text for chunk in found) == text


def test_items_stay_whole_and_repeat_what_leads_into_them() -> None:
    items = "\n".join(f"- the item with the number {i} is here" for i in range(12))
    found = chunks(f"You need all of the following:\n\n{items}")
    assert len(found) > 2
    assert all(chunk.text.startswith("You need all of the following:\n- the item") for chunk in found)


def test_a_table_repeats_its_header() -> None:
    rows = "\n".join(f"| place {i} | {i} desks and chairs |" for i in range(20))
    found = chunks(f"| Place | Desks |\n|---|---|\n{rows}")
    assert len(found) > 3
    assert all(chunk.text.startswith("| Place | Desks |\n|---|---|\n| place") for chunk in found)


def test_code_is_cut_between_lines_and_always_fenced() -> None:
    code = "\n".join(f"call_number_{i}(argument)" for i in range(30))
    found = chunks(f"```\n{code}\n```")
    assert len(found) > 3
    for chunk in found:
        assert chunk.text.startswith("```\n")
        assert chunk.text.endswith("(argument)\n```")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Ask e.g. Anna. Then go.", ["Ask e.g. Anna.", "Then go."]),
        ("It costs 4.50 a day. Really.", ["It costs 4.50 a day.", "Really."]),
        ("See reset.example.org for more. Done.", ["See reset.example.org for more.", "Done."]),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("Line one\nline two", ["Line one", "line two"]),
        ("你好。再见。", ["你好。", "再见。"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert split_sentences(text) == expected


blocks = st.lists(
    st.one_of(
        st.builds(Block, st.just("paragraph"), st.text(max_size=900)),
        st.builds(Block, st.just("heading"), st.text(max_size=30), level=st.integers(1, 6)),
        st.builds(Block, st.just("item"), st.text(max_size=400), level=st.integers(0, 4)),
        st.builds(
            Block,
            st.just("table"),
            lines=st.lists(st.text(max_size=200), min_size=1, max_size=9).map(tuple),
            has_header=st.booleans(),
        ),
        st.builds(Block, st.just("code"), lines=st.lists(st.text(max_size=300), max_size=9).map(tuple)),
    ),
    max_size=12,
)


@given(blocks)
def test_no_chunk_is_too_long_and_positions_have_no_gaps(found: list[Block]) -> None:
    made = chunking.split(Document("T", tuple(found)), max_tokens=60)
    assert [chunk.position for chunk in made] == list(range(len(made)))
    assert all(chunk.n_tokens <= 60 + 2 for chunk in made)
    assert all(chunk.text for chunk in made)


def test_text_without_a_break_is_cut_all_the_same() -> None:
    text = "x" * 500_000
    made = chunking.split(Document("T", (Block(BlockKind.PARAGRAPH, text),)), max_tokens=40)
    assert "".join(chunk.text for chunk in made) == text
    assert all(chunk.n_tokens <= 40 for chunk in made)


def test_a_chunk_knows_the_page_it_begins_on() -> None:
    found = [
        Block(BlockKind.PARAGRAPH, f"This is what page {page} says at some length.", page=page)
        for page in (1, 2, 3, 4)
    ]
    made = chunking.split(Document("T", tuple(found)), max_tokens=25)
    assert [(chunk.page, chunk.text[18:19]) for chunk in made] == [(1, "1"), (3, "3")]


def test_a_lead_longer_than_half_a_chunk_is_not_repeated() -> None:
    items = [Block(BlockKind.ITEM, f"- item {i} of the list") for i in range(9)]
    made = chunking.split(Document("T", (Block(BlockKind.PARAGRAPH, "lead " * 40 + "in:"), *items)), max_tokens=40)
    assert all(chunk.n_tokens <= 40 for chunk in made)
    assert "lead" not in made[-1].text


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("markdown", b"# Top\n\n## One\n\n### Two\n\n## Three\n"),
        ("html", b"<h1>Top<h2>One<h3>Two<h2>Three"),
        ("webpage", b"<title>Top</title><h1>Top<h2>One<h3>Two<h2>Three"),
        ("text", b"Top\n===\n\nOne\n---\n\nTwo\n~~~\n\nThree\n-----\n"),
        (
            "pdf",
            paper.pdf([(60, 740, 24, "Top"), (60, 690, 18, "One"), (60, 640, 14, "Two"), (60, 590, 18, "Three")]),
        ),
        (
            "docx",
            paper.docx(
                "".join(
                    paper.paragraph(text, style=f"Heading{level}")
                    for text, level in (("Top", 1), ("One", 2), ("Two", 3), ("Three", 2))
                )
            ),
        ),
    ],
)
def test_a_page_of_headings_alone_can_be_searched(kind: str, content: bytes) -> None:
    document = reader.read_document(RawDocument(content, Format(kind), "File name"))
    made = chunking.split(document, max_tokens=40)
    searched = "\n".join([document.title, *(f"{chunk.heading_path}\n{chunk.text}" for chunk in made)])
    assert [heading for heading in ("Top", "One", "Two", "Three") if heading not in searched] == []
    assert made
