"""A search explained: ranks, corrections, and what its numbers mean."""

import json

import pytest

from bot.cli import search_explain
from ingest.index.candidates import Candidate
from ingest.search.ranking import RankedCandidate
from ingest.search.search import SearchResult

CANDIDATE = Candidate(
    "c1", "d1", "wiki", "https://handbook.example/leave", "Leave", "Annual", "Carry over 5 days.", 0, "leave", None
)
PARTS = {"closeness": 1.5, "bm25": 0.25, "near_words": 0.5, "near_title": -0.1}
BY_WORDS = RankedCandidate(CANDIDATE, 0.9, 1.5, 1, 2, PARTS, 0.001, folded=("c2",))
BY_MEANING = RankedCandidate(CANDIDATE, 0.5, 0.7, 0, 1, PARTS, 0.0, reranked=0.75)


def test_each_passage_has_its_ranks_and_the_numbers_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    search_explain.explain(SearchResult((), ranked=(BY_WORDS, BY_MEANING)), as_json=False)
    printed = capsys.readouterr().out
    assert "1. Leave › Annual  0.90" in printed
    assert "words 1. (0.0) · meaning 2. (0.00) · closeness +1.50 · bm25 +0.25 · near_words +0.50" in printed
    assert "total 1.50 · 1 near duplicates left out" in printed
    assert "words – · meaning 1." in printed
    assert "reranked 0.75" in printed
    assert "rank by the cosine of the embeddings" in printed


def test_words_that_no_document_contains_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    corrections = {"anual": "annual", "qwxz": ""}
    result = SearchResult((), not_found=("yeti",), ranked=(BY_WORDS,), corrections=corrections)
    search_explain.explain(result, as_json=False)
    printed = capsys.readouterr().out
    assert "No document contains 'anual'; searched for 'annual' too." in printed
    assert "No document contains 'qwxz'." in printed
    assert "Hardly any document contains: yeti." in printed


def test_for_programs_the_texts_that_only_ranking_needs_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    search_explain.explain(SearchResult((), ranked=(BY_WORDS,), corrections={"anual": "annual"}), as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {"passages", "not_found", "keywords", "slips"}
    assert printed["slips"] == {"anual": "annual"}
    (passage,) = printed["passages"]
    assert passage["candidate"]["text"] == "Carry over 5 days."
    assert not passage["candidate"].keys() & search_explain.OMITTED


def test_nothing_found_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    search_explain.explain(SearchResult(()), as_json=False)
    assert capsys.readouterr().out == "Nothing found.\n"
