"""Results as they are printed: passages, sessions, problems, ages."""

import json
from datetime import timedelta

import pytest
from rich.console import Console

from agent.clock import now
from agent.types import Passage
from bot import output
from bot.record.records import SessionSummary
from ingest.sync.reports import DocumentProblem

PASSAGE = Passage(
    "c1", "d1", "Leave [2026]", "https://handbook.example/leave", "Annual", "Carry\nover 5 days.", 0.9
)
SESSION = SessionSummary(
    id="01a221f8-df7d-76cc-b7dc-538728dec07c",
    key="cli:1",
    status="completed",
    n_turns=2,
    updated_at="2026-05-10T12:30:00.000+00:00",
    last_question="How many\ndays?",
    cost_usd=0.25,
)


def test_a_passage_is_printed_with_its_place_and_the_beginning_of_its_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.print_passages([PASSAGE], as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1. Leave [2026] › Annual  0.90"
    assert [line.strip() for line in lines[1:]] == ["Carry over 5 days.…", "https://handbook.example/leave"]


def test_nothing_found_is_said_to_people_and_empty_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_passages([], as_json=False)
    assert capsys.readouterr().out == "Nothing found.\n"
    output.print_passages([], as_json=True)
    assert json.loads(capsys.readouterr().out) == []


def test_a_session_takes_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    output.print_sessions([SESSION], as_json=False)
    _, line = capsys.readouterr().out.splitlines()
    assert line.split() == [
        SESSION["id"][: output.ID_CHARS],
        "2026-05-10",
        "12:30",
        "completed",
        "2",
        "$0.2500",
        "How",
        "many",
        "days?",
    ]


def test_without_sessions_it_is_said_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_sessions([], as_json=False)
    assert "docent ask" in capsys.readouterr().out


def test_a_problem_is_printed_with_its_advice(capsys: pytest.CaptureFixture[str]) -> None:
    problem = DocumentProblem("wiki", "a[b].md", "contains no text", "remove it")
    output.print_problems(Console(highlight=False), [problem])
    assert capsys.readouterr().out == "  a[b].md: contains no text; remove it.\n"


@pytest.mark.parametrize(
    ("minutes", "age"),
    [(0, "just now"), (50, "50 minutes ago"), (300, "5 hours ago"), (9999, "7 days ago")],
)
def test_an_age_is_given_in_the_unit_that_fits(minutes: int, age: str) -> None:
    assert output.format_age(now() - timedelta(minutes=minutes)) == age


def test_what_never_happened_has_no_age() -> None:
    assert output.format_age(None) == "never"
