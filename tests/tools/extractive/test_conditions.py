"""Rows and items whose condition holds for what is asked."""

import math

import pytest

from tools.extractive.rules.conditions import Amount, find_amounts, find_range, judge

NOTICE = ["during probation", "up to 2 years", "2 to 5 years", "more than 5 years"]
CLAIMS = ["up to €300", "€300 to €2,500", "above €2,500"]
ABSENCE = ["1 or 2 days", "3 to 10 days", "more than 10 days"]


@pytest.mark.parametrize(
    ("question", "entries", "holding"),
    [
        ("How much notice after 3 years?", NOTICE, [2]),
        ("My notice period after seven years?", NOTICE, [3]),
        ("I have been here for 18 months. What is my notice?", NOTICE, [1]),
        ("Who approves 400 euros?", CLAIMS, [1]),
        ("Who approves a claim of €3,000?", CLAIMS, [2]),
        ("How early do I ask for two weeks of leave?", ABSENCE, [2]),
        ("how early for 2 days", ABSENCE, [0]),
    ],
)
def test_a_row_holds_for_what_is_in_its_range(question: str, entries: list[str], holding: list[int]) -> None:
    assert judge(question, entries) == [i in holding for i in range(len(entries))]


@pytest.mark.parametrize(
    ("question", "entries"),
    [
        ("How much notice do I have?", NOTICE),  # nothing is named
        ("How much notice after 3 kilometres?", NOTICE),  # of another kind
        ("What holds for 20 days?", ["30 days", "40 days"]),  # no ranges: the figures are answers, not conditions
        ("What holds after 3 years?", ["the office", "the workshop"]),
    ],
)
def test_where_nothing_is_known_nothing_is_said(question: str, entries: list[str]) -> None:
    assert judge(question, entries) == [None] * len(entries)


def test_amounts_are_read_with_their_units() -> None:
    text = "For €2,500, 12 %, three weeks or 1.5 hours, not for 2026 or A4."
    amounts = [Amount(2500.0, "euro"), Amount(12.0, "percent"), Amount(3.0, "week"), Amount(1.5, "hour")]
    assert find_amounts(text) == amounts


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("no more than 5 days", -math.inf, 5),
        ("not over €500", -math.inf, 500),
        ("no fewer than 3 weeks", 3, math.inf),
        ("not less than 3 weeks", 3, math.inf),
        ("5+ years", 5, math.inf),
        ("6 months to 2 years", 0.5, 2),
        ("1 month to 2 years", 1 / 12, 2),
        ("500–1.000 €", 500, 1000),
        ("1.250.000 euros", 1_250_000, 1_250_000),
        ("€1.500,50", 1500.5, 1500.5),
        ("1,5 hours", 1.5, 1.5),
        ("3.125 percent", 3.125, 3.125),
        ("0 days", 0, 0),
        ("9" * 400 + " days", math.inf, math.inf),
    ],
)
def test_a_range_is_read_as_it_is_meant(text: str, low: float, high: float) -> None:
    found = find_range(text)
    assert found
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize("text", ["3 furlongs", "years", "1.2.3 days", "10 km to 3 parsecs of A4", "|", "🎉"])
def test_what_is_no_amount_excludes_nothing(text: str) -> None:
    assert judge("What holds after 3 years?", [text, "the office"]) == [None, None]
