"""Figures summed up from the results of questions."""

import pytest

from bot.evaluation import figures
from tests.bot.evaluation.results import answer, case, unanswerable


def test_means_are_over_the_questions_that_name_files() -> None:
    values = figures.summarize([case("a"), case("b", is_hit=False), unanswerable()])
    assert (values["n_questions"], values["n_answerable"], values["n_unanswerable"]) == (3, 2, 1)
    assert (values["n_with_files"], values["hits_at_5"]) == (2, 1)
    assert [values[name] for name in ("ndcg_at_10", "recall_at_10", "mrr")] == [0.5, 0.5, 0.5]
    assert (values["search_p50_ms"], values["search_p95_ms"]) == (20.0, 40.0)


def test_without_answers_there_are_no_figures_of_answers() -> None:
    assert not {figure.name for figure in figures.OF_ANSWERS} & figures.summarize([case()]).keys()


def test_answers_are_counted_by_what_is_right() -> None:
    values = figures.summarize(
        [
            case("right", answered=answer()),
            case("lacking", answered=answer(missing=("5 days",), is_complete=False, seconds=3.0)),
            case("refused", answered=answer("I do not know.", is_refusal=True, is_complete=False)),
            case("failed", answered=answer(status="failed", is_complete=False)),
            unanswerable("refused-rightly", answered=answer("No.", is_refusal=True, is_complete=None)),
            unanswerable("invented", answered=answer(is_complete=None)),
        ]
    )
    assert (values["n_facts_complete"], values["n_with_facts"], values["n_facts_shown"]) == (1, 4, 3)
    assert (values["n_wrong_refusals"], values["n_right_refusals"]) == (1, 1)
    assert (values["n_right_citations"], values["n_failed"]) == (3, 1)
    assert (values["answer_p50_seconds"], values["answer_p95_seconds"]) == (1.0, 3.0)
    assert values["cost_usd"] == 3.0


def test_kinds_are_in_the_order_of_the_set_and_left_out_if_there_are_none() -> None:
    by_kind = figures.summarize_by_kind([case("a", kind="typo"), case("b", kind="plain"), unanswerable()])
    assert list(by_kind) == ["typo", "plain", "unanswerable"]
    assert by_kind["plain"]["n_questions"] == 1
    assert figures.summarize_by_kind([case(kind="")]) == {}


@pytest.mark.parametrize(
    ("result", "is_right"),
    [
        (case(), None),
        (case(answered=answer()), True),
        (case(answered=answer(is_complete=None)), None),
        (unanswerable(answered=answer(is_complete=None)), False),
        (unanswerable(answered=answer(is_refusal=True, is_complete=None)), True),
    ],
)
def test_an_answer_is_right_if_it_has_all_facts_or_refuses_what_nothing_answers(
    result: figures.Case, is_right: bool | None
) -> None:
    assert result.is_answered_right is is_right


def test_a_case_is_reported_with_its_first_ten_files() -> None:
    report = case(answered=answer()).to_json()
    assert (report["id"], report["facts"], report["groups"]) == ("leave", ["5 days"], [["leave.md"]])
    assert report["found"]["files"] == ["leave.md", "travel.md"]
    assert report["answered"]["is_right"] is True
    assert "answered" not in case().to_json()


def test_every_figure_has_a_direction_and_a_name_of_its_own() -> None:
    names = [figure.name for figure in figures.ALL]
    assert len(names) == len(set(names))
    assert {figure.name for figure in figures.ALL if figure.is_time} == {
        "search_p50_ms",
        "search_p95_ms",
        "answer_p50_seconds",
        "answer_p95_seconds",
    }
