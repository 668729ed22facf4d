"""Searches for each question of a set and measures the result. Searches as the bot does, one question at a
time."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.evaluation import measures
from bot.evaluation.questions import EvalQuestion
from ingest.access.principals import make_member
from ingest.library import Library
from tools.extractive import follow_ups

N_PASSAGES = 50  # mostly of ten documents or more
N_MORE_PASSAGES = 200  # if long documents fill them all; the second search is not timed


@dataclass(frozen=True)
class RetrievalResult:
    """The ranking of a question and its measures, which are None if the question names no files.

    ``files`` are the documents in the order of their best passages, by their path in the set or else their id.
    ``ms`` is the time of the search in milliseconds.
    """

    files: tuple[str, ...]
    ms: float
    is_hit: bool | None = None
    ndcg: float | None = None
    recall: float | None = None
    reciprocal_rank: float | None = None


def find(
    questions: Sequence[EvalQuestion],
    library: Library,
    names: Mapping[str, str],
    *,
    progress: Callable[[], None] = lambda: None,
) -> list[RetrievalResult]:
    """Searches for each question; follow-ups are rewritten by rule. ``names`` are the set's paths by document
    id."""
    results = []
    library.search(
        questions[0].text, audience=make_member(())
    )  # loads the models, so that no question is timed with it
    for question in questions:
        results.append(_find(question, library, names))
        progress()
    return results


def _find(question: EvalQuestion, library: Library, names: Mapping[str, str]) -> RetrievalResult:
    query = follow_ups.rewrite(question.text, [earlier for earlier, _ in question.earlier])
    started = time.perf_counter()
    files = _rank_files(query, library, names, k=N_PASSAGES)
    ms = (time.perf_counter() - started) * 1000
    if len(files) < measures.CUT:
        files = _rank_files(query, library, names, k=N_MORE_PASSAGES)
    if question.is_unanswerable or not question.groups:
        return RetrievalResult(files, ms)
    return RetrievalResult(
        files,
        ms,
        is_hit=measures.has_every_group(files, question.groups),
        ndcg=measures.ndcg(files, question.grades),
        recall=measures.recall(files, question.grades),
        reciprocal_rank=measures.reciprocal_rank(files, question.grades),
    )


def _rank_files(query: str, library: Library, names: Mapping[str, str], *, k: int) -> tuple[str, ...]:
    passages = library.search(query, audience=make_member(()), k=k).passages
    return tuple(dict.fromkeys(names.get(passage.document_id, passage.document_id) for passage in passages))
