"""Findings as they are printed: a line each for people, one object for programs."""

import json

import pytest

from bot.doctor import report
from bot.doctor.finding import Finding, FindingState

OK = Finding("python", FindingState.OK, "3.11")
WARNING = Finding("redis", FindingState.WARNING, "It evicts.", "Set noeviction.")
PROBLEM = Finding("database", FindingState.PROBLEM, "It is gone.", "Start it.")


def test_advice_is_below_its_finding_and_the_summary_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert not report.print_findings([OK, WARNING, PROBLEM], as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ok      python     3.11"
    assert lines[1:3] == ["warning redis      It evicts.", f"{' ' * 19}Set noeviction."]
    assert lines[-1] == "1 problem, 1 warning."


def test_without_a_problem_everything_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.print_findings([OK], as_json=False)
    assert capsys.readouterr().out.splitlines()[-1] == "Everything is fine."


def test_for_programs_findings_are_counted_by_state(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.print_findings([OK, WARNING], as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed["counts"] == {"ok": 1, "warning": 1, "problem": 0, "skipped": 0}
    assert printed["findings"][1] == {
        "name": "redis",
        "state": "warning",
        "text": "It evicts.",
        "advice": "Set noeviction.",
    }
