"""The border to litellm: what is sent, and what is recorded of it."""

import pytest

from agent import llm
from agent.settings import EXTRACTIVE_MODEL


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("openai/gpt-5-mini", {"max_completion_tokens": 100, "seed": llm.SEED}),
        ("anthropic/claude-sonnet-4-5", {"max_tokens": 100, "temperature": 0}),
        (EXTRACTIVE_MODEL, {}),
    ],
)
def test_the_record_has_the_parameters_as_the_provider_gets_them(model: str, expected: dict[str, object]) -> None:
    assert llm.Request(model, [], [], None, 100).sent() == expected


def test_a_model_without_a_known_price_reserves_nothing() -> None:
    assert (
        llm.Request("openai/no-such-model", [{"role": "user", "content": "x"}], [], None, 100).estimated_usd() == 0
    )


def test_a_known_model_reserves_its_prompt_and_a_full_completion() -> None:
    request = llm.Request("openai/gpt-4o-mini", [{"role": "user", "content": "x" * 3_000}], [], None, 1_000)
    assert 0.0006 < request.estimated_usd() < 0.001
