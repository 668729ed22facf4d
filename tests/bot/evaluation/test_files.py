"""A set's files and the documents of the index that they are."""

import pytest

from bot.evaluation import files
from bot.evaluation.files import IndexedDocument

PATHS = ["pages/index.md", "pages/leave.md", "pages/offices/index.md", "pages/offices/porto.md"]


@pytest.mark.parametrize("above", ["", "pages/", "handbook/pages/", "https://handbook.example/"])
def test_the_index_may_be_of_the_folder_or_of_one_above_or_below(above: str) -> None:
    documents = [IndexedDocument(str(n), "s", above + path.removeprefix("pages/")) for n, path in enumerate(PATHS)]
    assert files.match(PATHS, documents) == dict(zip("0123", PATHS, strict=True))


def test_an_index_page_that_is_missing_is_not_taken_for_another() -> None:
    documents = [
        IndexedDocument("a", "s", "index.md"),
        IndexedDocument("b", "s", "leave.md"),
        IndexedDocument("c", "s", "offices/porto.md"),
    ]
    found = files.match(PATHS, documents)
    assert set(PATHS) - set(found.values()) == {"pages/offices/index.md"}


def test_a_file_that_was_read_in_twice_is_one_file() -> None:
    documents = [IndexedDocument("a", "one", "leave.md"), IndexedDocument("b", "two", "handbook/pages/leave.md")]
    assert files.match(PATHS, documents) == {"a": "pages/leave.md", "b": "pages/leave.md"}


def test_a_page_may_stand_under_its_address_on_a_site() -> None:
    documents = [
        IndexedDocument(str(n), "s", f"https://h.example/{path}")
        for n, path in enumerate(("", "leave/", "offices"))
    ]
    documents.append(IndexedDocument("3", "s", "https://h.example/offices/porto.html"))
    found = files.match(PATHS[1:], documents)
    assert found == {"1": "pages/leave.md", "2": "pages/offices/index.md", "3": "pages/offices/porto.md"}


def test_ids_are_names_like_others() -> None:
    assert files.match(
        ["4983", "12"], [IndexedDocument("a", "set", "4983"), IndexedDocument("b", "set", "14983")]
    ) == {"a": "4983"}
