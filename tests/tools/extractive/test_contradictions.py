"""Statements of different pages that cannot both be right are told from those that hold under other conditions."""

import pytest

from agent.types import JsonObject, JsonValue
from tools.extractive.answer import quote
from tools.extractive.rules.contradictions import contradict, is_newer
from tools.extractive.rules.disagreement import settle
from tools.extractive.statements import Statement


def statement(text: str, title: str = "Leave", *, url: str = "", updated: str = "") -> Statement:
    return Statement(1, title, "", "", text, 0.5, document=title + text + url, url=url, updated=updated)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Annual leave is 25 days.", "Annual leave is 28 days."),
        ("Employees have 25 days of annual leave per year.", "Every employee gets 28 days of annual leave."),
        (
            "You have 25 working days of annual leave a year.",
            "Staff are entitled to 28 working days of annual leave.",
        ),
        (
            "At most 5 days can be carried over into the next year.",
            "At most 8 days can be carried over into the next year.",
        ),
        ("Expenses are reimbursed within 30 days.", "Expenses are reimbursed within 14 days."),
        ("The hotel limit is €120 per night.", "The hotel limit is 150 euros per night."),
        ("The hotel limit is 120 euros per night.", "The hotel limit is 150 euros per night."),
        ("Dogs are allowed in the office.", "Dogs are not allowed in the office."),
        ("Dogs are allowed in the office.", "Dogs are prohibited in the office."),
        ("Requests are due by 31 March.", "Requests are due by April 30."),
        ("Requests are due by 3/4/2026.", "Requests are due by 3/5/2026."),
        ("Der Jahresurlaub beträgt 25 Tage.", "Der Jahresurlaub beträgt 28 Tage."),
        ("Mitarbeiter haben 25 Tage Urlaub im Jahr.", "Alle Mitarbeitenden haben 30 Tage Urlaub pro Jahr."),
        ("Les salariés ont 25 jours de congés par an.", "Les employés ont 30 jours de congés."),
        ("Los empleados tienen 23 días de vacaciones al año.", "Los empleados tienen 25 días de vacaciones."),
        ("Os funcionários têm 22 dias de férias por ano.", "Os colaboradores têm 25 dias de férias."),
        ("年次有給休暇は20日です。", "年次有給休暇は25日です。"),
        ("年假为15天。", "年假为10天。"),
        ("The office opens at 9:00.", "The office opens at 8:30."),
        ("The office is open 7 to 20 o'clock.", "The office is open 8 to 18 o'clock."),
        ("Passwords must have at least 14 characters.", "Passwords must have at least 12 characters."),
        ("You can work from home up to 3 days a week.", "You can work from home up to two days a week."),
        ("Hunde sind im Büro erlaubt.", "Hunde sind im Büro nicht erlaubt."),
    ],
)
def test_another_value_for_the_same_thing_is_a_contradiction(one: str, other: str) -> None:
    assert contradict(statement(one), statement(other, "Leave policy"))
    assert contradict(statement(other, "FAQ: leave"), statement(one))
    assert not contradict(statement(one), statement(one, "Leave policy"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Employees in Oslo have 25 days of annual leave.", "Employees in Bergen have 28 days of annual leave."),
        ("Full-time employees have 25 days of annual leave.", "Part-time employees have 15 days of annual leave."),
        ("After 2 years you have 27 days of leave.", "After 5 years you have 30 days of leave."),
        ("Employees have 25 days of annual leave.", "Employees have 10 days of sick leave."),
        ("Employees have at least 20 days of leave.", "Employees have 25 days of leave."),
        ("Employees have 25 days of annual leave.", "Interns have 15 days of annual leave."),
        ("Dogs are allowed.", "Dogs are not allowed in the kitchen."),
        ("Room 12 has a projector.", "Room 14 has a projector."),
        ("Step 1: open the portal.", "Step 2: open the portal."),
        ("You have 2 weeks of leave.", "You have 14 days of leave."),
        ("Annual leave is 25 days.", "Annual leave is 25 days."),
        ("Training is optional.", "Training is mandatory."),
        ("See page 3 of the policy.", "See page 4 of the policy."),
        ("Notice is 2 weeks during probation.", "Notice is 4 weeks."),
        ("Leave in 2024 is 25 days.", "Leave in 2026 is 28 days."),
        ("Requests are due by 12/31.", "Requests are due by December 31."),
        ("Requests are due by 3/4/2026.", "Requests are due by 4 March 2026."),
        ("Room 1000 closes at 18:00.", "Room 100 closes at 20:00."),
        ("Building 3 closes at 18:00.", "Building 4 closes at 18:00."),
        ("The doors of building 3 close at 18:00.", "The doors of building 4 close at 18:00."),
        ("Level 3 employees get 25 days of leave.", "Level 4 employees get 25 days of leave."),
    ],
)
def test_what_holds_under_another_condition_is_none(one: str, other: str) -> None:
    assert not contradict(statement(one), statement(other, "Leave policy"))


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (("Leave", ""), ("Benefits overview", ""), False),  # which leave is not said
        (("Annual leave", ""), ("Leave: annual", ""), True),
        (("Annual leave Oslo", ""), ("Annual leave Bergen", ""), False),
        (("Annual leave", ""), ("Annual leave of interns", ""), False),
        (
            ("Annual leave", "https://a.example/oslo/leave"),
            ("Annual leave", "https://a.example/bergen/leave"),
            False,
        ),
        (("Annual leave", "https://a.example/hr/leave"), ("Annual leave", "https://a.example/wiki/leave"), True),
        (("Annual leave, building 3", ""), ("Annual leave, building 4", ""), False),
        (("Annual leave Q1", ""), ("Annual leave Q2", ""), False),
        (("3. Annual leave", ""), ("4.2 Annual leave", ""), True),
        (("Annual leave 2024", ""), ("Annual leave v2, 01.05.2026", ""), True),
        (("Annual leave", "file:///x/2024/leave"), ("Annual leave", "file:///x/2026/leave"), True),
    ],
)
def test_titles_and_folders_are_conditions_too(one: tuple[str, str], other: tuple[str, str], differ: bool) -> None:
    first = statement("You have 25 days.", one[0], url=one[1])
    second = statement("You have 28 days.", other[0], url=other[1])
    assert contradict(first, second) is differ


def test_one_document_does_not_contradict_itself() -> None:
    first = Statement(1, "Leave", "", "", "Leave is 25 days.", 0.5, document="d1")
    assert not contradict(first, Statement(2, "Leave", "", "", "Leave is 28 days.", 0.5, document="d1"))


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        (("Leave 2026", "", ""), ("Leave 2024", "", ""), True),
        (
            ("Leave", "https://a.example/2024-05/leave", ""),
            ("Leave", "https://a.example/2024-11/leave", ""),
            False,
        ),
        (("Leave", "", "2026-03-01"), ("Leave", "", "2024-03-01"), True),
        (("Leave", "", "2026-03-01"), ("Leave", "", "2026-03-09"), None),
        (("Leave", "", "2026-03-01"), ("Leave", "", ""), None),
        (("Leave 2024", "", "2026-03-01"), ("Leave 2026", "", "2024-03-01"), False),
    ],
)
def test_the_newer_page_is_told_by_title_path_or_change(
    one: tuple[str, str, str], other: tuple[str, str, str], newer: bool | None
) -> None:
    first, second = (statement("", title, url=url, updated=day) for title, url, day in (one, other))
    assert is_newer(first, second) is newer


QUESTION = "How many days of annual leave do I have?"
LEAVE, BENEFITS = (
    "Employees have 25 days of annual leave per year.",
    "Every employee gets 28 days of annual leave.",
)


def answer(*pages: tuple[str, str, str]) -> str:
    shown: list[dict[str, JsonValue]] = [
        {
            "n": n,
            "title": title,
            "heading": "",
            "url": "",
            "document_id": str(n),
            "score": 0.9,
            "updated": day,
            "text": text,
        }
        for n, (title, day, text) in enumerate(pages, start=1)
    ]
    return quote(QUESTION, [{"passages": shown}]).text


def test_two_pages_of_the_same_age_are_both_named_and_quoted() -> None:
    text = answer(("Annual leave", "2026-03-01", LEAVE), ("Benefits", "2026-03-09", BENEFITS))
    assert text == f"Two current pages differ:\n- Annual leave: {LEAVE} [1]\n- Benefits: {BENEFITS} [2]"
    third = ("Annual leave FAQ", "", "You have 30 days of annual leave.")
    text = answer(("Annual leave", "", LEAVE), ("Benefits", "", BENEFITS), third)
    assert text.startswith("Several current pages differ:\n")
    assert all(f"[{n}]" in text for n in (1, 2, 3))


def test_the_newer_of_two_pages_answers_and_the_older_is_named() -> None:
    for older, newer in ((1, 2), (2, 1)):
        pages = {older: ("Annual leave", "2024-03-01", LEAVE), newer: ("Benefits", "2026-03-01", BENEFITS)}
        text = answer(pages[1], pages[2])
        assert text == f"{BENEFITS} [{newer}]\n\nAn older page says otherwise: Annual leave [{older}]."


@pytest.mark.parametrize(
    ("day", "chosen", "differing"), [("2024-01-01", [2], ()), ("2026-03-01", [], ((0, 2, 1),))]
)
def test_a_page_that_contradicts_two_others_is_named_once(
    day: str, chosen: list[int], differing: tuple[tuple[int, ...], ...]
) -> None:
    """The two do not contradict each other: 25 days are up to 26."""
    statements = [
        statement("Annual leave is 25 days.", updated=day),
        statement("Annual leave is up to 26 days.", updated=day),
        statement("Annual leave is 28 days.", updated="2026-03-01"),
    ]
    relevance = [3.0, 2.9, 2.8]
    settled = settle(QUESTION, statements, [0, 1], relevance, near=2, near_ended=2, is_quotable=lambda one: True)
    assert (settled.chosen, settled.differing) == (chosen, differing)


def test_a_verified_answer_is_right_against_any_page() -> None:
    shown: list[JsonValue] = [
        {"n": n, "title": title, "document_id": str(n), "score": 0.9, "updated": day, "text": text}
        for n, title, day, text in (
            (1, "Annual leave", "2026-03-01", LEAVE),
            (2, "Leave?", "2024-03-01", BENEFITS),
        )
    ]
    results: list[JsonObject] = [{"passages": shown, "verified": [{"title": "Leave?", "document_id": "2"}]}]
    assert quote(QUESTION, results).text == f"{BENEFITS} [2]\n\nAnother page says otherwise: Annual leave [1]."


def test_pages_that_agree_or_speak_of_others_are_not_said_to_differ() -> None:
    assert "differ" not in answer(("Annual leave", "", LEAVE), ("Benefits", "", LEAVE.replace("Employees", "All")))
    oslo = LEAVE.replace("Employees", "Employees in Oslo")
    assert "differ" not in answer(("Annual leave", "", BENEFITS), ("Benefits", "", oslo))
