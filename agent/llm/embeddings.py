"""Calls to embedding and rerank models: in batches, retried, counted and priced.

Promises: foreign errors leave as :class:`ModelError`; only transient ones are retried, and a provider's
``Retry-After`` is obeyed where there is time. Text is not logged.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import TypeVar

from agent.errors import DocentError, ModelError
from agent.llm import models
from agent.llm.litellm_setup import Response, litellm
from agent.llm.model_names import split_address
from agent.llm.provider_errors import translate
from agent.observability import measures
from agent.retry import Retries, RetryPolicy
from agent.types import Usage

MAX_TEXTS = 96  # of one request: the limit of the strictest of the usual providers
MAX_CHARS = 200_000  # of one request, ~50,000 tokens; OpenAI takes 300,000 tokens, Voyage 120,000
BACKOFF_SECONDS = 0.5  # doubled with every attempt

T = TypeVar("T")


@dataclass(frozen=True)
class EmbeddingPolicy:
    """Limits of one request: its retries, how long an attempt may take, and the longest pause before the
    next."""

    n_retries: int
    timeout_seconds: float
    max_pause_seconds: float

    def retries(self) -> RetryPolicy:
        """Returns the policy for attempts at one request."""
        return RetryPolicy(
            n_attempts=1 + self.n_retries,
            backoff_seconds=BACKOFF_SECONDS,
            max_pause_seconds=self.max_pause_seconds,
        )


FOR_A_QUESTION = EmbeddingPolicy(n_retries=1, timeout_seconds=6, max_pause_seconds=2)  # a person waits
FOR_A_RERANKING = EmbeddingPolicy(n_retries=0, timeout_seconds=4, max_pause_seconds=0)  # optional
FOR_DOCUMENTS = EmbeddingPolicy(n_retries=7, timeout_seconds=60, max_pause_seconds=90)


@dataclass(frozen=True)
class EmbeddingResponse:
    """One vector per text, in order. ``cost_usd`` is None where the model's price is not known."""

    vectors: list[list[float]]
    n_tokens: int
    cost_usd: Decimal | None


def embed(
    model: str,
    texts: Sequence[str],
    *,
    price_usd: Decimal | None,
    policy: EmbeddingPolicy = FOR_A_QUESTION,
    pace: Callable[[int], None] = lambda n_chars: None,
    sleep: Callable[[float], None] = time.sleep,
) -> EmbeddingResponse:
    """Embeds the texts in as many requests as needed; raises :class:`ModelError`.

    ``price_usd`` is for one token. ``pace`` is called before each request with its number of characters, and
    may wait.
    """
    name, api_base = split_address(model)
    vectors: list[list[float]] = []
    n_tokens = 0
    for batch in _batches(texts):
        pace(sum(map(len, batch)))

        def call(batch: Sequence[str] = batch) -> Response:
            return litellm().embedding(
                model=name,
                input=list(batch),
                num_retries=0,
                max_retries=0,
                timeout=policy.timeout_seconds,
                **({"api_base": api_base} if api_base else {}),
            )

        with measures.count_call(name) as measured:
            response = _retry(call, name, policy, sleep)
            n = int(getattr(response.usage, "prompt_tokens", 0) or 0)
            measured.finish(Usage(n, cost_usd=n * price_usd if price_usd else None))
        vectors += _check(sorted(response.data, key=lambda row: row["index"]), len(batch))
        n_tokens += n
    if len({len(vector) for vector in vectors}) > 1:
        raise ModelError(f"'{name}' gave vectors of different lengths")
    return EmbeddingResponse(vectors, n_tokens, None if price_usd is None else n_tokens * price_usd)


def rerank(
    model: str, query: str, texts: Sequence[str], *, policy: EmbeddingPolicy = FOR_A_RERANKING
) -> tuple[list[float], Decimal]:
    """Scores how relevant each text is to the query, between 0 and 1, in the order of the texts.

    Returns the scores and the cost in dollars, 0 where LiteLLM knows no price; raises :class:`ModelError`.
    """
    name, api_base = split_address(model)

    def call() -> Response:
        return litellm().rerank(
            model=name,
            query=query,
            documents=list(texts),
            top_n=len(texts),
            return_documents=False,
            num_retries=0,
            max_retries=0,
            timeout=policy.timeout_seconds,
            **({"api_base": api_base} if api_base else {}),
        )

    with measures.count_call(name) as measured:
        response = _retry(call, name, policy, time.sleep)
        cost_usd = _rerank_cost(name, response)
        measured.finish(Usage(cost_usd=cost_usd))
    scores = [0.0] * len(texts)
    for result in response.results or ():
        scores[result["index"]] = float(result["relevance_score"])
    return scores, cost_usd


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    n_chars = 0
    for text in texts:
        if batch and (len(batch) == MAX_TEXTS or n_chars + len(text) > MAX_CHARS):
            yield batch
            batch, n_chars = [], 0
        batch.append(text or " ")  # providers refuse an empty text
        n_chars += len(text)
    if batch:
        yield batch


def _check(rows: Sequence[Mapping[str, list[float]]], n_texts: int) -> list[list[float]]:
    if len(rows) != n_texts:
        raise ModelError(f"the embedding model gave {len(rows)} vectors for {n_texts} texts")
    vectors = [row["embedding"] for row in rows]
    if not all(isinstance(vector, list) and vector and all(map(isfinite, vector)) for vector in vectors):
        raise ModelError("the embedding model returned something that is not a vector")
    return vectors


def _retry(call: Callable[[], T], name: str, policy: EmbeddingPolicy, sleep: Callable[[float], None]) -> T:
    retries = Retries(policy.retries(), sleep=sleep)
    while True:
        try:
            return call()
        except DocentError:
            raise
        except Exception as error:  # litellm raises its own tree and its providers' errors
            failure = translate(error)
            if not failure.is_transient or not retries.wait(failure.retry_after_seconds):
                raise _add_advice(name, failure) from error


def _add_advice(name: str, failure: ModelError) -> ModelError:
    why, advice = models.explain_failure(name, str(failure))
    return ModelError(
        f"The model '{name}' gave no answer: {why} {advice}",
        is_transient=failure.is_transient,
        is_timeout=failure.is_timeout,
        retry_after_seconds=failure.retry_after_seconds,
    )


def _rerank_cost(name: str, response: Response) -> Decimal:
    try:
        cost = litellm().completion_cost(completion_response=response, model=name, call_type="rerank")
    except Exception:  # noqa: BLE001  litellm raises a bare Exception where it knows no price
        return Decimal(0)
    return Decimal(str(cost))
