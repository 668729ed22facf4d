"""What a set's questions find: the library asked as the bot asks it, one question after the other."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.types import Audience
from bot.evaluation import measures
from bot.evaluation.questions import EvalQuestion
from ingest.library import Library
from tools.extractive.follow_ups import standalone

N_PASSAGES = 50  # which mostly are of ten documents
N_MORE_PASSAGES = 200  # where long pages hold them all; costs a second look, which is not timed


@dataclass(frozen=True)
class RetrievalResult:
    """``files`` are the documents in the order in which people would see their passages, as the set names them
    where it does. What cannot be said of the question, because no file is named, is None."""

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
    """Looks each question up, a follow-up made standalone by rule; ``names`` are files by document id."""
    found = []
    library.search(questions[0].text, audience=Audience())  # loads what the first question would wait for
    for question in questions:
        found.append(_find(question, library, names))
        progress()
    return found


def _find(question: EvalQuestion, library: Library, names: Mapping[str, str]) -> RetrievalResult:
    query = standalone(question.text, [earlier for earlier, _ in question.earlier])
    started = time.perf_counter()
    files = _files(query, library, names, k=N_PASSAGES)
    ms = (time.perf_counter() - started) * 1000
    if len(files) < measures.CUT:
        files = _files(query, library, names, k=N_MORE_PASSAGES)
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


def _files(query: str, library: Library, names: Mapping[str, str], *, k: int) -> tuple[str, ...]:
    passages = library.search(query, audience=Audience(), k=k).passages
    return tuple(dict.fromkeys(names.get(p.document_id, p.document_id) for p in passages))
