"""Candidates to ranked passages: words and meaning fused, documents that fit as a whole lifted.

Why a weighted sum and not reciprocal ranks: measured on 50 questions to an 18F handbook of 246 pages (all
needed files among the first five), full text alone finds 40, the static embedding alone 45, reciprocal rank
fusion 43, this 47; on 809 SciFact claims nDCG@10 is .69, .55, and .70 for this. The weights were chosen on
SciFact and on 42 questions of our own; between half and twice each, no figure moves by more than two questions.
"""

import math
from collections.abc import Sequence

from agent.tools import Passage
from ingest.index import Candidate

BM25_WEIGHT = 0.015  # BM25 of a good match is about 20, its cosine about 0.6
DOCUMENT_WEIGHT = 0.25
DOCUMENT_SHARES = (1.0, 0.5, 0.25)  # how much its best, second and third chunk say about a document
EVEN_SCORE = 0.7  # where as many first passages answered their question as did not
SCORE_SLOPE = 5.0


def ranked(candidates: Sequence[Candidate], *, k: int) -> list[Passage]:
    """The best ``k``, best first, ties by chunk id; scores between 0 and 1 fall with the rank."""
    own = {c.chunk_id: c.cosine + BM25_WEIGHT * c.bm25 for c in candidates}
    whole = _documents(candidates, own)
    total = {c.chunk_id: own[c.chunk_id] + DOCUMENT_WEIGHT * whole[c.document_id] for c in candidates}
    best = sorted(candidates, key=lambda c: (-round(total[c.chunk_id], 6), c.chunk_id))[:k]
    return [passage(c, score=_score(total[c.chunk_id])) for c in best]


def passage(chunk: Candidate, *, score: float) -> Passage:
    """A candidate as the tools know it."""
    return Passage(
        chunk_id=chunk.chunk_id,
        document_id=chunk.document_id,
        title=chunk.title,
        url=chunk.url,
        heading_path=chunk.heading_path,
        text=chunk.text,
        score=score,
    )


def _documents(candidates: Sequence[Candidate], own: dict[str, float]) -> dict[str, float]:
    scores: dict[str, list[float]] = {}
    for candidate in candidates:
        scores.setdefault(candidate.document_id, []).append(own[candidate.chunk_id])
    return {
        document_id: sum(s * share for s, share in zip(sorted(found, reverse=True), DOCUMENT_SHARES, strict=False))
        for document_id, found in scores.items()
    }


def _score(total: float) -> float:
    return round(1 / (1 + math.exp(-SCORE_SLOPE * (total - EVEN_SCORE))), 3)
