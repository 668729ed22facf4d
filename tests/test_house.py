"""The shape of the code: what a newcomer relies on when looking for a thing."""

import pytest

from tests import house

FILES = house.modules(*house.PACKAGES)


def test_a_class_name_means_one_thing_in_the_whole_code() -> None:
    assert house.repeated_class_names(FILES) == {}


def test_no_folder_holds_more_than_fifteen_things() -> None:
    assert {folder: n for folder, n in house.folder_sizes(FILES).items() if n > 15} == {}


def test_no_circle_of_imports_runs_across_the_rooms_of_a_package() -> None:
    assert house.room_circles() == []


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    assert house.verb_first_share(FILES) >= 0.6


def test_data_has_types() -> None:
    assert house.any_per_thousand_lines(FILES) <= 4


@pytest.mark.parametrize(
    ("docstring", "is_first"),
    [
        ("Returns the row.", True),
        ("Return the row.", True),
        ("Carries on.", True),
        ("Pushes it.", True),
        ("The row.", False),
        ("Whether it is.", False),
        ("", False),
    ],
)
def test_a_docstring_that_begins_with_a_verb_is_told_from_one_that_does_not(
    docstring: str, is_first: bool
) -> None:
    assert house.is_verb_first(docstring) is is_first
