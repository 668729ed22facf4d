"""What comes first, what is folded, and why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest.index.candidates import Candidate
from ingest.search.late_interaction import MAX_QUESTION_WORDS, TokenCache
from ingest.search.near_duplicates import is_near_duplicate
from ingest.search.ranking import fold_duplicates, rank

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PAGE = (
    "Every employee has thirty days of leave and takes them in agreement with the lead of the team, by June. "
    "Whoever falls ill on holiday gets those back when a doctor has seen it. "
)


def candidate(name: str, text: str, *, bm25: float = 0.0, cosine: float = 0.5, **more: object) -> Candidate:
    values: dict[str, object] = {
        "chunk_id": f"{name}-00000",
        "document_id": name,
        "source": "s",
        "url": f"https://x.example/{name}",
        "title": "Page",
        "heading_path": "",
        "text": text,
        "position": 0,
        "search_text": text,
        **more,
    }
    return Candidate(**values, bm25=bm25, cosine=cosine, closeness=5 * cosine)  # type: ignore[arg-type]


def names(found: list) -> list[str]:  # type: ignore[type-arg]
    return [one.candidate.document_id for one in found]


def test_words_and_meaning_both_count() -> None:
    by_words = candidate("words", "x", bm25=20.0, cosine=0.4)
    by_meaning = candidate("meaning", "x", cosine=0.55)
    neither = candidate("neither", "x", cosine=0.3)
    assert names(rank("q", [neither, by_meaning, by_words])) == ["words", "meaning", "neither"]


def test_a_near_word_is_better_than_none() -> None:
    taxi = candidate("taxi", "A taxi is paid after ten in the evening.")
    rail = candidate("rail", "A parcel is sent before ten in the morning.")
    first, second = rank("Who pays for the cab?", [rail, taxi])
    assert first.candidate == taxi
    assert first.parts["near_words"] > second.parts["near_words"]


def test_the_title_counts() -> None:
    body = "Travel is booked by the desk. Trains go first. Hotels are cheap. Meals are paid."
    beside = candidate("beside", body)
    titled = candidate("titled", body, title="Parking")
    assert names(rank("parking", [beside, titled])) == ["titled", "beside"]


def test_a_question_without_words_is_ranked_all_the_same() -> None:
    assert names(rank("?!", [candidate("a", "x", cosine=0.1), candidate("b", "x", cosine=0.2)])) == ["b", "a"]
    assert rank("anything", []) == []


def test_of_two_that_fit_equally_the_newer_comes_first() -> None:
    old = candidate("a-old", "The rule.", updated_at=NOW - timedelta(days=900))
    new = candidate("b-new", "The rule.", updated_at=NOW)
    undated = candidate("c-undated", "The rule.")
    assert names(rank("rule", [old, new, undated])) == ["b-new", "a-old", "c-undated"]
    better = candidate("d-better", "The rule.", cosine=0.6, updated_at=NOW - timedelta(days=900))
    assert names(rank("rule", [new, better])) == ["d-better", "b-new"]


def test_equal_candidates_are_ordered_by_their_ids() -> None:
    both = [candidate("b", "The rule."), candidate("a", "The rule.")]
    assert names(rank("rule", both)) == names(rank("rule", both[::-1])) == ["a", "b"]


def test_a_copy_is_folded_into_the_better_one() -> None:
    page, copy = candidate("page", PAGE * 2, cosine=0.6), candidate("copy", PAGE * 2 + "and so on", cosine=0.595)
    other = candidate("other", "Something else altogether.", cosine=0.59)
    found = fold_duplicates(rank("leave", [page, copy, other]), k=5)
    assert names(found) == ["page", "other"]
    assert found[0].folded == ("copy-00000",)


def test_folding_leaves_as_many_as_are_wanted() -> None:
    many = [candidate(f"p{i}", f"Page {i} says this and that.", cosine=0.5 - i / 100) for i in range(9)]
    assert len(fold_duplicates(rank("page", many), k=3)) == 3


@pytest.mark.parametrize(
    ("one", "other", "is_one_enough"),
    [
        (PAGE, PAGE, True),
        (PAGE, PAGE.replace("agreement", "accord"), True),
        (PAGE, PAGE.replace("thirty", "30"), False),  # a number
        (PAGE, PAGE.replace("June", "May"), False),  # a name
        (PAGE, PAGE.replace("gets", "never gets"), False),  # the contrary
        ("The yard is open.", "The yard is shut.", False),  # too short to tell
        (PAGE, "Something else altogether.", False),
    ],
)
def test_what_differs_in_a_number_or_a_name_says_something_else(one: str, other: str, is_one_enough: bool) -> None:
    assert is_near_duplicate(one, other) == is_one_enough


def test_the_lexicon_forgets_when_it_is_full() -> None:
    cache = TokenCache(max_words=50)
    pages = [candidate(f"p{i}", f"alpha{i} beta{i} gamma{i} the cab{i} waits") for i in range(60)]
    first = cache.score("cab", pages)
    again = cache.score("cab", pages)
    assert first.passage.tolist() == again.passage.tolist()


def test_a_passage_thousands_of_deviations_off_is_ranked_last() -> None:
    odd = replace(candidate("odd", "pears"), closeness=-5_000.0)
    found = rank("apples", [odd, replace(candidate("near", "apples"), closeness=5_000.0)])
    assert [(one.candidate.document_id, one.score) for one in found] == [("near", 1.0), ("odd", 0.0)]


def test_of_a_pasted_page_the_first_words_are_compared() -> None:
    first = [f"first{n}" for n in range(MAX_QUESTION_WORDS)]
    pages = [candidate("a", " ".join(first[:50])), candidate("b", "pears")]
    one, other = (TokenCache().score(" ".join([*first, *more]), pages) for more in ([], ["pears"] * 9_000))
    assert one.passage.tolist() == other.passage.tolist()


def test_a_number_of_the_same_digits_is_another_number() -> None:
    pages = [candidate("a", "ppr-9087 laptops"), candidate("b", "ppr-9078 laptops"), candidate("c", "ppr laptops")]
    found = TokenCache().score("ppr-9087", pages).passage.tolist()
    assert found[0] == 1.0
    assert found[1] == 0.0
    assert 0.0 < found[2] < 1.0
