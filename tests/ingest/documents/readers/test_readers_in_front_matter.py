"""The readers that a page's front matter names: as they stand there, and whom that leaves."""

import pytest

from ingest.access.principals import parse_principal
from ingest.documents.blocks import Document
from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.documents.readers import reader
from ingest.sync.front_matter import check_readers

TEXT = "# Rule\n\nThe rule has the number 5."
NOBODY_TOLD = "so nobody may read it"


def read(content: str, format_: Format = Format.MARKDOWN) -> tuple[Document, tuple[str, ...] | None]:
    return check_readers(reader.read_document(RawDocument(content.encode(), format_, "rule")))


@pytest.mark.parametrize(
    ("matter", "own"),
    [
        ("---\nreaders: group:S1\n---\n", ("group:S1",)),
        ("---\nReaders: [group:S1, 'email:Ann@Acme.example']\n---\n", ("group:S1", "email:ann@acme.example")),
        ("---\nreaders:\n  - guests\n  - everyone\n---\n", ("guests", "everyone")),
        ("\r\n---\r\nreaders: [team:T1]\r\n---\r\n", ("team:T1",)),
        ("+++\nreaders = ['channel:C1']\n+++\n", ("channel:C1",)),
        ('{\n"readers": "user:U1"\n}\n', ("user:U1",)),
        ("\ufeff---\nreaders: external\n---\n", ("external",)),
        ("---\ntitle: x\nreaderships: 4\n---\n", None),
        ("---\ntitle: a: b\n---\n", None),
        ("---\nThe readers: they like it.\n\n", None),
        ("# Head\n\nreaders: [group:S1]\n\n", None),
        ("<!-- readers: [group:S1] -->\n", None),
        ("", None),
    ],
)
def test_readers_are_read_from_front_matter(matter: str, own: tuple[str, ...] | None) -> None:
    document, principals = read(f"{matter}{TEXT}")
    assert (principals, document.gap) == (own, None)
    assert "number 5" in document.blocks[-1].text


@pytest.mark.parametrize(
    ("matter", "named", "own"),
    [
        ("readers: hr", "'hr'", ()),
        ("readers:", "nothing", ()),
        ("readers: []", "nothing", ()),
        ("readers: {a: b}", "nothing", ()),
        ("readers: 5", "nothing", ()),
        ("readers: [[everyone]]", "''", ()),
        ("Readers: [staff, 7]", "'staff', '7'", ()),
        ("readers: 'group:S1, group:S2'", "'group:S1, group:S2'", ()),
        ("readers: [group:S1, staff]", "'staff'", ("group:S1",)),
        ("readers: ['email:ann', 'domain:acme', 'user:']", "'email:ann', 'domain:acme', 'user:'", ()),
    ],
)
def test_what_names_no_reader_is_told_with_what_to_write(matter: str, named: str, own: tuple[str, ...]) -> None:
    document, principals = read(f"---\n{matter}\n---\n{TEXT}")
    assert principals == own
    assert document.gap
    assert document.gap.cause.startswith(f"names {named} in its front matter as a reader, which is none, ")
    assert document.gap.cause.endswith("only the others it names may read it" if own else NOBODY_TOLD)
    assert "readers: [everyone], or everyone, guests, external, team:T…" in document.gap.advice


@pytest.mark.parametrize(
    "matter",
    [
        "---\ntitle: a: b\nreaders: [channel:C1]\n---\n",
        "---\nreaders: [channel:C1\n---\n",
        "---\nreaders: [channel:C1]\n...\n",
        "---\nreaders: [channel:C1]\n",
        "\n\n---\nreaders: *hr\n---\n",
        '---\ntitle: a: b\n\n"readers": [channel:C1]\n---\n',
        "+++\nreaders = [channel:C1]\n+++\n",
        "+++\ntitle = a\n\nreaders = ['channel:C1']\n+++\n",
        "+++\nreaders = ['channel:C1']\n",
        "---\n- readers: channel:C1\n---\n",
        '{\n"readers": "user:U1",\n}\n',
        '{"readers": "user:U1"}\n\n',
        "<!-- Copyright -->\n---\nreaders: [channel:C1]\n---\n",
        "\n<!--\na\n--> <!-- b -->\n\n+++\nreaders = ['channel:C1']\n+++\n",
    ],
)
def test_front_matter_that_is_broken_and_names_readers_is_for_nobody(matter: str) -> None:
    document, principals = read(f"{matter}{TEXT}")
    assert principals == ()
    assert document.gap
    assert document.gap.cause.endswith(NOBODY_TOLD)


def test_other_formats_name_no_readers() -> None:
    assert read("readers: group:S1\n\nThe rule.", Format.TEXT)[1] is None
    assert read("<p>readers: group:S1", Format.HTML)[1] is None


@pytest.mark.parametrize(
    ("text", "principal"),
    [
        (" Everyone ", "everyone"),
        ("GUESTS", "guests"),
        ("domain:Acme.Example", "domain:acme.example"),
        ("email:A.B@Acme.example", "email:a.b@acme.example"),
        ("channel:C0", "channel:C0"),
    ],
)
def test_principals_are_compared_in_one_spelling(text: str, principal: str) -> None:
    assert parse_principal(text) == principal


@pytest.mark.parametrize(
    "text",
    ["", "nobody", "channel:", "channel:a b", "group:S1,group:S2", "email:x", "email:a@b", "domain:b", "C1"],
)
def test_what_is_no_principal_is_refused_with_all_that_are(text: str) -> None:
    with pytest.raises(ValueError, match="Write everyone, guests, external, team:T…, channel:C…"):
        parse_principal(text)
