"""From a file's bytes to blocks: front matter, template tags, hidden text, encodings."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from ingest.documents.blocks import Document
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers import reader
from ingest.documents.readers.html.templates import strip_tags


def read(text: str | bytes, *, title: str = "File name", kind: str = "markdown") -> Document:
    content = text if isinstance(text, bytes) else text.encode()
    return reader.read_document(RawDocument(content, kind, title))  # type: ignore[arg-type]


def seen(text: str) -> str:
    """Everything a reader of the document would see, one block a line."""
    return "\n".join(block.text or "\n".join(block.lines) for block in read(text).blocks)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: Logging in &amp; out\n---\n# Other\n\nText.", "Logging in & out"),
        ("# A heading\n\nText.", "A heading"),
        ("Text.", "File name"),
        ("---\ntitle: Broken: yes: really\n---\nText.", "Broken: yes: really"),
        ("---\n- a list\n---\nText.", "File name"),
        ("---\ntitle:\n---\nText.", "File name"),
    ],
)
def test_the_title_comes_from_front_matter_then_heading_then_file(text: str, title: str) -> None:
    document = read(text)
    assert document.title == title
    assert document.blocks[-1].text == "Text."


def test_broken_front_matter_loses_no_document() -> None:
    document = read("---\ntitle: [never closed\nother: {\n---\n\nThe text.")
    assert [block.text for block in document.blocks] == ["The text."]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("updated: 2024-03-01", datetime(2024, 3, 1, tzinfo=UTC)),
        ("date: 2024-03-01T10:00:00Z", datetime(2024, 3, 1, 10, tzinfo=UTC)),
        ("last_modified: '2024-03-01'", datetime(2024, 3, 1, tzinfo=UTC)),
        ("date: someday", None),
    ],
)
def test_the_date_comes_from_front_matter(field: str, expected: datetime | None) -> None:
    assert read(f"---\n{field}\n---\nText.").updated_at == expected


@pytest.mark.parametrize(
    ("source", "rendered"),
    [
        ('[Leave]({% page "leave/" %})', "[Leave](leave/)"),
        ("{% alert %}\nKeep this.\n{% endalert %}", "\nKeep this.\n"),
        ("a{% comment %}secret\n```\n{% endcomment %}b", "ab"),
        ("{{ site.title }} x {{< ref 'page' >}}", " x page"),
        ("{% raw %}{{ kept }}{% endraw %}", "{{ kept }}"),
        ('ask in {% slack_channel "it-help" %}', "ask in #it-help"),
        ('{% image "a.png" "A cat" %}', "A cat"),
        ('{{< figure src="a.png" alt="A dog" >}}', "A dog"),
        ("{%- include 'x.html' -%}", ""),
        ("`${{ secrets.KEY }}`", "`${{ secrets.KEY }}`"),
        ("```\n{{ values.port }}\n```", "```\n{{ values.port }}\n```"),
        ("{{% notice tip %}}Inside{{% /notice %}}", "Inside"),
        ("# Title {#anchor}\n\n[Button](x){.usa-button}", "# Title \n\n[Button](x)"),
        ("100 {% of nothing", "100 {% of nothing"),
    ],
)
def test_template_tags_are_left_out_or_become_their_text(source: str, rendered: str) -> None:
    assert strip_tags(source) == rendered


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- HIDDEN -->",
        "\n\n<!-- HIDDEN never closed",
        '<span style="display: none">HIDDEN</span>',
        '<p style="VISIBILITY:hidden">HIDDEN</p>',
        '<span style="font-size:0">HIDDEN</span>',
        '<span style="color:#fff;font-size:1px">HIDDEN</span>',
        "<div hidden>HIDDEN</div>",
        '<span aria-hidden="true">HIDDEN</span>',
        "<script>HIDDEN</script>",
        "<style>.HIDDEN {}</style>",
        "<template>HIDDEN</template>",
        "".join(chr(0xE0000 + ord(c)) for c in "HIDDEN"),
        '[](https://example.org "HIDDEN")',
    ],
)
def test_what_a_reader_does_not_see_is_left_out(hidden: str) -> None:
    text = seen(f"Before.\n\nVisible {hidden}")
    assert "HIDDEN" not in text
    assert "Visible" in text


def test_zero_width_characters_do_not_split_words() -> None:
    assert seen("pass\u200bword ig\u2060nore soft\u00adhyphen") == "password ignore softhyphen"


def test_a_link_says_its_address_when_that_can_be_said() -> None:
    assert seen("Go to [the portal](https://reset.example.org).") == "Go to the portal (reset.example.org)."
    assert seen("Go to [reset.example.org](https://reset.example.org/).") == "Go to reset.example.org."
    assert seen("Write [us](mailto:help@example.org).") == "Write us (help@example.org)."
    assert seen("See [here](/a/b) and [there](https://x.example/d/1dm0tptMsZ2FK?usp=x).") == "See here and there."


def test_lists_tables_and_code_become_blocks() -> None:
    document = read("1. One\n2. Two\n   - Inner\n\n| A | B |\n|---|---|\n| 1 | 2\\|3 |\n\n```\nx = 1\n```\n")
    assert [(b.kind, b.text, b.level, b.lines) for b in document.blocks] == [
        ("item", "1. One", 0, ()),
        ("item", "2. Two", 0, ()),
        ("item", "- Inner", 1, ()),
        ("table", "", 0, ("| A | B |", "| 1 | 2/3 |")),
        ("code", "", 0, ("x = 1",)),
    ]


def test_footnote_marks_are_no_citations() -> None:
    assert seen("A claim.[^1]\n\n[^1]: The proof.") == "A claim.\nThe proof."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_usual_encodings_are_read(encoding: str) -> None:
    document = read("Überstunden für Müller – 5 €".encode(encoding), kind="text")
    assert document.blocks[0].text == "Überstunden für Müller – 5 €"


def test_plain_text_keeps_its_characters() -> None:
    assert read("a < b & *c* {{ d }}\nnext", kind="text").blocks[0].text == "a < b & *c* {{ d }}\nnext"


@pytest.mark.parametrize(
    ("content", "cause"), [(b"\x00\x01", "is not text"), (b"", "no text"), (b"---\ntitle: T\n---\n", "no text")]
)
def test_what_holds_no_text_is_a_problem(content: bytes, cause: str) -> None:
    with pytest.raises(FetchProblem, match=cause):
        read(content)


@pytest.mark.parametrize("piece", ["[", "<div>", "<span>", "{%", "`", "- ", "> ", "{{", "[^a", "<!--", "| a "])
def test_pathological_input_ends(piece: str) -> None:
    with suppress(FetchProblem):
        read(piece * 5_000 + "x")


def test_text_hidden_below_many_elements_stays_hidden() -> None:
    assert "HIDDEN" not in seen("Visible.\n\n" + "<div>" * 100 + "<span hidden>HIDDEN</span>")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("leave\U000e0049\U000e0067.md", "leave.md"),
        ("plan\u202egnp.md", "plangnp.md"),
        ("a\x1b[31mred\nblue", "a[31mred blue"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_a_title_is_one_line_that_is_seen(name: str, title: str) -> None:
    assert read("Text.", title=name).title == title
    assert read(f"---\ntitle: {json.dumps(name, ensure_ascii=False)}\n---\nText.").title == title
