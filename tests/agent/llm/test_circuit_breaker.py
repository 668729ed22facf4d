"""A failing model is left alone: the same rules in one process and, through Redis, in all."""

import time
from collections.abc import Callable

import pytest
import redis

from agent.llm.circuit_breaker import FAILURES_TO_OPEN, Breaker, LocalBreaker, compute_open_seconds
from bot.jobs import queue
from bot.jobs.redis_breaker import RedisBreaker
from bot.settings import BotSettings

Make = Callable[[], Breaker]
SECONDS = 0.2


@pytest.fixture(params=["local", "redis"])
def make(request: pytest.FixtureRequest, redis_url: str) -> Make:
    """Two breakers it makes share their state, as two workers do."""
    if request.param == "local":
        shared = LocalBreaker(SECONDS)
        return lambda: shared
    return lambda: RedisBreaker(redis.from_url(redis_url), seconds=SECONDS)


def test_it_opens_after_failures_in_a_row_for_everybody(make: Make) -> None:
    one, other = make(), make()
    for _ in range(FAILURES_TO_OPEN - 1):
        one.record_failure("m")
    assert other.allows("m")
    other.record_failure("m")
    assert not one.allows("m")
    assert one.allows("another model")


def test_a_success_between_them_closes_it(make: Make) -> None:
    breaker = make()
    for _ in range(FAILURES_TO_OPEN * 2):
        breaker.record_failure("m")
        breaker.record_success("m")
    assert breaker.allows("m")


def test_a_timeout_opens_it_at_once(make: Make) -> None:
    breaker = make()
    breaker.record_failure("m", opens=True)
    assert not breaker.allows("m")


def test_after_its_time_one_may_try_and_its_success_lets_all_in(make: Make) -> None:
    breaker, other = make(), make()
    breaker.record_failure("m", opens=True)
    time.sleep(SECONDS * 1.2)
    assert [breaker.allows("m"), other.allows("m"), breaker.allows("m")] == [True, False, False]
    breaker.record_success("m")
    assert other.allows("m")


def test_its_failure_opens_it_again_for_twice_as_long(make: Make) -> None:
    breaker = make()
    breaker.record_failure("m", opens=True)
    time.sleep(SECONDS * 1.2)
    assert breaker.allows("m")
    breaker.record_failure("m")
    time.sleep(SECONDS * 1.2)
    assert not breaker.allows("m")
    time.sleep(SECONDS * 1.2)
    assert breaker.allows("m")


def test_many_who_fail_at_once_open_it_once(make: Make) -> None:
    breaker = make()
    for _ in range(8):
        breaker.record_failure("m", opens=True)
    time.sleep(SECONDS * 1.2)
    assert breaker.allows("m")


def test_it_stays_open_for_as_long_as_the_provider_asks_within_bounds() -> None:
    assert compute_open_seconds(30, 0, None) == 30
    assert compute_open_seconds(30, 2, None) == 120
    assert compute_open_seconds(30, 0, 7) == 7
    assert compute_open_seconds(30, 9, None) == compute_open_seconds(30, 0, 10_000) == 300


def test_without_redis_every_model_may_be_asked() -> None:
    away = RedisBreaker(
        queue.connect(BotSettings.model_validate({"REDIS_URL": "redis://127.0.0.1:1/0"})), seconds=1
    )
    away.record_failure("m", opens=True)
    away.record_success("m")
    assert away.allows("m")
