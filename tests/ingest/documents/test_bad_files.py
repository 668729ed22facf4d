"""A folder of bad files: each is read as well as can be, or named with its cause; none stops another."""

import shutil
from pathlib import Path

import pytest

from agent.types import Audience
from ingest.library import Library
from tests.ingest.conftest import opened
from tests.library import sync_folder

NO_TEXT, EMPTY = "contains no text", "is empty"
CAUSES = {
    "3000_blank_pages.pdf": "contains no text, only pictures or empty pages",
    "empty_body.docx": NO_TEXT,
    "encrypted_user_password.pdf": "is protected with a password",
    "frontmatter_only.md": NO_TEXT,
    "missing_document_xml.docx": "is a damaged Word document",
    "path_traversal.zip": "has an unsupported type (.zip)",
    "png_named.pdf": "is not a PDF, despite its name",
    "random_bytes.bin": "has an unsupported type (.bin)",
    "random_bytes_named.pdf": "is not a PDF, despite its name",
    "scanned_no_text_layer.pdf": "contains no text, only scans or pictures (pages 1–3)",
    "script_only.html": NO_TEXT,
    "truncated.docx": "is a damaged Word document",
    "truncated.pdf": "is a damaged PDF",
    "whitespace_only.md": NO_TEXT,
    "xml_entity_bomb.docx": "declares XML entities, which no Word document does",
    "zero_byte.docx": EMPTY,
    "zero_byte.html": NO_TEXT,
    "zero_byte.md": NO_TEXT,
    "zero_byte.pdf": EMPTY,
    "zero_byte.pptx": EMPTY,
    "zero_byte.txt": NO_TEXT,
}
FOUND = {
    "the allowance code for item 1234": "AC-72046",
    "Zürich São Paulo": "Zürich",
    "Café policy 30 €": "30 €",
    "Policy text with NULs in it": "Policy text with NULs in it",
    "gnp.exe zero width": "gnp.exe zerowidth bell bom",
    "tuning the inference parameters": "GPT-4",
}


@pytest.fixture
def bad(eval_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(eval_dir / "ingest_samples" / "bad", tmp_path / "bad"))


def test_every_bad_file_is_read_or_named_and_all_others_are_found(library: Library, bad: Path) -> None:
    report = sync_folder(library, str(bad))

    assert {problem.uri: problem.cause for problem in report.problems} == CAUSES
    assert all(problem.advice for problem in report.problems)
    assert report.n_added + report.n_unread == len([*bad.iterdir()])
    for question, answer in FOUND.items():
        found = library.search(question, audience=Audience()).passages
        assert any(answer in passage.text for passage in found), question
    assert not any("<div" in passage.text for passage in found)
    assert "Lorem ipsum" in library.read("pdf_named.docx", audience=Audience())[0].text
    assert sync_folder(library, str(bad)).problems == report.problems


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("leave.md", "leave"),
        ("leave.txt", "leave"),
        ("leave.html", "leave.html"),
        ("places/index.md", "places/"),
        ("places/index.html", "places/"),
        ("my rules #1.pdf", "my%20rules%20%231.pdf"),
        ("index.pdf", "index.pdf"),
        ("form.docx", "form.docx"),
    ],
)
def test_a_page_is_linked_without_its_ending_and_a_file_with_it(tmp_path: Path, name: str, url: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    source = opened(tmp_path, link="https://handbook.example/{path}")
    assert [one.url for one in source.list({})] == [f"https://handbook.example/{url}"]


def test_what_word_keeps_beside_an_open_document_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "~$rules.docx").write_bytes(b"\x05Anna")
    (tmp_path / "rules.docx").write_bytes(b"x")
    assert [one.uri for one in opened(tmp_path).list({})] == ["rules.docx"]
