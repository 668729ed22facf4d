"""A link opens the section where a passage stands, under the name that the page's renderer gives it."""

from pathlib import Path

import pytest

from agent.types import Audience
from ingest.documents import anchors
from ingest.documents.anchors import AnchorStyle
from ingest.documents.blocks import Block, BlockKind, Document
from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.documents.readers import reader
from ingest.library import Library
from tests.library import sync_folder

LINK = "https://handbook.example/{path}"


@pytest.mark.parametrize(
    ("style", "text", "name"),
    [
        ("github", "Carrying over: Q&A", "carrying-over-qa"),
        ("github", "`docent sync` & friends", "docent-sync--friends"),
        ("github", "Überstunden im Büro", "überstunden-im-büro"),
        ("docusaurus", "What is new?", "what-is-new"),
        ("gitlab", "`docent sync` & friends", "docent-sync-friends"),
        ("gitlab", "2026", "anchor-2026"),
        ("mkdocs", "Überstunden & Büro – 2026", "uberstunden-buro-2026"),
        ("sphinx", "2. Überstunden & Büro", "uberstunden-buro"),
        ("ids", "Carrying over", ""),
        ("none", "Carrying over", ""),
    ],
)
def test_each_renderer_has_its_own_names(style: str, text: str, name: str) -> None:
    (named,) = anchors.name_headings([(text, "")], AnchorStyle(style))
    assert named == name


@pytest.mark.parametrize(
    ("style", "names"),
    [
        ("github", ["leave", "leave-1", "leave-2"]),
        ("gitlab", ["leave", "leave-1", "leave-2"]),
        ("mkdocs", ["leave", "leave_1", "leave_2"]),
        ("sphinx", ["leave", "id1", "id2"]),
    ],
)
def test_a_name_that_stands_before_gets_a_number(style: str, names: list[str]) -> None:
    assert [*anchors.name_headings([("Leave", "")] * 3, AnchorStyle(style))] == names


def test_an_id_of_its_own_counts_with_every_renderer_but_none() -> None:
    for style in AnchorStyle:
        (name,) = anchors.name_headings([("Leave", "the-id")], style)
        assert name == ("" if style == AnchorStyle.NONE else "the-id")


def test_the_title_that_is_no_heading_any_more_has_taken_its_name() -> None:
    document = Document("Leave", (Block(BlockKind.HEADING, "Leave", level=2),))
    assert anchors.assign(document, AnchorStyle.GITHUB).blocks[0].anchor == "leave-1"


@pytest.mark.parametrize(
    ("format_", "content"),
    [
        ("html", '<h1>Leave</h1><h2 id="over">Carry over</h2><p>5 days.'),
        ("html", '<h1>Leave</h1><h2><a name="over"></a>Carry over</h2><p>5 days.'),
        ("html", '<h1>Leave</h1><section id="over"><h2>Carry over</h2><p>5 days.</section>'),
        ("webpage", '<body><main><h1>Leave</h1><h2 id="over">Carry over</h2><p>5 days.</main>'),
        ("markdown", "# Leave\n\n## Carry over {#over}\n\n5 days."),
        ("markdown", "# Leave\n\n## Carry over {: #over .wide }\n\n5 days."),
    ],
)
def test_the_ids_of_a_document_are_read(format_: Format, content: str) -> None:
    document = reader.read_document(RawDocument(content.encode(), Format(format_), "x"))
    (heading,) = [block for block in document.blocks if block.kind == BlockKind.HEADING]
    assert (heading.text, heading.anchor) == ("Carry over", "over")


@pytest.mark.parametrize(
    ("url", "anchor", "link"),
    [
        ("https://a.example/x", "büro", "https://a.example/x#b%C3%BCro"),
        ("https://a.example/x", "", "https://a.example/x"),
        ("file:///x.md", "over", "file:///x.md"),
        ("https://a.example/x#page=2", "over", "https://a.example/x#page=2"),
    ],
)
def test_only_what_a_browser_opens_gets_an_anchor(url: str, anchor: str, link: str) -> None:
    assert anchors.link(url, anchor) == link


def test_passages_of_a_source_link_to_their_sections(library: Library, tmp_path: Path) -> None:
    text = "# Leave\n\n## Carry over\n\nYou can carry over zebra days.\n\n## Sick leave\n\nTell giraffe.\n"
    (tmp_path / "leave.md").write_text(text)
    (tmp_path / "travel.html").write_text("<h1>Travel</h1><h2 id='hotel-rates'>Hotels</h2><p>Up to 140 okapi.")

    def find(word: str) -> str:
        return library.search(word, audience=Audience()).passages[0].url

    sync_folder(library, tmp_path, source_name="handbook", link=LINK)
    assert find("zebra") == "https://handbook.example/leave"  # nobody said how the site names its sections
    assert find("okapi") == "https://handbook.example/travel.html#hotel-rates"
    report = sync_folder(library, tmp_path, source_name="handbook", link=LINK, anchors="github")
    assert report.n_changed == 2
    assert find("zebra") == "https://handbook.example/leave#carry-over"
    assert find("giraffe") == "https://handbook.example/leave#sick-leave"
