"""When a failed call is tried again, and after which pause."""

import math

import pytest

from agent.retry import Retries, RetryPolicy


def pauses(policy: RetryPolicy, *asked: float, deadline: float = math.inf) -> list[float | None]:
    """The pause after each failure, on a clock that stands still."""
    retries = Retries(policy, deadline=deadline, clock=lambda: 0.0)
    return [retries.next_pause(seconds) for seconds in asked]


def test_the_pause_doubles_until_the_attempts_are_used_up() -> None:
    assert pauses(RetryPolicy(4), 0, 0, 0, 0) == [0.5, 1.0, 2.0, None]


def test_jitter_adds_up_to_its_share() -> None:
    for _ in range(50):
        (pause,) = pauses(RetryPolicy(2, jitter=1.0), 0)
        assert pause is not None
        assert 0.5 <= pause < 1.0


def test_a_longer_pause_that_was_asked_for_is_obeyed_and_one_too_long_is_the_end() -> None:
    policy = RetryPolicy(9, max_pause_seconds=3)
    assert pauses(policy, 2.5, 0.1, 3.1) == [2.5, 1.0, None]
    assert pauses(policy, 0, 0, 0, 0) == [0.5, 1.0, 2.0, 3.0]


def test_no_attempt_begins_after_the_deadline() -> None:
    assert pauses(RetryPolicy(9), 0, 0, 0, deadline=1.5) == [0.5, 1.0, None]


def test_rate_limits_are_bounded_by_their_sum_where_there_is_one() -> None:
    assert pauses(RetryPolicy(2, max_wait_seconds=100), 30, 30, 30, 30) == [30, 30, 30, None]
    assert pauses(RetryPolicy(2, max_wait_seconds=100), 30, 0, 30, 0) == [30, 0.5, 30, None]


def test_after_many_failures_the_pause_is_still_a_number() -> None:
    assert pauses(RetryPolicy(5_000, max_pause_seconds=60), *[0] * 4_000)[-1] == 60


def test_a_wait_sleeps_and_says_whether_there_is_another_attempt() -> None:
    slept: list[float] = []
    retries = Retries(RetryPolicy(3, backoff_seconds=0), sleep=slept.append)
    assert [retries.wait(), retries.wait(2), retries.wait()] == [True, True, False]
    assert slept == [2]


def test_a_pause_in_slices_can_be_cancelled() -> None:
    slept: list[float] = []

    def check() -> None:
        if len(slept) == 2:
            raise KeyboardInterrupt

    slices = Retries(RetryPolicy(2), sleep=slept.append).slices(10, check)
    with pytest.raises(KeyboardInterrupt):
        list(slices)
    assert slept == [0.25, 0.25]
