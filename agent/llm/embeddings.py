"""Calls to embedding and rerank models: in batches, retried, counted and priced.

Promises: foreign errors leave as :class:`ModelError`; only transient ones are tried again, and a provider's
``Retry-After`` is obeyed where there is time. Text is not logged.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any, TypeVar

from agent.errors import ModelError
from agent.llm.client import translate
from agent.llm.litellm_setup import litellm
from agent.llm.model_names import split_address

MAX_TEXTS = 96  # of one request: what the strictest of the usual providers takes
MAX_CHARS = 200_000  # of one request, ~50,000 tokens; OpenAI takes 300,000 tokens, Voyage 120,000
BACKOFF_SECONDS = 0.5  # doubled with every try

T = TypeVar("T")


@dataclass(frozen=True)
class EmbeddingPolicy:
    """How long one request may take, in seconds, how often it is tried again, and the longest pause before."""

    n_retries: int
    timeout_seconds: float
    longest_pause_seconds: float


FOR_A_QUESTION = EmbeddingPolicy(n_retries=1, timeout_seconds=6, longest_pause_seconds=2)  # somebody waits
FOR_A_RERANKING = EmbeddingPolicy(n_retries=0, timeout_seconds=4, longest_pause_seconds=0)  # that can do without
FOR_DOCUMENTS = EmbeddingPolicy(n_retries=7, timeout_seconds=60, longest_pause_seconds=90)


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
    """Embeds in as many requests as needed; raises :class:`ModelError`.

    ``price_usd`` is of one token; ``pace`` hears of each request before it is made, and may wait.
    """
    name, api_base = split_address(model)
    vectors: list[list[float]] = []
    n_tokens = 0
    for batch in _batches(texts):
        pace(sum(map(len, batch)))

        def call(batch: Sequence[str] = batch) -> Any:
            return litellm().embedding(
                model=name,
                input=list(batch),
                num_retries=0,
                max_retries=0,
                timeout=policy.timeout_seconds,
                **({"api_base": api_base} if api_base else {}),
            )

        response = _tried(call, name, policy, sleep)
        vectors += _checked(sorted(response.data, key=lambda row: row["index"]), len(batch))
        n_tokens += int(getattr(response.usage, "prompt_tokens", 0) or 0)
    if len({len(vector) for vector in vectors}) > 1:
        raise ModelError(f"'{name}' gave vectors of different lengths")
    return EmbeddingResponse(vectors, n_tokens, None if price_usd is None else n_tokens * price_usd)


def rerank(
    model: str, query: str, texts: Sequence[str], *, policy: EmbeddingPolicy = FOR_A_RERANKING
) -> tuple[list[float], Decimal]:
    """How relevant each text is to the query, between 0 and 1, in the order of the texts, and what it cost
    (0 where LiteLLM knows no price); raises :class:`ModelError`."""
    name, api_base = split_address(model)

    def call() -> Any:
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

    response = _tried(call, name, policy, time.sleep)
    scores = [0.0] * len(texts)
    for found in response.results or ():
        scores[found["index"]] = float(found["relevance_score"])
    return scores, _rerank_cost(name, response)


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


def _checked(rows: Sequence[Any], n_texts: int) -> list[list[float]]:
    if len(rows) != n_texts:
        raise ModelError(f"the embedding model gave {len(rows)} vectors for {n_texts} texts")
    vectors = [row["embedding"] for row in rows]
    if not all(isinstance(vector, list) and vector and all(map(isfinite, vector)) for vector in vectors):
        raise ModelError("the embedding model gave something that is no vector")
    return vectors


def _tried(call: Callable[[], T], name: str, policy: EmbeddingPolicy, sleep: Callable[[float], None]) -> T:
    for n_failed in range(1, policy.n_retries + 2):
        try:
            return call()
        except Exception as error:  # litellm raises its own tree and its providers' errors
            failure = translate(error)
            if not isinstance(failure, ModelError):
                raise failure from error
            pause = max(BACKOFF_SECONDS * 2 ** (n_failed - 1), failure.retry_after_seconds)
            may_try = failure.is_transient and n_failed <= policy.n_retries
            if not may_try or failure.retry_after_seconds > policy.longest_pause_seconds:
                raise _named(name, failure) from error
            sleep(min(pause, policy.longest_pause_seconds))
    raise AssertionError("unreachable")


def _named(name: str, failure: ModelError) -> ModelError:
    why = str(failure).removeprefix("the model call failed: ")
    advice = "try again later" if failure.is_transient else "check its name, its key and its address"
    return ModelError(
        f"The model '{name}' gave no answer ({why}); {advice}.",
        is_transient=failure.is_transient,
        is_timeout=failure.is_timeout,
        retry_after_seconds=failure.retry_after_seconds,
    )


def _rerank_cost(name: str, response: Any) -> Decimal:
    try:
        cost = litellm().completion_cost(completion_response=response, model=name, call_type="rerank")
    except Exception:  # noqa: BLE001  litellm raises a bare Exception where it knows no price
        return Decimal(0)
    return Decimal(str(cost))
