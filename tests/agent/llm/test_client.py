"""The border to litellm: what is sent, and what is recorded of it."""

import time
from dataclasses import replace

import pytest

from agent.llm import client, models
from agent.llm.client import CallPolicy
from agent.llm.litellm_setup import litellm
from agent.llm.request import Completion, Model, Request
from agent.settings import EXTRACTIVE_MODEL, AgentSettings
from tests.agent.turn.provider_streams import USAGE, delta, say, stream
from tests.scripted_model import ScriptedModel


def request(model: str, text: str = "x", max_completion_tokens: int = 100) -> Request:
    (known,) = models.resolve(AgentSettings(model=model))
    return Request(known, [{"role": "user", "content": text}], [], None, max_completion_tokens)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("openai/gpt-5-mini", {"max_completion_tokens": 100, "seed": models.SEED}),
        ("anthropic/claude-sonnet-4-5", {"max_tokens": 100, "temperature": 0}),
        (EXTRACTIVE_MODEL, {}),
    ],
)
def test_the_record_has_the_parameters_as_the_provider_gets_them(model: str, expected: dict[str, object]) -> None:
    assert models.describe_params(Request(Model(model), [], [], None, 100)) == expected


def test_a_known_model_costs_at_most_its_prompt_with_a_margin_and_a_full_completion() -> None:
    call = request("openai/gpt-4o-mini", "x" * 3_000, 1_000)
    most = call.bound_prompt_usd() + call.max_completion_tokens * call.model.price.completion
    assert 0.0006 < most < 0.001


def test_litellm_puts_together_only_a_count_of_tokens_that_came_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    built: list[object] = []
    build = litellm().stream_chunk_builder

    def count(**given: object) -> object:
        built.append(given)
        return build(**given)

    monkeypatch.setattr(litellm(), "stream_chunk_builder", count)
    whole = say("Fine.")
    in_parts = stream({**delta(content="Fine."), "usage": {**USAGE, "completion_tokens": 2}})
    for chunks, is_built in ((whole, False), (in_parts, True)):
        built.clear()
        with ScriptedModel(lambda asked, chunks=chunks: chunks) as model:  # type: ignore[misc]
            completion = Completion()
            asked = replace(request("openai/gpt-4o-mini"), model=Model("openai/scripted", model.base_url))
            text = "".join(
                piece
                for piece in client.stream(asked, completion, deadline=time.monotonic() + 60, policy=CallPolicy())
                if isinstance(piece, str)
            )
        assert (text, completion.usage.prompt_tokens, completion.usage.completion_tokens) == ("Fine.", 100, 20)
        assert bool(built) == is_built
