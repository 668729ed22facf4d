"""Pages that are not in force come after those that are."""

import pytest

from tools.extractive.rules.validity import find_superseded
from tools.extractive.statements import Statement


def statement(title: str, heading: str = "") -> Statement:
    return Statement(1, title, heading, "", "Two days a week.", 0.5)


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
