"""Pages that are not in force come after those that are."""

import pytest

from tools.extractive.rules.validity import find_superseded
from tools.extractive.statements import Statement


def statement(title: str, heading: str = "", *, url: str = "", expired: str = "") -> Statement:
    return Statement(1, title, heading, "", "Two days a week.", 0.5, url=url, expired=expired)


@pytest.mark.parametrize(
    ("question", "titles", "superseded"),
    [
        ("How many home days?", ["Remote work 2024 (superseded)", "Remote work"], [True, False]),
        ("How many home days?", ["Remote work 2024", "Remote work 2026"], [True, False]),
        ("How many home days in 2024?", ["Remote work 2024", "Remote work 2026"], [False, False]),
        ("What did the superseded page say?", ["Remote work (superseded)"], [False]),
        ("How many home days?", ["Draft: travel", "Drafting contracts"], [True, False]),
        ("How many home days?", ["Report 2024", "Travel 2026"], [False, False]),
    ],
)
def test_what_is_not_in_force_is_recognised(question: str, titles: list[str], superseded: list[bool]) -> None:
    assert find_superseded(question, [statement(title) for title in titles]) == superseded


@pytest.mark.parametrize(
    ("first", "second", "superseded"),
    [
        ("https://acme.example/policies/2024/remote", "https://acme.example/policies/2026/remote", [True, False]),
        ("file:///wiki/remote_2024.md", "file:///wiki/remote_2026.md", [True, False]),
        ("https://acme.example/2024/oslo", "https://acme.example/2026/bergen", [False, False]),
        ("", "", [False, False]),
    ],
)
def test_of_pages_of_one_title_the_one_with_the_later_year_in_its_path_is_in_force(
    first: str, second: str, superseded: list[bool]
) -> None:
    pages = [statement("Remote work", url=first), statement("Remote work", url=second)]
    assert find_superseded("How many home days?", pages) == superseded
    if any(superseded):
        assert find_superseded("How many home days in 2024?", pages) == [False, False]


def test_a_page_that_has_expired_is_not_in_force() -> None:
    pages = [statement("Bonus", expired="2025-12-31"), statement("Bonuses")]
    assert find_superseded("How much is the bonus?", pages) == [True, False]
