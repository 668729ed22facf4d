"""Documents made to exhaust their reader: each is given up by itself, and one child goes on as long as it can."""

import itertools
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO

import pytest

from ingest.documents.converter import Converter, ReaderLimits
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from tests.ingest import office, paper
from tests.ingest.office import epub, opendocument, pptx, shape, xlsx

N_DEEP = 100_000
HUGE = 60_000_000


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    """Shared by all bombs, as by the documents of a sync; with less time, for the tests' sake."""
    with Converter(ReaderLimits(cpu_seconds=1)) as converter:
        yield converter


@pytest.fixture(scope="module")
def patient_converter() -> Iterator[Converter]:
    with Converter(ReaderLimits()) as converter:
        yield converter


def entities(content: bytes, name: str) -> bytes:
    """The document with a part that expands to gigabytes."""
    made = BytesIO()
    laughs = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for one in old.namelist():
            new.writestr(one, old.read(one))
            if one == name:
                bomb = f'<!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]><x>&a9;</x>'
                new.writestr(one, bomb)
    return made.getvalue()


def deep(tag: str) -> str:
    return f"<{tag}>" * N_DEEP + "x" + f"</{tag}>" * N_DEEP


BOMBS: dict[str, tuple[Format, Callable[[], bytes]]] = {
    "docx zip": (Format.DOCX, lambda: paper.docx(paper.paragraph("x" * HUGE))),
    "docx deep": (Format.DOCX, lambda: paper.docx(deep("w:sdt"))),
    "pptx zip": (Format.PPTX, lambda: pptx(shape("x" * HUGE))),
    "pptx deep": (Format.PPTX, lambda: pptx(deep("p:grpSp"))),
    "pptx entities": (Format.PPTX, lambda: pptx("<!DOCTYPE x [<!ENTITY a 'b'>]>")),
    "odt zip": (Format.OPENDOCUMENT, lambda: opendocument("x" * HUGE)),
    "odt deep": (Format.OPENDOCUMENT, lambda: opendocument(deep("text:list"))),
    "epub zip": (Format.EPUB, lambda: epub({"a.html": "x" * HUGE})),
    "epub deep": (Format.EPUB, lambda: epub({"a.html": deep("div")})),
    "xlsx zip": (Format.SHEET, lambda: xlsx({"A": " " * 4 * HUGE})),
    "xlsx far": (Format.SHEET, lambda: xlsx({"A": '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'})),
    "xlsx rows": (Format.SHEET, lambda: xlsx({"A": "<sheetData>" + "<row/>" * 3_000_000 + "</sheetData>"})),
    "xlsx deep": (Format.SHEET, lambda: xlsx({"A": deep("sheetData")})),
    "many parts": (Format.DOCX, lambda: office.packed({f"{n}.xml": "" for n in range(30_000)})),
    "html deep": (Format.HTML, lambda: deep("div").encode()),
    "html unclosed": (Format.HTML, lambda: b"<div>" * 1_000_000),
    "webpage deep": (Format.WEBPAGE, lambda: deep("div").encode()),
    "webpage unclosed": (Format.WEBPAGE, lambda: b"<p>x" + b"<div>" * 1_000_000),
    "markdown quotes": (Format.MARKDOWN, lambda: b"> " * N_DEEP + b"x"),
    "json deep": (Format.JSON, lambda: b"[" * 1_000_000),
    "json objects": (Format.JSON, lambda: b'{"a":' * 1_000_000),
    "json number": (Format.JSON, lambda: b"[" + b"1" * 4_000_000 + b"]"),
    "notebook deep": (Format.NOTEBOOK, lambda: b'{"cells":' * 1_000_000),
    "text lines": (Format.TEXT, lambda: b"x\n\n" * 600_000),
    "csv quote": (Format.CSV, lambda: b'a,"' + b"x" * 4_900_000),
    "csv separators": (Format.CSV, lambda: b"," * 4_900_000),
    "rtf deep": (Format.RTF, lambda: b"{\\rtf1 " + b"{" * N_DEEP),
    "mail parts": (Format.MAIL, lambda: b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\n\n" * 20_000),
    "yaml aliases": (Format.MARKDOWN, lambda: b"---\na: &a [x,x]\n" + b"".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n".encode() for n in range(9)
    ) + b"tags: *j\n---\n"),
}  # fmt: skip


OFTEN = {"docx zip", "pptx deep", "xlsx far", "many parts", "html unclosed", "json deep", "csv quote", "rtf deep"}


@pytest.mark.parametrize("name", [n if n in OFTEN else pytest.param(n, marks=pytest.mark.soak) for n in BOMBS])
def test_a_bomb_is_given_up_and_the_next_document_is_read(converter: Converter, name: str) -> None:
    format_, make = BOMBS[name]
    with pytest.raises(FetchProblem) as problem:
        converter.read(RawDocument(make(), format_, "Bomb"))
    assert problem.value.advice
    assert problem.value.cause != "made its reader crash"
    assert converter.read(RawDocument(b"Still here.", Format.TEXT, "x")).blocks[0].text == "Still here."


@pytest.mark.parametrize(
    ("format_", "content"),
    [
        ("text", b"x" * 5_000_000),
        ("text", b"x\n\n" * 100_000),
        ("markdown", b"[" * 50_000),
        pytest.param("text", b"\n" + b" " * 4_000_000, marks=pytest.mark.soak),
        ("csv", b"a,b\n" + b"x" * 900_000 + b",y\n"),
        pytest.param("csv", b"x;" * 400_000 + b"x", marks=pytest.mark.soak),
        pytest.param("markdown", b"| a " * 200_000, marks=pytest.mark.soak),
        ("html", b"<p>" + b"x " * 2_000_000),
        pytest.param(
            "html", b"".join(b"<b id=%d>" % n for n in range(500)) + b"<p>x" * 30_000, marks=pytest.mark.soak
        ),
        ("json", b'["' + b"x" * 4_000_000 + b'"]'),
    ],
    ids=itertools.count(),
)
def test_a_large_but_harmless_document_is_read_by_the_same_child(
    patient_converter: Converter, format_: Format, content: bytes
) -> None:
    patient_converter.read(RawDocument(b"Warm.", Format.TEXT, "x"))
    before = patient_converter.pid
    with suppress(FetchProblem):  # one contains no text
        assert patient_converter.read(RawDocument(content, format_, "Large")).blocks
    assert patient_converter.pid == before
