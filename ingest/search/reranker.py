"""A rerank model that LiteLLM names reads the best passages once more, beside the question. Optional.

Without an answer in time the order stays as it was: a search never fails for want of it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from agent import observability
from agent.errors import ModelError
from ingest.search.ranking import Ranked

REST_SECONDS = 30.0  # a model that failed is left alone: no search waits for it
N_READ = 40  # passages; what rerank models are usually given


class Reranker:
    """One model; may be shared by threads."""

    def __init__(self, model: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.model = model
        self._clock = clock
        self._rests_until = 0.0

    def ordered(self, query: str, best: Sequence[Ranked]) -> tuple[list[Ranked], Decimal]:
        """The first of them by the model's scores, which become theirs, the others after them as they were; and
        what it cost in dollars."""
        read, others = best[:N_READ], best[N_READ:]
        if not read or self._clock() < self._rests_until:
            return list(best), Decimal(0)
        from agent.llm import embeddings

        try:
            scores, cost_usd = embeddings.rerank(self.model, query, [one.candidate.search_text for one in read])
        except ModelError as error:
            observability.log.warning("rerank_failed", model=self.model, problem=str(error))
            self._rests_until = self._clock() + REST_SECONDS
            return list(best), Decimal(0)
        again = [
            replace(one, reranked=score, score=round(min(max(score, 0.0), 1.0), 3))
            for one, score in zip(read, scores, strict=True)
        ]
        again.sort(key=lambda one: (-(one.reranked or 0.0), -one.total, one.candidate.chunk_id))
        least = again[-1].score
        return [*again, *(replace(one, score=min(one.score, least)) for one in others)], cost_usd
