"""HTML files and the pages of websites: the main text of a page, its title, its date and its encoding."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.documents.blocks import Document
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers import reader
from ingest.documents.readers.html import html as html_reader
from ingest.documents.readers.html import unclosed


def read(html: str | bytes, kind: str = "html") -> Document:
    content = html if isinstance(html, bytes) else html.encode()
    return reader.read_document(RawDocument(content, kind, "File name"))  # type: ignore[arg-type]


def seen(html: str) -> str:
    return "\n".join(b.text or "\n".join(b.lines) for b in read(html).blocks)


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>Leave</title><p>Text.", "Leave"),
        ("<title>Leave | Handbook</title><h1>Leave</h1><p>Text.", "Leave"),
        ("<title>Leave</title><h1>How to take time off</h1><p>Text.", "Leave"),
        ("<h1>Leave</h1><p>Text.", "Leave"),
        ("<p>Text.", "File name"),
    ],
)
def test_the_title_is_the_pages_title_without_the_sites_name(html: str, title: str) -> None:
    assert read(html).title == title


@pytest.mark.parametrize(
    "around",
    [
        "<nav>MENU</nav>{}",
        "<header>MENU</header>{}<footer>MENU</footer>",
        "<div role=navigation>MENU</div><main>{}</main><div>MENU</div>",
        "<div>MENU</div><article>{}</article>",
        "{}<aside>MENU</aside>",
        "<form>{}<button>MENU</button><select><option>MENU</select></form>",
        "{}<script>MENU</script><!-- MENU --><p hidden>MENU</p>",
    ],
)
def test_menus_heads_feet_and_side_bars_are_left_out(around: str) -> None:
    assert seen(around.format("<p>Seen.</p><table><tr><th>A<th>B<tr><td>1<td>2</table>")) == (
        "Seen.\n| A | B |\n| 1 | 2 |"
    )


def test_a_head_that_holds_the_pages_heading_is_kept() -> None:
    assert seen("<header><h1>Leave</h1><p>Since May</p></header><p>Text.") == "Since May\nText."


def test_several_articles_are_all_read() -> None:
    assert seen("<article>One.</article><article>Two.</article>") == "One.\nTwo."


def rows(html: str) -> list[tuple[str, ...]]:
    return [b.lines or (b.text,) for b in read(html).blocks]


@pytest.mark.parametrize(
    ("table", "lines"),
    [
        (
            "<tr><th>Who<th>At<th>Days<tr><td rowspan=2>Staff<td>May<td>20<tr><td>June<td>25<tr><td>All<td>x<td>3",
            ("| Who | At | Days |", "| Staff | May | 20 |", "| Staff | June | 25 |", "| All | x | 3 |"),
        ),
        (
            "<tr><th>Who<th>2023<th>2024<tr><td>Staff<td colspan=2>9<tr><td colspan=3>Abroad<tr><td>All<td>1<td>2",
            ("| Who | 2023 | 2024 |", "| Staff | 9 | 9 |", "| Abroad |  |  |", "| All | 1 | 2 |"),
        ),
        (
            "<tr><th rowspan=2>Who<th colspan=2>Days<tr><th>2023<th>2024<tr><td>Interns<td>20<td>25",
            ("| Who | Days 2023 | Days 2024 |", "| Interns | 20 | 25 |"),
        ),
        ("<tr><th colspan=99>Who<th>Days<tr><td colspan=99>All<td>30", ("| Who | Days |", "| All | 30 |")),
        ("<tr><th>A<th>B<tr><td rowspan=x>1<td colspan=-1>2", ("| A | B |", "| 1 | 2 |")),
    ],
)
def test_a_merged_cell_stands_in_every_row_and_column_it_covers(table: str, lines: tuple[str, ...]) -> None:
    assert rows(f"<table>{table}</table>") == [lines]


def test_what_merged_cells_repeat_is_bounded() -> None:
    wide = f"<tr><td rowspan=99999>x<td rowspan=99999 colspan=99999>{'y' * 5_000}<td>z" + "<tr><td>w" * 20_000
    assert len("".join(*rows(f"<table>{wide}</table>"))) < 1_000_000


def test_a_table_in_a_table_is_read_once() -> None:
    inner = "<table><tr><td>Gate<td>North</table>"
    assert rows(f"<table><tr><td>Lunch<td>{inner}<tr><td>Tea<td>four</table>") == [
        ("| Lunch | Gate North |", "| Tea | four |")
    ]
    assert rows(f"<table><tr><td>Intro.{inner}<tr><td><p>End.</table>") == [
        ("Intro.",),
        ("| Gate | North |",),
        ("End.",),
    ]


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", ""),
        ("utf-16", ""),
        ("cp1252", ""),
        ("cp1251", '<meta charset="windows-1251">'),
        ("shift_jis", "<meta http-equiv=content-type content='text/html; charset=shift_jis'>"),
        ("cp1252", "<meta charset=no-such-encoding>"),
    ],
)
def test_the_declared_encoding_is_used_where_it_is_not_utf_8(encoding: str, declared: str) -> None:
    text = {"cp1251": "Привет", "shift_jis": "日本語"}.get(encoding, "Zürich – 5 €")
    assert read(f"{declared}<p>{text}</p>".encode(encoding)).blocks[0].text == text


@pytest.mark.parametrize("kind", ["markdown", "text"])
def test_a_page_under_another_name_is_read_as_a_page(kind: str) -> None:
    document = read("\n<!DOCTYPE html><html><title>T</title><nav>MENU</nav><p>a <b>b</b></p>", kind)
    assert (document.title, [b.text for b in document.blocks]) == ("T", ["a b"])


@pytest.mark.parametrize("html", ["", "<script>x</script>", "<nav>MENU</nav>"])
def test_a_page_without_text_is_a_problem(html: str) -> None:
    with pytest.raises(FetchProblem, match="no text"):
        read(html)


SITE = """<title>Leave | Acme</title><body><div class="top"><a href="/">Home</a> <a href="/x">News</a></div>
<div class="sidebar"><ul><li><a href="/a">All pages about work</a><li><a href="/b">Opening hours</a></ul></div>
<div class="content"><h1>Leave</h1><p>Every employee has thirty days of annual leave in each year of work.</p>
<h2>How to ask</h2><ol><li>Open the portal and choose the days<li>Send them to your manager in time</ol>
<ul><li><a href="/c">Rules</a><li><a href="/d">Forms</a></ul>
<table><tr><th>Who<th>Days<tr><td rowspan=2>Interns of any team<td>20<tr><td>21</table>
<p style="display:none">HIDDEN</p><p>Whoever is ill calls the manager before nine in the morning of that day.</p>
</div>
<div class="bottom"><p>Copyright 2024 Acme. All rights reserved.</p><a href="/i">Imprint</a></div>"""


def test_the_frame_of_a_websites_page_is_left_out_whatever_its_tags() -> None:
    document = read(SITE, "webpage")
    assert document.title == "Leave"
    assert [b.lines or b.text for b in document.blocks] == [
        "Every employee has thirty days of annual leave in each year of work.",
        "How to ask",
        "1. Open the portal and choose the days",
        "2. Send them to your manager in time",
        "- Rules",
        "- Forms",
        ("| Who | Days |", "| Interns of any team | 20 |", "| Interns of any team | 21 |"),
        "Whoever is ill calls the manager before nine in the morning of that day.",
    ]


@pytest.mark.parametrize("html", ["<p>Short.", "<p>One.<p>Two.", "<main><p>Only this.</main>"])
def test_a_page_that_is_hardly_one_keeps_its_text(html: str) -> None:
    assert read(html, "webpage").blocks == read(html).blocks


def test_real_pages_keep_their_main_text(eval_dir: Path) -> None:
    content = (eval_dir / "ingest_samples" / "good" / "test_blog.html").read_bytes()
    for kind in ("html", "webpage"):
        text = "\n".join(b.text or "\n".join(b.lines) for b in read(content, kind).blocks)
        assert "Large language models (LLMs) are powerful tools" in text
        assert "Research paper about the tuning technique" in text
        assert "Discord server" in text
        assert "Recent posts" not in text


@pytest.mark.parametrize(
    "meta",
    [
        '<meta property="article:modified_time" content="2024-03-01T10:00:00Z">',
        '<meta name="Last-Modified" content="2024-03-01 10:00">',
        '<meta itemprop="dateModified" content="2024-03-01T12:00:00+02:00">',
    ],
)
def test_a_page_says_when_it_was_changed(meta: str) -> None:
    assert read(f"{meta}<p>Text.").updated_at == datetime(2024, 3, 1, 10, tzinfo=UTC)


def test_a_date_that_is_none_is_left_out() -> None:
    assert read('<meta name="last-modified" content="in May"><p>Text.').updated_at is None


N = 3_000


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * N + "x",
        "<div></span>" * N + "x",
        "<span><div></span>" * N + "x",
        "<div a='</div>'>" * N + "x",
        "<li><ul></li>" * N + "<li>x",
        "<table><tr><td>" * N + "x",
        "<div>" * N + "x" + "</div>" * N,
        "<p>" + "".join(f"<b><i>{n}<p>" for n in range(N)),
        "<div hidden>" + "<div>" * N + "a secret" + "</div>" * (N + 1) + "x",
    ],
)
@pytest.mark.parametrize("kind", ["html", "markdown", "webpage"])
def test_text_that_is_nested_too_deeply_for_its_structure_is_kept(html: str, kind: str) -> None:
    text = "".join(block.text or "".join(block.lines) for block in read(html + " at the end", kind).blocks)
    assert text.endswith("at the end")


@pytest.mark.parametrize(
    "html",
    [
        "<div>x</div>" * N,
        "<p>x" * N,
        "<ul>" + "<li>x" * N,
        "<dl>" + "<dt>a<dd>b" * N,
        "<table>" + "<tr><td><b>a<td>b" * N,
        "<br><img>x" * N,
        "<p><a name=x><font size=2>x</p>" * N,
        "<b><p>x</b></p>" * N,
        "<p title='<div>'>x" * N,
        "<p>x" + "<div>" * N,
    ],
)
def test_a_long_page_is_not_taken_for_a_deep_one(html: str) -> None:
    assert "x" in seen(html) or "a" in seen(html)


@pytest.mark.parametrize("kind", ["html", "webpage"])
@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<p>One<h2>Two<p>Three<h2>Four", ["One", "Two", "Three", "Four"]),
        ("<html><head><title>T</title><body><p>One<h2>Two<p>Three", ["One", "Two", "Three"]),
        ("<html><head><title>T<body><p>One<h2>Two<p>Three", ["One", "Two", "Three"]),
        ("<title>T\n<h1>One</h1>Two", ["One", "Two"]),
        ("<title>T\nOne without any tag\nand Two", ["One without any tag and Two"]),
        ("<head><title>T</title><style>p { color: red }</head><p>One</p><h2>Two</h2>", ["One", "Two"]),
        ("<style>p { a: b }<p>One<style>b { c: d }</style><p>Two", ["One", "Two"]),
        ("<script>if (a<b) c();\n</head><body><p>One", ["One"]),
        ("<script>var a = '<p>';\n  <p>One</p>\n<script>d()</script><p>Two", ["One", "Two"]),
        ("<p>One<textarea>note<p>Two", ["One", "Two"]),
        ("<nav><p>One<h2>Two<p>Three", ["One", "Two", "Three"]),
        ("<p>One<select><option>a<h2>Two<p>Three", ["One a", "Two", "Three"]),
        ("<?xml version='1.0'?><html><head><title/><script src='a'/></head><body><p>One<br/>Two", ["One Two"]),
        ("<p>One<stylesheet></stylesheet><scripts><p>Two", ["One", "Two"]),
        ("<p>One <b>two</b><p>Three<style", ["One two", "Three"]),
        ("<!-- <nav> --><script>a('<nav>')</script><nav>Menu</nav><p>One", ["One"]),
        ("<script>a('<script>')</script><style>p {}</style><p>One", ["One"]),
        (
            "<p>The <title> and <style> of <b>a page<h2>Two<p>Three",
            ["The <title> and <style> of a page", "Two", "Three"],
        ),
        ("<p>One<!-- <p>Two", ["One"]),
        ("<p>One<p hidden>Two<template><p>Three", ["One"]),
    ],
)
def test_an_element_that_was_never_closed_swallows_no_text(html: str, said: list[str], kind: str) -> None:
    assert [" ".join(block.text.split()) for block in read(html, kind).blocks] == said


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<h1>Page</h1><h2>One</h2>", ["One"]),
        ("<h2>A</h2><p>{text}</p><h2>One</h2><h2>Two</h2>", ["A", "{text}", "One", "Two"]),
        ("<p>{text}</p><h2>One</h2><h2>Related</h2><ul><li><a href='/x'>Read more</a></ul>", ["{text}", "One"]),
    ],
)
def test_a_heading_below_which_nothing_stands_is_part_of_a_websites_page(html: str, said: list[str]) -> None:
    text = "Every employee has thirty days of annual leave, and five of them may be carried over. " * 3
    document = read(f"<title>Page</title>{html.format(text=text)}", "webpage")
    assert [block.text for block in document.blocks] == [part.format(text=text).strip() for part in said]


TOKENS = [
    "<title>",
    "</title>",
    "<style>",
    "<style",
    "</style>",
    "<script>",
    "</script>",
    "<nav>",
    "</nav>",
    "<!--",
]
TOKENS += ["-->", "<p>", "word ", "\n", "<", "/>", "<?xml ", "<br/>", "<b ", ">", "<styles>"]


@given(st.lists(st.sampled_from(TOKENS), max_size=14))
def test_whatever_is_left_open_no_word_of_the_source_is_taken_out(tokens: list[str]) -> None:
    source = "".join(tokens)
    closed = unclosed.close(source)
    assert closed.count("word ") == source.count("word ")
    html_reader.read_page(source)
