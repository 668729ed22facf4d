"""Reranks the best passages with a model that LiteLLM names. Optional.

Promises that a search never fails because of it: without an answer in time the order stays as it was.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from agent import observability
from agent.errors import ModelError
from agent.llm.circuit_breaker import LocalBreaker
from ingest.search.ranking import RankedCandidate

PAUSE_SECONDS = 30.0  # without requests after a failure, doubled with every further one: searches do not wait
N_RERANKED = 40  # passages; what rerank models are usually given


class Reranker:
    """A rerank model; may be shared by threads."""

    def __init__(self, model: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.model = model
        self._breaker = LocalBreaker(PAUSE_SECONDS, clock)

    def rerank(self, query: str, best: Sequence[RankedCandidate]) -> tuple[list[RankedCandidate], Decimal]:
        """Orders the first :data:`N_RERANKED` by the model's scores, which replace theirs; the others follow.

        Returns also what it cost in dollars.
        """
        first, others = best[:N_RERANKED], best[N_RERANKED:]
        if not first or not self._breaker.allows(self.model):
            return list(best), Decimal(0)
        from agent.llm import embeddings

        try:
            texts = [ranked.candidate.search_text for ranked in first]
            scores, cost_usd = embeddings.rerank(self.model, query, texts)
        except ModelError as error:
            observability.log.warning("rerank_failed", model=self.model, problem=str(error))
            self._breaker.record_failure(self.model, opens=True)
            return list(best), Decimal(0)
        finally:
            self._breaker.release_probe(self.model)
        self._breaker.record_success(self.model)
        reranked = [
            replace(ranked, reranked=score, score=round(min(max(score, 0.0), 1.0), 3))
            for ranked, score in zip(first, scores, strict=True)
        ]
        reranked.sort(key=lambda ranked: (-(ranked.reranked or 0.0), -ranked.total, ranked.candidate.chunk_id))
        lowest = reranked[-1].score
        return [*reranked, *(replace(ranked, score=min(ranked.score, lowest)) for ranked in others)], cost_usd
