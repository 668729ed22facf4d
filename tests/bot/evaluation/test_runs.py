"""Runs stored, found again and compared."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.errors import UserError
from bot.evaluation import figures, runs
from bot.evaluation.report import EvalReport
from tests.bot.evaluation.results import answer, case
from tests.bot.evaluation.test_report import make_report

NOON = datetime(2026, 5, 10, 12, tzinfo=UTC)


def report_of(*cases: figures.Case, set_: str = "handbook", **settings: str) -> EvalReport:
    return make_report(
        set=set_,
        figures=figures.summarize(cases),
        questions=[case.to_json() for case in cases],
        settings={"embedding_model": "static", "index_version": "1", **settings},
    )


def test_a_stored_run_is_read_again(tmp_path: Path) -> None:
    path = runs.store(report_of(case()), tmp_path, at=NOON)
    assert path == tmp_path / "evaluations" / "handbook-2026-05-10T120000.000000.json"
    assert runs.read(path).figures["hits_at_5"] == 1


def test_the_newest_run_of_the_same_questions_is_found(tmp_path: Path) -> None:
    same, other_questions, other_set = report_of(case()), report_of(case("b")), report_of(case(), set_="other")
    runs.store(same, tmp_path, at=NOON)
    for n, report in enumerate((other_questions, other_set), 1):
        runs.store(report, tmp_path, at=NOON + timedelta(hours=n))
    (tmp_path / "evaluations" / "handbook-9999.json").write_text("{")
    latest = runs.find_latest(same, tmp_path)
    assert latest is not None
    assert [question["id"] for question in latest.questions] == ["leave"]
    assert runs.find_latest(report_of(case("c")), tmp_path) is None


def test_a_run_with_answers_is_compared_with_one_that_has_answers(tmp_path: Path) -> None:
    runs.store(report_of(case()), tmp_path, at=NOON)
    assert runs.find_latest(report_of(case(answered=answer())), tmp_path) is None
    assert runs.find_latest(report_of(case()), tmp_path) is not None


def test_figures_settings_and_questions_that_changed_are_named() -> None:
    before = report_of(case("a"), case("b", is_hit=False, answered=answer()), index_version="1")
    after = report_of(
        case("a", is_hit=False),
        case("b", answered=answer(is_complete=False)),
        index_version="2",
        embedding_model="openai/new",
    )
    difference = runs.compare(after, before)
    assert difference.changes["n_facts_complete"] == -1
    assert "hits_at_5" not in difference.changes
    assert difference.settings == {"embedding_model": ("static", "openai/new")}
    assert (difference.found.won, difference.found.lost) == (("b",), ("a",))
    assert (difference.answered.won, difference.answered.lost) == ((), ("b",))
    assert difference.is_of_the_same


def test_runs_of_other_questions_cannot_be_compared() -> None:
    with pytest.raises(UserError, match="has no question in common with this one"):
        runs.compare(report_of(case("a")), report_of(case("b")))


def test_what_is_not_a_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"set": "x"}')
    with pytest.raises(UserError, match="is not a run of 'docent eval'"):
        runs.read(tmp_path / "other.json")
    with pytest.raises(UserError, match="Cannot read"):
        runs.read(tmp_path / "missing.json")


def test_the_difference_is_part_of_the_json() -> None:
    report = report_of(case())
    assert runs.to_json(report, None)["difference"] is None
    difference = runs.to_json(report, runs.compare(report, report))["difference"]
    assert isinstance(difference, dict)
    assert set(difference) == {
        "at",
        "before",
        "changes",
        "settings",
        "found",
        "answered",
        "is_of_the_same",
    }
