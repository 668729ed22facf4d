"""The tool that tells the date and the time.

A call and its result, as a model sees them::

    {"time_zone": "Europe/Oslo"}
    {"date": "2026-03-02", "weekday": "Monday", "time": "09:30", "time_zone": "Europe/Oslo", "utc_offset": "+0100"}
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.clock import now
from agent.errors import ToolError
from agent.tools import ToolContext, ToolLabels, ToolResult, tool
from agent.translation.speech import mark

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")  # in every locale


@dataclass(frozen=True)
class Clock:
    """``time_zone`` is the company's; ``now`` returns a time with its zone."""

    time_zone: str = "UTC"
    now: Callable[[], datetime] = now


LABELS = ToolLabels(mark("is looking at the clock…"), mark("Looking at the clock"), mark("Looked at the clock"))


@tool(needs=(Clock,), labels=LABELS)
def current_time(time_zone: str = "", *, context: ToolContext) -> ToolResult:
    """Tell today's date, the weekday and the time of day, in the company's time zone or another one.

    Use it when the answer depends on what day or time it is, such as deadlines, "today", "next week" or opening
    hours. `time_zone` is an IANA name such as Europe/Paris; leave it out for the company's. Do not use it for
    dates that stand in documents.
    """
    clock = context.resource(Clock)
    name = time_zone.strip() or clock.time_zone
    present = clock.now().astimezone(_zone(name))
    return ToolResult(
        {
            "date": present.date().isoformat(),
            "weekday": WEEKDAYS[present.weekday()],
            "time": present.strftime("%H:%M"),
            "time_zone": name,
            "utc_offset": present.strftime("%z"),
        }
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder, a path, a name too long
        raise ToolError(
            "There is no time zone of that name.", hint="for example Europe/Paris, America/New_York or UTC"
        ) from None
