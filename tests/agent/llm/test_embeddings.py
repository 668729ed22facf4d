"""Calls to an embedding and a rerank model, as they go over the wire."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from agent.errors import ModelError
from agent.llm import embeddings, models
from agent.llm.embeddings import FOR_A_QUESTION, FOR_DOCUMENTS
from agent.settings import AgentSettings
from tests.scripted_embeddings import ScriptedEmbeddings, vector
from tests.scripted_model import Fail


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedEmbeddings]:
    for name in ("OPENAI_API_KEY", "COHERE_API_KEY"):
        monkeypatch.setenv(name, "sk-test")
    with ScriptedEmbeddings() as model:
        yield model


def embed(model: ScriptedEmbeddings, texts: list[str], **how: object) -> embeddings.EmbeddingResponse:
    return embeddings.embed(model.named("words"), texts, **({"price_usd": None} | how))  # type: ignore[arg-type]


def test_texts_go_in_batches_and_vectors_come_in_order(model: ScriptedEmbeddings) -> None:
    texts = [f"text number {i}" for i in range(200)]
    found = embed(model, texts, price_usd=Decimal("0.00001"))
    assert [len(batch) for batch in model.texts] == [96, 96, 8]
    assert found.vectors == [vector(text) for text in texts]
    assert (found.n_tokens, found.cost_usd) == (600, Decimal("0.006"))
    assert {request["model"] for request in model.requests} == {"words"}


def test_long_texts_go_in_smaller_batches_and_an_empty_one_is_none(model: ScriptedEmbeddings) -> None:
    long = "word " * 20_000
    assert len(embed(model, [long, long, "", long]).vectors) == 4
    assert [len(batch) for batch in model.texts] == [3, 1]
    assert model.texts[0][2] == " "


def test_what_has_no_known_price_has_no_cost(model: ScriptedEmbeddings) -> None:
    assert embed(model, ["a text"]).cost_usd is None


def test_a_provider_s_pause_is_kept_and_its_outage_waited_out(model: ScriptedEmbeddings) -> None:
    failures = {1: Fail(429, {"Retry-After": "7"}), 2: Fail(500), 3: Fail(503)}
    model.fail = failures.get
    slept: list[float] = []
    assert len(embed(model, ["a text"], policy=FOR_DOCUMENTS, sleep=slept.append).vectors) == 1
    assert slept == [7.0, 1.0, 2.0]


def test_a_pause_longer_than_anybody_waits_is_an_error_at_once(model: ScriptedEmbeddings) -> None:
    model.fail = lambda n: Fail(429, {"Retry-After": "60"})
    with pytest.raises(ModelError, match="Try again in a minute") as failed:
        embed(model, ["a text"], policy=FOR_A_QUESTION, sleep=lambda seconds: None)
    assert (len(model.requests), failed.value.retry_after_seconds, failed.value.is_transient) == (1, 60.0, True)


def test_an_outage_ends_after_as_many_tries_as_there_is_patience(model: ScriptedEmbeddings) -> None:
    model.fail = lambda n: Fail(500)
    slept: list[float] = []
    with pytest.raises(ModelError, match="'openai/words' gave no answer"):
        embed(model, ["a text"], policy=FOR_DOCUMENTS, sleep=slept.append)
    assert len(model.requests) == FOR_DOCUMENTS.n_retries + 1
    assert slept == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "rejects the request"),
        (401, "rejects the key, or got none .* Set the provider's key"),
        (404, "has no such model .* Check the name in DOCENT_MODEL or DOCENT_EMBEDDING_MODEL"),
    ],
)
def test_what_another_try_does_not_mend_is_not_tried_again(
    model: ScriptedEmbeddings, status: int, said: str
) -> None:
    model.fail = lambda n: Fail(status)
    with pytest.raises(ModelError, match=said) as failed:
        embed(model, ["a text"], policy=FOR_DOCUMENTS)
    assert (len(model.requests), failed.value.is_transient) == (1, False)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda rows: rows[1:], "gave 1 vectors for 2 texts"),
        (lambda rows: [*rows, rows[0]], "gave 3 vectors for 2 texts"),
        (lambda rows: [rows[0] | {"embedding": []}, rows[1]], "not a vector"),
        (lambda rows: [rows[0] | {"embedding": [float("nan")] * 32}, rows[1]], "not a vector"),
        (lambda rows: [rows[0] | {"embedding": [1.0] * 8}, rows[1]], "different lengths"),
    ],
)
def test_vectors_that_cannot_be_those_of_the_texts_are_refused(
    model: ScriptedEmbeddings, wrong: object, said: str
) -> None:
    model.change = lambda answer: answer | {"data": wrong(answer["data"])}  # type: ignore[operator]
    with pytest.raises(ModelError, match=said):
        embed(model, ["one text", "another"])


def test_each_request_is_announced_before_it_is_made(model: ScriptedEmbeddings) -> None:
    heard: list[tuple[int, int]] = []
    embed(model, ["12345"] * 100, pace=lambda n_chars: heard.append((n_chars, len(model.requests))))
    assert heard == [(480, 0), (20, 1)]


def test_the_operator_s_price_is_one_token_s(model: ScriptedEmbeddings) -> None:
    own = AgentSettings(model_prices="openai/words=0.5/0")
    assert models.find_embedding_price(model.named("words"), own) == Decimal("0.0000005")
    assert models.find_embedding_price(model.named("words"), AgentSettings()) is None
    assert models.find_embedding_price("openai/text-embedding-3-small", AgentSettings()) == Decimal("2E-8")


@pytest.mark.parametrize("name", ["cohere/rerank-v3.5", "hosted_vllm/bge", "infinity/bge"])
def test_texts_are_scored_beside_the_question_in_their_order(model: ScriptedEmbeddings, name: str) -> None:
    texts = ["a question", "the question", "this is the best of all"]
    scores, cost_usd = embeddings.rerank(f"{name}@{model.address}", "the question", texts)
    assert scores == [0.01, 0.02, 0.99]
    assert cost_usd == (Decimal("0.002") if name.startswith("cohere") else 0)


def test_a_rerank_model_that_is_down_is_asked_once(model: ScriptedEmbeddings) -> None:
    model.fail = lambda n: Fail(500)
    with pytest.raises(ModelError):
        embeddings.rerank(f"cohere/rerank-v3.5@{model.address}", "the question", ["a text"])
    assert len(model.requests) == 1
