"""Which questions are alike."""

from uuid import UUID

import pytest

from bot.record.reports import questions
from bot.record.reports.questions import UnansweredQuestion

TAXI = ["How do I expense a taxi?", "taxi expenses, how?", "how to get a taxi reimbursed"]
PARKING = ["Where can I park in Lisbon?", "parking lisbon office", "Does the Lisbon office have a car park?"]
VPN = ["How do I reset my VPN password?", "VPN password forgotten"]
WIFI = ["What is the WiFi password for guests?"]


def ask(*texts: str) -> list[UnansweredQuestion]:
    """The newest first, as they are loaded."""
    asked = [UnansweredQuestion(UUID(int=n), UUID(int=n), "C1", text, f"{n}.1") for n, text in enumerate(texts)]
    return asked[::-1]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([], []),
        (TAXI, [TAXI]),
        ([*PARKING, *VPN], [PARKING, VPN]),
        ([TAXI[0], PARKING[0], TAXI[1], PARKING[1], PARKING[2]], [PARKING, TAXI[:2]]),  # the largest first
        ([TAXI[0], WIFI[0]], [WIFI, [TAXI[0]]]),  # of equals the newest
        (["What is it?", "what IS it"], [["What is it?", "what IS it"]]),  # stop words alone
        (["???", "Where can I park?"], [["Where can I park?"], ["???"]]),
    ],
)
def test_questions_about_one_thing_are_one_group(asked: list[str], expected: list[list[str]]) -> None:
    groups = questions.group(ask(*asked))
    assert [sorted(question.text for question in group) for group in groups] == [sorted(one) for one in expected]


def test_a_group_is_shown_by_the_question_most_like_the_others_that_still_stands_in_slack() -> None:
    asked = ask(*PARKING)
    (group,) = questions.group(asked)
    (shown,) = questions.show_groups([group], lambda question: f"link {question.ts}", limit=5)
    assert shown.text == group[0].text
    assert (shown.n, shown.links) == (3, ("link 2.1", "link 1.1", "link 0.1"))
    without_first = questions.show_groups([group], lambda q: None if q is group[0] else f"link {q.ts}", limit=5)
    assert without_first[0].text != group[0].text
    assert questions.show_groups([group], lambda question: None, limit=5) == []
