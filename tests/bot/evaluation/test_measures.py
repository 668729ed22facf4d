"""The measures, against values worked out by hand and those that pytrec_eval gives."""

import pytest

from bot.evaluation import measures


@pytest.mark.parametrize(
    ("ranking", "grades", "expected"),
    [
        (["a"], {"a": 1.0}, 1.0),
        (["b", "a"], {"a": 1.0}, 0.63093),  # 1 / log2(3)
        (["d3", "d1", "d2"], {"d1": 0.0, "d2": 1.0, "d3": 0.0}, 0.5),  # pytrec_eval's README, q1
        (["d1", "d3", "d2"], {"d2": 1.0, "d3": 1.0}, 0.69343),  # and q2
        (["a", "b", "c"], {"a": 1.0, "b": 2.0, "c": 0.0}, 0.85972),  # (1 + 2 / log2(3)) / (2 + 1 / log2(3))
        ([*"0123456789", "a"], {"a": 1.0}, 0.0),
        ([], {"a": 1.0}, 0.0),
        (["a"], {}, 0.0),
    ],
)
def test_ndcg_is_that_of_trec_eval(ranking: list[str], grades: dict[str, float], expected: float) -> None:
    assert measures.ndcg(ranking, grades) == pytest.approx(expected, abs=1e-5)


def test_the_ideal_ranking_of_ndcg_is_cut_like_the_ranking() -> None:
    grades = {str(n): 1.0 for n in range(30)}
    assert measures.ndcg(list(grades), grades) == 1.0


def test_recall_is_of_all_that_is_relevant() -> None:
    assert measures.recall(["a", "x", "b"], {"a": 1.0, "b": 2.0, "c": 1.0, "x": 0.0}) == pytest.approx(2 / 3)
    assert measures.recall([*"0123456789", "a"], {"a": 1.0}) == 0.0
    assert measures.recall(["a"], {}) == 0.0


def test_the_reciprocal_rank_is_that_of_the_first_relevant_document() -> None:
    assert measures.reciprocal_rank(["x", "y", "a", "b"], {"a": 1.0, "b": 1.0}) == pytest.approx(1 / 3)
    assert measures.reciprocal_rank(["x"], {"a": 1.0}) == 0.0


def test_of_every_group_one_document_must_be_among_the_first_five() -> None:
    groups = [["a", "b"], ["c"]]
    assert measures.has_every_group(["b", "x", "c"], groups)
    assert not measures.has_every_group(["a", "b", "x"], groups)
    assert not measures.has_every_group(["a", "1", "2", "3", "4", "c"], groups)
    assert not measures.has_every_group(["a"], [])


@pytest.mark.parametrize(
    ("text", "facts", "missing"),
    [
        ("You have 27 Days.", [["27 days"]], []),
        ("You have 127 days.", [["27 days"]], ["27 days"]),
        ("Within **one\n hour** of it.", [["1 hour", "one hour"]], []),
        ("Within an hour.", [["1 hour", "one hour"], ["ask"]], ["1 hour", "ask"]),
        ("It’s `pylon\u00a0rollback` [1]", [["it's pylon rollback"]], []),
        ("It costs €4.50.", [["€4.50"]], []),
        ("a supplement of 35 %.", [["35 %"]], []),
        ("2026–27", [["2026-27"]], []),
        ("anything", [], []),
    ],
)
def test_a_fact_is_held_in_one_of_its_wordings(text: str, facts: list[list[str]], missing: list[str]) -> None:
    assert measures.find_missing_facts(text, facts) == missing


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(1, 21)]
    assert (measures.percentile(values, 0.5), measures.percentile(values, 0.95)) == (10.0, 19.0)
    assert measures.percentile([], 0.5) == 0.0
