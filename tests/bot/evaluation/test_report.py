"""The report of a run as JSON, and read again."""

import json
from typing import Any

import pytest

from bot.evaluation import figures
from bot.evaluation.report import EvalReport
from tests.bot.evaluation.results import answer, case

CASES = [case(answered=answer())]


def make_report(**changes: Any) -> EvalReport:
    values: dict[str, Any] = {
        "set": "handbook",
        "at": "2026-05-10T12:00:00+00:00",
        "seconds": 1.5,
        "figures": figures.summarize(CASES),
        "by_kind": figures.summarize_by_kind(CASES),
        "not_indexed": [],
        "settings": {"embedding_model": "static"},
        "documents": None,
        "fingerprint": "f",
        "questions": [case.to_json() for case in CASES],
    }
    return EvalReport(**values | changes)


def test_the_figures_are_at_the_top_level_of_the_json() -> None:
    written = make_report().to_json()
    assert list(written)[:4] == ["set", "at", "seconds", "n_questions"]
    assert list(written)[-6:] == [
        "by_kind",
        "not_indexed",
        "settings",
        "documents",
        "fingerprint",
        "questions",
    ]
    assert (written["hits_at_5"], written["n_facts_complete"]) == (1, 1)


def test_what_was_written_is_read_again() -> None:
    written = json.loads(json.dumps(make_report().to_json()))
    report = EvalReport.from_json(written)
    assert report is not None
    assert report.to_json() == written


def test_a_report_of_an_older_release_may_lack_figures_and_settings() -> None:
    report = EvalReport.from_json({"set": "s", "at": "then", "questions": [], "fingerprint": "f", "mrr": 0.5})
    assert report is not None
    assert (report.figures, report.settings) == ({"mrr": 0.5}, {})


@pytest.mark.parametrize("other", [[], "text", {"set": "s"}, None])
def test_anything_else_is_not_a_report(other: object) -> None:
    assert EvalReport.from_json(other) is None
