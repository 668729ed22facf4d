"""The border to litellm: what is sent, and what is recorded of it."""

import pytest

from agent.llm import models
from agent.llm.request import Model, Request
from agent.settings import EXTRACTIVE_MODEL, AgentSettings


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
