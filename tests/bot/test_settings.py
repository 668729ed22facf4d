"""The bot's settings: lists in one variable, and addresses that cannot be one."""

import pytest
from pydantic import ValidationError

from bot.settings import BotSettings


@pytest.mark.parametrize(
    ("value", "prompts"),
    [
        ("", []),
        (" How many? | Who signs? |", ["How many?", "Who signs?"]),
        ("a|b|c|d|e", ["a", "b", "c", "d"]),  # Slack shows no more than four
    ],
)
def test_suggested_prompts_are_separated_by_bars(value: str, prompts: list[str]) -> None:
    assert BotSettings(suggested_prompts=value).prompts == prompts


def test_own_tools_are_separated_by_commas() -> None:
    assert BotSettings(tools=" tools/orders, company.tools ,").own_tools == ["tools/orders", "company.tools"]


@pytest.mark.parametrize("url", ["redis://localhost", "rediss://:p%2Fw@host:6379/0", "unix:///run/redis.sock"])
def test_an_address_of_redis_is_taken(url: str) -> None:
    settings = BotSettings(REDIS_URL=url)  # type: ignore[call-arg]
    assert settings.redis_url
    assert settings.redis_url.get_secret_value() == url
    assert url not in repr(settings)


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", "redis://", "redis://:a/b@host:6379/0"])
def test_what_is_no_address_of_redis_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="redis://:password@host"):
        BotSettings(REDIS_URL=url)  # type: ignore[call-arg]
