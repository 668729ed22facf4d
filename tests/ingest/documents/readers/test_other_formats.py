"""Notebooks, JSON, messages, e-books, OpenDocument and Rich Text; and files that are not what their name says."""

from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from pathlib import Path

import pytest

from ingest.documents.blocks import Document
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers import reader
from tests.ingest import paper
from tests.ingest.office import epub, opendocument, packed, pptx, shape, xlsx

RTF = rb"""{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\title Leave}}\f0 Z\'fcrich and 30 \u8364? text.\par
{\v HIDDEN}\trowd\cellx1000\cellx2000 Who\cell Days\cell\row\trowd Interns\cell 20\cell\row\pard After it.\par}"""


def read(content: bytes | str, kind: Format) -> Document:
    raw = content if isinstance(content, bytes) else content.encode()
    return reader.read_document(RawDocument(raw, kind, "File name"))


def shown(document: Document) -> list[tuple[str, object]]:
    return [(b.kind, b.lines or b.text) for b in document.blocks]


def test_a_notebooks_text_code_and_output_are_read_in_order() -> None:
    notebook = """{"cells": [{"cell_type": "markdown", "source": ["# Rooms\\n", "How many?"]},
        {"cell_type": "code", "source": "count()", "outputs": [{"text": ["8\\n", "9\\n"]},
        {"data": {"text/plain": "done", "image/png": "aaaa"}}]}, {"cell_type": "code", "source": []}, 5]}"""
    document = read(notebook, Format.NOTEBOOK)
    assert document.title == "Rooms"
    assert shown(document) == [
        ("paragraph", "How many?"),
        ("code", ("count()",)),
        ("code", ("8", "9")),
        ("code", ("done",)),
    ]


def test_json_records_are_a_table_and_named_parts_sections() -> None:
    text = """{"title": "Rooms", "city": "Bergen", "rooms": [{"name": "Anna", "seats": 8, "quiet": true},
        {"name": "Berta", "seats": 12.5, "quiet": null}], "rules": {"noise": "no", "who": ["staff", "guests"]}}"""
    document = read(text, Format.JSON)
    assert document.title == "Rooms"
    assert shown(document) == [
        ("paragraph", "title: Rooms"),
        ("paragraph", "city: Bergen"),
        ("heading", "rooms"),
        ("table", ("| name | seats | quiet |", "| Anna | 8 | yes |", "| Berta | 12.5 |  |")),
        ("heading", "rules"),
        ("paragraph", "noise: no"),
        ("heading", "who"),
        ("item", "- staff"),
        ("item", "- guests"),
    ]


def test_lines_of_json_are_records() -> None:
    assert read('{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', Format.JSON).blocks[0].lines[1:] == (
        "| 1 | 2 |",
        "| 3 | 4 |",
    )


def message(*, is_html: bool) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Änne <a@x.example>", "b@x.example", "The new Büro"
    made["Date"] = "Fri, 1 Mar 2024 10:00:00 +0100"
    made.set_content("Grüße\n\nThe key is with Anna.", charset="iso-8859-1")
    if is_html:
        made.add_alternative("<p>The <b>key</b> is with Anna.</p><p hidden>HIDDEN</p>", subtype="html")
    made.add_attachment(b"x", maintype="application", subtype="pdf", filename="plan.pdf")
    return made.as_bytes()


@pytest.mark.parametrize("is_html", [True, False])
def test_a_message_says_who_wrote_when_and_names_its_attachments(is_html: bool) -> None:
    document = read(message(is_html=is_html), Format.MAIL)
    assert document.title == "The new Büro"
    assert document.updated_at == datetime(2024, 3, 1, 10, tzinfo=timezone(timedelta(hours=1)))
    head, *body = [str(text) for _, text in shown(document)]
    assert head.splitlines()[0] == "From: Änne <a@x.example>"
    assert head.splitlines()[-1] == "Attachments: plan.pdf"
    assert body == (["The key is with Anna."] if is_html else ["Grüße", "The key is with Anna."])


@pytest.mark.parametrize("broken", [b"Date: someday\nSubject: =?x?q?=\n\nText.", b"Content-Type: text/x\n\nText."])
def test_a_broken_message_keeps_its_text(broken: bytes) -> None:
    assert shown(read(broken, Format.MAIL))[-1] == ("paragraph", "Text.")


def test_an_outlook_message_is_read(eval_dir: Path) -> None:
    content = (eval_dir / "ingest_samples" / "good" / "test_outlook_msg.msg").read_bytes()
    document = read(content, Format.OUTLOOK)
    assert document.title == "Test Email Message"
    assert "This is the body of the test email message" in str(shown(document))


def test_the_chapters_of_an_ebook_are_read_in_its_order() -> None:
    one, two = "<html><body><h1>One</h1><p>First.</p></body></html>", "<html><body><p>Second.</p></body></html>"
    document = read(epub({"b%20b.xhtml": one, "a.xhtml": two, "c.html": "<p hidden>HIDDEN"}), Format.EPUB)
    assert document.title == "The book"
    assert shown(document) == [("paragraph", "Second.")]  # a part that is not there is left out
    assert shown(read(epub({"b.xhtml": one, "a.xhtml": two}), Format.EPUB))[-2:] == [
        ("paragraph", "First."),
        ("paragraph", "Second."),
    ]


def test_an_opendocument_text_keeps_headings_lists_tables_and_notes() -> None:
    note = "<text:note-citation>1</text:note-citation><text:note-body><text:p>by law</text:p></text:note-body>"
    inner = "<text:list><text:list-item><text:p>inner</text:p></text:list-item></text:list>"
    rows = "".join(
        "<table:table-row>"
        + "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row)
        + "</table:table-row>"
        for row in (("Who", "Days"), ("Interns", "20"))
    )
    body = (
        '<text:h text:outline-level="1">Leave</text:h><text:h text:outline-level="2">How</text:h>'
        f'<text:p>Ask<text:s text:c="2"/>early<text:note>{note}</text:note>.<text:line-break/>Then '
        '<text:span text:style-name="H">HIDDEN</text:span>wait</text:p><text:p text:style-name="H">HIDDEN</text:p>'
        "<text:tracked-changes><text:p>HIDDEN</text:p></text:tracked-changes>"
        f"<text:list><text:list-item><text:p>one</text:p>{inner}</text:list-item></text:list>"
        f"<table:table>{rows}</table:table>"
    )
    hidden = '<style:style style:name="H"><style:text-properties text:display="none"/></style:style>'
    document = read(opendocument(body, styles=hidden), Format.OPENDOCUMENT)
    assert document.title == "Leave"
    assert [(b.kind, b.lines or b.text, b.level) for b in document.blocks] == [
        ("heading", "How", 2),
        ("paragraph", "Ask early (by law).\nThen wait", 0),
        ("item", "- one", 0),
        ("item", "- inner", 1),
        ("table", ("| Who | Days |", "| Interns | 20 |"), 0),
    ]


def test_the_slides_of_an_opendocument_presentation_are_pages() -> None:
    def box(text: str, more: str = "") -> str:
        return f"<draw:frame {more}><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>"

    notes = f"<presentation:notes>{box('Say it.')}</presentation:notes>"
    title = 'presentation:class="title"'
    slides = (
        f"<draw:page>{box('Leave', title)}{box('Ask.')}{notes}</draw:page><draw:page>{box('Only')}</draw:page>"
    )
    document = read(opendocument(slides, kind="presentation"), Format.OPENDOCUMENT)
    assert document.title == "Leave"
    assert [(b.kind, b.text, b.page) for b in document.blocks] == [
        ("paragraph", "Ask.", 1),
        ("paragraph", "Speaker notes: Say it.", 1),
        ("heading", "Slide 2", 2),
        ("paragraph", "Only", 2),
    ]


def test_rich_text_keeps_its_characters_and_tables() -> None:
    document = read(RTF, Format.RTF)
    assert document.title == "Leave"
    assert shown(document) == [
        ("paragraph", "Zürich and 30 € text."),
        ("table", ("| Who | Days |", "| Interns | 20 |")),
        ("paragraph", "After it."),
    ]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (paper.pdf([(60, 700, 10, "Hello.")]), "Hello."),
        (paper.docx(paper.paragraph("Hello.")), "Hello."),
        (pptx(shape("Hello.")), "Hello."),
        (xlsx({"A": [["Hello."]]}), "Hello."),
        (opendocument("<text:p>Hello.</text:p>"), "Hello."),
        (epub({"a.html": "<p>Hello."}), "Hello."),
        (rb"{\rtf1 Hello.}", "Hello."),
        (b"<!doctype html><nav>MENU</nav><p>Hello.", "Hello."),
    ],
    ids=["pdf", "docx", "pptx", "xlsx", "odt", "epub", "rtf", "html"],
)
@pytest.mark.parametrize("kind", ["markdown", "text", "docx", "pptx", "sheet", "csv", "outlook"])
def test_a_file_is_read_as_what_it_is_whatever_its_name_says(content: bytes, text: str, kind: Format) -> None:
    assert [b.text for b in read(content, kind).blocks if b.kind != "heading"] == [text]


def older(*names: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"".join(name.encode("utf-16-le") for name in names)


@pytest.mark.parametrize(
    ("content", "kind", "cause"),
    [
        (older("WordDocument"), "docx", "is an older Word document"),
        (older("PowerPoint Document"), "pptx", "is an older PowerPoint presentation"),
        (older("EncryptedPackage"), "docx", "is protected with a password"),
        (older("Workbook"), "sheet", "is a damaged spreadsheet"),
        (older("__properties_version1.0"), "outlook", "is a damaged Outlook message"),
        (older(), "text", "is an older Office file"),
        (packed({"a.txt": "x"}), "text", "is an archive"),
        (packed({"a.txt": "x"}), "epub", "is a damaged e-book"),
        (packed({"mimetype": "application/epub+zip"}), "epub", "is a damaged e-book"),
        (opendocument("<text:p>")[:-30], "opendocument", "is a damaged OpenDocument file"),
        (opendocument("", more={"META-INF/manifest.xml": "<encryption-data/>"}), "opendocument", "password"),
        (b"x", "epub", "is not an e-book"),
        (b"x", "rtf", "is not a Rich Text document"),
        (b"x", "outlook", "is not an Outlook message"),
        (b"{", "json", r"is not valid JSON \(line 1\)"),
        (b"[1,\n2,,]", "notebook", r"is not valid JSON \(line 2\)"),
        (b"{}", "json", "contains no text"),
        (b"", "mail", "contains no text"),
        (b"[" * 1_000_000, "json", "is nested too deeply"),
        (b'{"a":' * 1_000_000, "notebook", "is nested too deeply"),
        (b"%PDF" + bytes(100), "csv", "is not text"),
        (b'a,"' + b"x" * 1_500_000, "csv", "has a field of more than 1,000,000 characters"),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_advice(content: bytes, kind: Format, cause: str) -> None:
    with pytest.raises(FetchProblem, match=cause) as problem:
        read(content, kind)
    assert problem.value.advice


def test_the_time_of_the_source_is_kept_where_a_document_has_none() -> None:
    changed = datetime(2024, 3, 1, tzinfo=UTC)
    assert reader.read_document(RawDocument(b"x", Format.TEXT, "File name", changed)).updated_at == changed
