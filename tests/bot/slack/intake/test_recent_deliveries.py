"""The keys that save a query."""

from bot.slack.intake.recent_deliveries import RecentDeliveries


def test_the_oldest_key_is_forgotten_first() -> None:
    recent = RecentDeliveries(max_keys=2)
    for key in ("a", "b", "c"):
        recent.add(key)
    assert [key in recent for key in ("a", "b", "c")] == [False, True, True]
