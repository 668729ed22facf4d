"""A run as it is printed for people."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bot.evaluation import figures, runs, table
from bot.evaluation.evaluator import EvalRun
from tests.bot.evaluation.results import answer, case, unanswerable
from tests.bot.evaluation.test_runs import report_of


def show(*cases: figures.Case, before: tuple[figures.Case, ...] = (), all_misses: bool = False) -> str:
    report = report_of(*cases)
    difference = runs.compare(report, report_of(*before)) if before else None
    out = StringIO()
    run = EvalRun(report, cases, difference, Path("evaluations/handbook.json"))
    table.show(Console(file=out, width=160, soft_wrap=True), run, all_misses=all_misses)
    return out.getvalue()


def test_figures_have_their_totals_and_the_answers_are_left_out_if_none_was_asked() -> None:
    printed = show(case("a"), case("b", is_hit=False))
    assert "handbook: Search" in printed
    assert "1/2" in printed
    assert "search, median 20.0 ms" in printed
    assert "handbook: Answers" not in printed
    assert printed.rstrip().endswith("Stored in evaluations/handbook.json")
    assert "handbook: Answers" in show(case(answered=answer()))


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        (case(is_hit=False), ["Not found (1)", "needs leave.md (not among the 1 files found)", "1. travel.md"]),
        (
            case(answered=answer(missing=("5 days",), is_complete=False)),
            ["Facts missing (1)", "lacks '5 days' (not retrieved)", "docent sessions show 01a2"],
        ),
        (
            case(answered=answer("I do not know.", is_refusal=True, is_complete=False)),
            ["Wrongly refused (1)", "needs leave.md (rank 1): found", "answer: I do not know."],
        ),
        (
            unanswerable(answered=answer(is_complete=None)),
            ["Answered, although the documents have no answer (1)", "answer: 5 days [1]."],
        ),
        (case(answered=answer(is_complete=None)), ["Answered, but the question has no facts to check (1)"]),
        (case(answered=answer(status="failed")), ["Failed (1)"]),
    ],
)
def test_what_went_wrong_is_listed_with_the_reason(result: figures.Case, lines: list[str]) -> None:
    printed = [line.strip() for line in show(result).splitlines()]
    assert [line for line in lines if line not in printed] == []


def test_ten_mistakes_of_a_kind_are_listed_unless_all_are_wanted() -> None:
    cases = [case(f"q{n}", is_hit=False) for n in range(12)]
    assert "… and 2 more: --all lists them" in show(*cases)
    assert "q11" in show(*cases, all_misses=True)


def test_what_changed_since_the_last_run_has_an_arrow() -> None:
    printed = show(case("a"), case("b", is_hit=False), before=(case("a"), case("b")))
    assert "all files in top 5  ▼ 1  2 → 1" in printed
    assert "no longer found: b" in printed
    assert "No figure has changed, except times." in show(case(), before=(case(),))


def test_runs_of_different_questions_are_marked() -> None:
    printed = show(case("a"), case("b"), before=(case("a"),))
    assert "The two runs have different questions" in printed
