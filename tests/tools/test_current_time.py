"""The date and the time, by an injected clock."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agent.errors import ToolError
from agent.tools import ToolContext
from agent.types import Audience
from tools.current_time import Clock, current_time

LEAP_DAY = datetime(2028, 2, 29, 23, 30, tzinfo=UTC)


def told(present: datetime, company_zone: str = "UTC", **arguments: str) -> dict[str, Any]:
    clock = Clock(company_zone, lambda: present)
    context = ToolContext(Audience(), "test", deadline=9e9, resources={Clock: clock})
    return dict(current_time.call(arguments, context).data)


def test_it_is_told_in_utc_by_default() -> None:
    assert told(LEAP_DAY) == {
        "date": "2028-02-29",
        "weekday": "Tuesday",
        "time": "23:30",
        "time_zone": "UTC",
        "utc_offset": "+0000",
    }


def test_it_is_told_in_the_companys_zone_unless_another_is_asked_for() -> None:
    paris = told(LEAP_DAY, "Europe/Paris")
    assert (paris["date"], paris["weekday"], paris["time"]) == ("2028-03-01", "Wednesday", "00:30")
    assert told(LEAP_DAY, "Europe/Paris", time_zone=" America/New_York ")["time"] == "18:30"


def test_summer_time_is_known() -> None:
    before, after = datetime(2026, 3, 29, 0, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert [told(t, "Europe/Paris")["time"] for t in (before, after)] == ["01:59", "03:00"]
    assert [told(t, "Europe/Paris")["utc_offset"] for t in (before, after)] == ["+0100", "+0200"]


@pytest.mark.parametrize("name", ["Paris", "America", "../../etc/passwd", "/etc/passwd", "x" * 5000, "a\0b", "Ü"])
def test_an_unknown_zone_gets_an_example(name: str) -> None:
    with pytest.raises(ToolError) as error:
        told(LEAP_DAY, time_zone=name)
    assert "Europe/Paris" in error.value.hint
    assert "passwd" not in str(error.value)


def test_the_real_clock_is_used_where_none_is_given() -> None:
    context = ToolContext(Audience(), "test", deadline=9e9, resources={Clock: Clock()})
    said = current_time.call({}, context).data
    assert abs(datetime.fromisoformat(f"{said['date']}T{said['time']}+00:00").timestamp() - _now()) < 120


def _now() -> float:
    return datetime.now(UTC).timestamp()
