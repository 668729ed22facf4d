"""What a follow-up puts another thing in the place of is left out."""

import pytest

from tools.extractive.follow_ups import find_background


@pytest.mark.parametrize(
    ("question", "earlier", "background"),
    [
        (
            "and sick leave?",
            "How many days of annual leave can I carry over?",
            "How many days of leave can I carry over?",
        ),
        ("what about parental leave?", "How do I ask for annual leave?", "How do I ask for leave?"),
        ("and for a Model S?", "How long does the Model 3 take?", "How long does the Model take?"),
        ("and Bremen?", "When is the Hamburg office open?", "When is the office open?"),
        ("and after 5 years?", "How much notice after 3 years?", "How much notice after years?"),
        ("and interns?", "How much PTO do full-time employees get?", "How much PTO do full-time employees get?"),
        ("why?", "Can I carry over leave?", "Can I carry over leave?"),
        ("and how do I cancel it?", "Who can get the transit subsidy?", "Who can get the transit subsidy?"),
    ],
)
def test_what_is_replaced_is_not_asked_for_again(question: str, earlier: str, background: str) -> None:
    assert find_background(question, [earlier]) == background


@pytest.mark.parametrize("earlier", ["???", "…", "- -"])
def test_an_earlier_message_without_words_is_left_as_it_is(earlier: str) -> None:
    assert find_background("and sick leave?", [earlier]) == earlier
