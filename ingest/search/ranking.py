"""Ranks candidates by how likely each is to answer: one logistic regression over a few named features.

The features are what the cosine is worth (:mod:`ingest.index.closeness`), BM25, and how near the words of the
passage and of its title are to those of the question (:mod:`.late_interaction`). The weights are in
``weights.json``, trained by ``make train`` on questions to several collections with two embedding models;
docs/decisions/0013 says what else was tried, and bought nothing on collections left out.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.index.candidates import Candidate
from ingest.search.late_interaction import token_cache
from ingest.search.near_duplicates import is_near_duplicate
from ingest.search.regression import Regression, read_regression

FEATURES = ("closeness", "bm25", "near_words", "near_title")
N_COMPARED = 60  # candidates whose words are compared; those behind them are never the best
RECENCY_WEIGHT = 0.03  # of the newest candidate; decides between passages that fit equally well
RECENCY_DAYS = 365.0  # the bonus of one that is so much older is a third (1/e)
MAX_CLOSENESS_DIFFERENCE = 0.25  # standard deviations: near duplicates are about equally close to the question
WEIGHTS_FILE = Path(__file__).with_name("weights.json")

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class RankedCandidate:
    """A candidate in its place, and why it is there.

    ``score`` is the probability, by the regression, that it answers; ``by_words`` and ``by_meaning`` are its
    ranks, from 1, by BM25 (0: not found by words) and by cosine; ``parts`` are the features times their weights,
    which with ``recency`` and the regression's constant add up to ``total``.
    """

    candidate: Candidate
    score: float
    total: float
    by_words: int
    by_meaning: int
    parts: Mapping[str, float]
    recency: float
    reranked: float | None = None
    folded: tuple[str, ...] = ()  # ids of chunks that say the same


def trained() -> Regression:
    """Returns the trained regression."""
    return read_regression(WEIGHTS_FILE, FEATURES)


def measure(question: str, candidates: Sequence[Candidate]) -> Numbers:
    """Returns the features of each candidate, float64 ``(n_candidates, len(FEATURES))``.

    Words are compared with those of the :data:`N_COMPARED` best by the other features; the others have 0.
    """
    features = np.zeros((len(candidates), len(FEATURES)))
    features[:, 0] = [candidate.closeness for candidate in candidates]
    features[:, 1] = [candidate.bm25 for candidate in candidates]
    first = sorted(range(len(candidates)), key=(-(features @ trained().weights)).tolist().__getitem__)[:N_COMPARED]
    near = token_cache().score(question, [candidates[i] for i in first])
    features[first, 2], features[first, 3] = near.passage, near.title
    return features


def rank(question: str, candidates: Sequence[Candidate]) -> list[RankedCandidate]:
    """Returns all candidates, best first, ties by chunk id."""
    if not candidates:
        return []
    parts = measure(question, candidates) * trained().weights
    logits = parts.sum(axis=1) + trained().constant
    recent = _recency(candidates)
    words = _ranks([c for c in candidates if c.bm25], lambda c: c.bm25)
    meaning = _ranks(candidates, lambda c: c.cosine)
    ranked = [
        RankedCandidate(
            candidate=c,
            score=round(_probability(logit), 3),
            total=logit + recent[c.chunk_id],
            by_words=words.get(c.chunk_id, 0),
            by_meaning=meaning[c.chunk_id],
            parts=dict(zip(FEATURES, own, strict=True)),
            recency=recent[c.chunk_id],
        )
        for c, own, logit in zip(candidates, parts.tolist(), logits.tolist(), strict=True)
    ]
    return sorted(ranked, key=lambda r: (-round(r.total, 6), r.candidate.chunk_id))


def _probability(logit: float) -> float:
    """Returns the probability of log odds, however small: where nearly all passages are copies, the one that is
    none may lie thousands of standard deviations off."""
    return 1 / (1 + math.exp(-logit)) if logit > 0 else math.exp(logit) / (1 + math.exp(logit))


def put_first(best: Sequence[RankedCandidate], source: str) -> Sequence[RankedCandidate]:
    """Returns the candidates with those of a source first."""
    return sorted(best, key=lambda r: r.candidate.source != source) if source else best


def fold_duplicates(best: Sequence[RankedCandidate], *, k: int) -> list[RankedCandidate]:
    """Returns the first ``k`` without near duplicates of a better one in another document."""
    first: list[RankedCandidate] = []
    for ranked in best:
        i = next((i for i, other in enumerate(first) if _is_duplicate(ranked.candidate, other.candidate)), None)
        if i is not None:
            first[i] = replace(first[i], folded=(*first[i].folded, ranked.candidate.chunk_id))
        elif len(first) < k:
            first.append(ranked)
        else:
            break
    return first


def _recency(candidates: Sequence[Candidate]) -> dict[str, float]:
    """Rates the age relative to the newest candidate, not to today, so that an index always ranks the same."""
    newest = max((c.updated_at for c in candidates if c.updated_at), default=None)
    bonuses = dict.fromkeys((c.chunk_id for c in candidates), 0.0)
    if newest:
        for c in candidates:
            if c.updated_at:
                days = (newest - c.updated_at).total_seconds() / 86_400
                bonuses[c.chunk_id] = RECENCY_WEIGHT * math.exp(-days / RECENCY_DAYS)
    return bonuses


def _ranks(candidates: Sequence[Candidate], value: Callable[[Candidate], float]) -> dict[str, int]:
    best = sorted(candidates, key=lambda c: (-value(c), c.chunk_id))
    return {c.chunk_id: rank for rank, c in enumerate(best, 1)}


def _is_apart(candidate: Candidate, other: Candidate) -> bool:
    return abs(candidate.closeness - other.closeness) > MAX_CLOSENESS_DIFFERENCE


def _is_duplicate(candidate: Candidate, other: Candidate) -> bool:
    if candidate.document_id == other.document_id or _is_apart(candidate, other):
        return False
    return is_near_duplicate(candidate.text, other.text)
