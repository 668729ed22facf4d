"""Searches for each question of a set and measures the result. Searches as the bot does, one question at a
time."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.types import Passage
from bot.evaluation import measures
from bot.evaluation.questions import EvalQuestion
from ingest.access.principals import make_member
from ingest.library import Library
from tools import search_docs
from tools.extractive import follow_ups

VIEW_CHARS = 4_000  # of the passages shown: about 1,000 tokens
N_PASSAGES = 50  # mostly of ten documents or more
N_MORE_PASSAGES = 200  # if long documents fill them all; the second search is not timed


@dataclass(frozen=True)
class RetrievalResult:
    """The ranking of a question and its measures, which are None if the question names no files.

    ``files`` are the documents in the order of their best passages, by their path in the set or else their id.
    ``ms`` is the time of the search in milliseconds. ``not_in_view`` are the facts that are not in the first
    :data:`VIEW_CHARS` of the passages that a model is shown; None without facts to look for.
    """

    files: tuple[str, ...]
    ms: float
    is_hit: bool | None = None
    ndcg: float | None = None
    recall: float | None = None
    reciprocal_rank: float | None = None
    not_in_view: tuple[str, ...] | None = None


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
    passages = library.search(query, audience=make_member(()), k=N_PASSAGES).passages
    ms = (time.perf_counter() - started) * 1000
    not_in_view = _find_out_of_view(question, query, passages, library)
    files = _list_files(passages, names)
    if len(files) < measures.CUT:
        files = _list_files(library.search(query, audience=make_member(()), k=N_MORE_PASSAGES).passages, names)
    if question.is_unanswerable or not question.groups:
        return RetrievalResult(files, ms, not_in_view=not_in_view)
    return RetrievalResult(
        files,
        ms,
        is_hit=measures.has_every_group(files, question.groups),
        ndcg=measures.ndcg(files, question.grades),
        recall=measures.recall(files, question.grades),
        reciprocal_rank=measures.reciprocal_rank(files, question.grades),
        not_in_view=not_in_view,
    )


def _find_out_of_view(
    question: EvalQuestion, query: str, passages: Sequence[Passage], library: Library
) -> tuple[str, ...] | None:
    """Returns the facts that are not at the beginning of what a model is shown of these passages."""
    if question.is_unanswerable or not question.facts:
        return None
    queries = search_docs.list_queries(query)
    found: list[Sequence[Passage]] = [passages]
    if len(queries) > 1:
        found = [lookup.passages for lookup in library.search_parts(queries, audience=make_member(()))[0]]
    shown = search_docs.select_passages(found)
    view = "\n".join(f"{one.title}\n{one.heading_path}\n{one.text}" for one in shown)[:VIEW_CHARS]
    return tuple(measures.find_missing_facts(view, question.facts))


def _list_files(passages: Sequence[Passage], names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names.get(passage.document_id, passage.document_id) for passage in passages))
