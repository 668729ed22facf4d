"""The doctor and the language model: what is known without a call, and what a call says."""

from collections.abc import Iterator

import pytest

import agent.settings
import bot.settings
import ingest.settings
from agent.llm import failures
from bot.doctor import documents, examination, model
from bot.doctor.context import CheckContext
from tests.scripted_model import Fail, Say, ScriptedModel
from tests.system import free_port


@pytest.fixture
def scripted() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda request: Say("ready")) as scripted:
        yield scripted


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hunter2")


def _context(
    name: str, base: str | None = None, *, may_call: bool | None = True, embedding: str = "static"
) -> CheckContext:
    return CheckContext(
        kernel=agent.settings.AgentSettings(model=name, model_api_base=base),
        bot=bot.settings.BotSettings(),
        library=ingest.settings.IngestSettings(embedding_model=embedding),
        may_call=may_call,
    )


def test_without_a_model_it_says_what_answers_are_then() -> None:
    (finding,) = model.model(_context("local/extractive"))
    assert finding.state == "ok"
    assert "quoted from the documents" in finding.text


def test_a_model_that_answers_is_billed(scripted: ScriptedModel) -> None:
    (finding,) = model.model(_context("openai/gpt-5-mini", scripted.base_url))
    assert finding.state == "ok", finding
    assert finding.text.startswith("openai/gpt-5-mini answers: ")
    assert "tokens, $0.0" in finding.text
    assert len(scripted.requests) == 1


def test_a_model_without_a_price_is_a_problem_that_says_what_to_set(scripted: ScriptedModel) -> None:
    price, answer = model.model(_context("openai/of-our-own", scripted.base_url))
    assert (price.state, answer.state) == ("problem", "ok")
    assert "DOCENT_MODEL_PRICES=openai/of-our-own=" in price.text
    assert "cost unknown" in answer.text


@pytest.mark.parametrize(("may_call", "hint"), [(False, False), (None, True)])
def test_a_model_is_not_called_without_leave(scripted: ScriptedModel, may_call: bool | None, hint: bool) -> None:
    context = _context(
        "openai/gpt-5-mini", scripted.base_url, may_call=may_call, embedding="openai/text-embedding-3-small"
    )
    (finding,) = model.model(context)
    (embedding,) = documents.embeddings(context)
    assert (finding.state, embedding.state) == ("skipped", "skipped")
    assert ("--model-call" in finding.text) is hint
    assert scripted.requests == []


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    for name, key in (
        ("openai/gpt-5-mini", "OPENAI_API_KEY"),
        ("anthropic/claude-sonnet-4-5", "ANTHROPIC_API_KEY"),
    ):
        first, _ = model.model(_context(name, may_call=False))
        assert (first.state, first.text) == ("problem", f"{key} is not set.")


def test_a_provider_that_nobody_knows() -> None:
    (finding,) = model.model(_context("nonsense/model"))
    assert finding.state == "problem"
    assert "provider/model" in finding.advice


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "rejects the key"),
        (404, "has no such model"),
        (429, "rate limit is reached"),
        (500, "has an outage"),
        (400, "rejects the request"),
    ],
)
def test_a_providers_failure_is_told_in_words(scripted: ScriptedModel, status: int, said: str) -> None:
    scripted.script = lambda request: Fail(status)
    (finding,) = model.model(_context("openai/gpt-5-mini", scripted.base_url))
    assert finding.state == "problem"
    assert said in finding.text
    assert finding.advice
    assert "hunter2" not in str(finding)


def test_a_provider_that_cannot_be_reached() -> None:
    (finding,) = model.model(_context("openai/gpt-5-mini", f"http://127.0.0.1:{free_port()}/v1"))
    assert "cannot be reached" in finding.text


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("You exceeded your current quota, insufficient_quota", "quota is used up"),
        ("Your credit balance is too low", "quota is used up"),
        ("Incorrect API key provided: sk-…", "rejects the key"),
        ("The model `x` does not exist", "no such model"),
    ],
)
def test_what_providers_write_is_understood(said: str, means: str) -> None:
    from agent.errors import ModelError

    error = ModelError("the model call failed")
    error.__cause__ = RuntimeError(said)
    assert means in failures.explain(error, "openai/y")[0]


def test_only_models_that_cost_are_asked_about() -> None:
    assert examination.external_models(_context("local/extractive")) == []
    both = _context("openai/gpt-5-mini", embedding="openai/text-embedding-3-small")
    assert examination.external_models(both) == ["openai/gpt-5-mini", "openai/text-embedding-3-small"]
