"""The kernel's vocabulary."""

from agent.types import EndReason, Limit


def test_every_limit_is_a_reason_to_end_a_turn_under_the_same_value() -> None:
    assert {limit.value for limit in Limit} <= {reason.value for reason in EndReason}
