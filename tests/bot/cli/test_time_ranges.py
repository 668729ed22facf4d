"""Ages and dates as people type them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from agent.errors import UserError
from bot.cli import time_ranges

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("7d", datetime(2026, 5, 3, 12, tzinfo=UTC)),
        ("2W", datetime(2026, 4, 26, 12, tzinfo=UTC)),
        ("12h", datetime(2026, 5, 10, 0, tzinfo=UTC)),
        ("15m", datetime(2026, 5, 10, 11, 45, tzinfo=UTC)),
        ("2026-05-01", datetime(2026, 4, 30, 22, tzinfo=UTC)),  # midnight in Paris
    ],
)
def test_a_moment_is_so_long_ago_or_a_day(given: str, expected: datetime) -> None:
    assert time_ranges.parse_moment(given, zone=PARIS, now=datetime(2026, 5, 10, 12, tzinfo=UTC)) == expected


@pytest.mark.parametrize("given", ["", "soon", "never", "2026-13-01", "7", "-3d", "7y", "999999d", "99999999d"])
def test_what_is_neither_is_refused(given: str) -> None:
    with pytest.raises(UserError):
        time_ranges.parse_moment(given, zone=PARIS, now=datetime(2026, 5, 10, 12, tzinfo=UTC))
