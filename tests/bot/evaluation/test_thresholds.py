"""Thresholds as they are typed, and the figures that miss them."""

import pytest

from agent.errors import UserError
from bot.evaluation import thresholds
from bot.evaluation.thresholds import Threshold


def test_a_threshold_is_a_figure_and_a_bound() -> None:
    assert thresholds.parse(["hits_at_5=45", " mrr=0.5 "], ["n_failed=0"], has_answers=True) == [
        Threshold("hits_at_5", 45.0, True),
        Threshold("mrr", 0.5, True),
        Threshold("n_failed", 0.0, False),
    ]


@pytest.mark.parametrize("text", ["hits=3", "hits_at_5", "hits_at_5=many", "hits_at_5=1=2", ""])
def test_what_is_not_a_figure_with_a_value_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"Write NAME=VALUE; names are hits_at_5, ndcg_at_10, "):
        thresholds.parse([text], [], has_answers=True)


@pytest.mark.parametrize("name", ["n_facts_complete", "n_wrong_refusals", "cost_usd", "answer_p50_seconds"])
def test_a_figure_of_answers_needs_answers(name: str) -> None:
    with pytest.raises(UserError, match="measured only with --answers"):
        thresholds.parse([], [f"{name}=1"], has_answers=False)


@pytest.mark.parametrize("name", ["hits_at_5", "recall_at_10", "search_p95_ms"])
def test_a_figure_of_the_search_does_not(name: str) -> None:
    assert thresholds.parse([], [f"{name}=1"], has_answers=False)


@pytest.mark.parametrize(
    ("value", "is_least", "miss"),
    [
        (45.0, True, ""),
        (44.0, True, "hits_at_5 is 44 but should be at least 45."),
        (46.0, True, ""),
        (45.0, False, ""),
        (46.0, False, "hits_at_5 is 46 but should be at most 45."),
    ],
)
def test_a_miss_is_a_sentence(value: float, is_least: bool, miss: str) -> None:
    assert Threshold("hits_at_5", 45.0, is_least).describe_miss({"hits_at_5": value}) == miss
