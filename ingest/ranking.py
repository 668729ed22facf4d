"""Candidates to ranked passages."""

from agent.tools import Passage
from ingest.index import Candidate


def ranked(query: str, candidates: list[Candidate], *, k: int) -> list[Passage]:
    best = max((c.bm25 for c in candidates), default=1) or 1
    scored = sorted(candidates, key=lambda c: (-(c.cosine + 0.35 * c.bm25 / best), c.chunk_id))
    return [passage(c, score=min(1.0, c.cosine)) for c in scored[:k]]


def passage(chunk: Candidate, *, score: float) -> Passage:
    return Passage(
        chunk_id=chunk.chunk_id,
        document_id=chunk.document_id,
        title=chunk.title,
        url=chunk.url,
        heading_path=chunk.heading_path,
        text=chunk.text,
        score=score,
    )
