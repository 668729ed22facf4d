"""Which files are documents, which are named as unsupported, and which are not worth a word."""

from pathlib import Path

import pytest

from ingest.documents import formats
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem
from ingest.documents.readers import reader
from tests.ingest.conftest import opened


def test_every_format_has_a_reader_and_every_ending_a_format() -> None:
    assert reader.MODULES.keys() == set(Format)
    assert set(formats.FORMATS.values()) == set(Format) - {"webpage"}
    read = {ending for ending, format_ in formats.FORMATS.items() if format_ != "picture"}
    assert all(formats.find_format(f"x{ending}") for ending in read)


@pytest.mark.parametrize(
    ("path", "format_"),
    [
        ("a/Leave.MD", "markdown"),
        ("guide.mdx", "markdown"),
        ("guide.rst", "text"),
        ("README", "text"),
        ("x.pptx", "pptx"),
        ("x.xls", "sheet"),
        ("x.ods", "sheet"),
        ("x.tsv", "csv"),
        ("faq.json", "json"),
        ("a.b.odt", "opendocument"),
    ],
)
def test_a_format_is_told_by_the_ending(path: str, format_: Format) -> None:
    assert formats.find_format(path) == format_
    assert not formats.is_ignored(path)


@pytest.mark.parametrize(
    "path",
    [
        *("a/logo.PNG", "film.mp4", "font.woff2", "style.css", "app.js", "tool.py", "query.sql", "conf.yaml"),
        *(
            "package.json",
            "package-lock.json",
            "tsconfig.base.json",
            "web/.eslintrc.json",
            "poetry.lock",
            "app.log",
        ),
        *("LICENSE", "Makefile", "bin/tool", "requirements-dev.txt", "robots.txt", "Thumbs.db", "feed.xml"),
    ],
)
def test_what_is_plainly_no_document_is_ignored(path: str) -> None:
    assert formats.is_ignored(path)
    assert formats.find_format(path) is None


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("rules.doc", "save it as .docx"),
        ("talk.ppt", "save it as .pptx"),
        ("talk.key", "save it as .pptx"),
        ("all.zip", "unpack it"),
        ("all.tar.gz", "unpack it"),
        ("plan.vsdx", "save it as .pdf"),
        ("data.bin", "save it as .pdf, .docx, .md or .txt"),
    ],
)
def test_anything_else_is_listed_and_refused_with_advice(tmp_path: Path, path: str, advice: str) -> None:
    (tmp_path / path).write_bytes(b"x")
    (tmp_path / "logo.png").write_bytes(b"x")
    source = opened(tmp_path)
    assert [one.uri for one in source.list({})] == [path]
    with pytest.raises(FetchProblem) as problem:
        source.fetch(path)
    assert problem.value.cause == f"has an unsupported type ({Path(path).suffix})"
    assert problem.value.advice == f"{advice}, or leave it out with exclude"


def test_what_is_excluded_is_not_refused(tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(b"x")
    (tmp_path / "leave.md").write_text("x")
    assert [one.uri for one in opened(tmp_path, exclude=["*.zip"]).list({})] == ["leave.md"]
