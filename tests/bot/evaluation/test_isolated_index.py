"""The documents of a set as a source."""

from pathlib import Path

import pytest

from agent.errors import UserError
from bot.evaluation.isolated_index import JsonLines
from tests.bot.evaluation.question_files import write_lines


def make_source(folder: Path, *lines: object) -> JsonLines:
    return JsonLines(write_lines(folder, *lines, name="docs.jsonl"))


def test_every_line_is_a_document(tmp_path: Path) -> None:
    source = make_source(tmp_path, {"id": "1", "title": "Yeti", "text": "Snow."}, {"_id": 2, "text": "Ropes."})
    assert [document.uri for document in source.list({})] == ["1", "2"]
    document = source.fetch("1")
    assert (document.content, document.format, document.title) == (b"Snow.", "text", "Yeti")


def test_an_id_with_an_extension_gives_the_format(tmp_path: Path) -> None:
    source = make_source(tmp_path, {"id": "a.md", "text": "# A"}, {"id": "b.pdf", "text": "B"})
    assert (source.fetch("a.md").format, source.fetch("b.pdf").format) == ("markdown", "text")


def test_a_document_that_changed_has_another_fingerprint(tmp_path: Path) -> None:
    (before,) = make_source(tmp_path, {"id": "1", "text": "Snow."}).list({})
    (after,) = make_source(tmp_path, {"id": "1", "text": "Ice."}).list({})
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "1"}', '{"text": "x"}'])
def test_a_line_that_is_not_a_document_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserError, match=r"docs\.jsonl, line 2 is not a document"):
        make_source(tmp_path, {"id": "1", "text": "x"}, line)
