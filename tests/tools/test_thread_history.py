"""What the model is given of a thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from agent.errors import ToolError
from agent.tools import ToolContext
from agent.types import Audience
from tools.thread_history import MAX_CHARS, ThreadMessage, ThreadPort, thread_history


@dataclass
class Thread:
    """Messages 0, 1, 2, … of a session."""

    n: int
    length: int = 10

    def messages(
        self, session_key: str, limit: int, deadline: float, audience: Audience
    ) -> Sequence[ThreadMessage]:
        assert (session_key, deadline) == ("slack:T:C:1.0", 9e9)
        every = [
            ThreadMessage(f"U{i}", "2026-03-01T09:00:00+00:00", f"{i} ".ljust(self.length, "x"))
            for i in range(self.n)
        ]
        return every[-limit:]


def read(thread: Thread, **arguments: Any) -> dict[str, Any]:
    context = ToolContext(Audience(), "slack:T:C:1.0", deadline=9e9, resources={ThreadPort: thread})
    return dict(thread_history.call(arguments, context).data)


def who(data: dict[str, Any]) -> list[str]:
    return [message["who"] for message in data["messages"]]


def test_the_whole_of_a_short_thread_is_given_oldest_first() -> None:
    data = read(Thread(3))
    assert who(data) == ["U0", "U1", "U2"]
    assert data["has_earlier"] is False
    assert data["messages"][0] == {
        "who": "U0",
        "said_at": "2026-03-01T09:00:00+00:00",
        "is_docent": False,
        "text": "0 xxxxxxxx",
    }


@pytest.mark.parametrize(("n", "limit", "has_earlier"), [(30, 30, False), (31, 30, True), (5, 2, True)])
def test_the_newest_of_a_long_one_and_that_there_is_more(n: int, limit: int, has_earlier: bool) -> None:
    data = read(Thread(n), limit=limit)
    assert who(data) == [f"U{i}" for i in range(n - limit, n)]
    assert data["has_earlier"] is has_earlier


def test_long_messages_leave_room_for_few() -> None:
    data = read(Thread(20, length=MAX_CHARS // 4))
    assert who(data) == ["U16", "U17", "U18", "U19"]
    assert data["has_earlier"] is True
    assert who(read(Thread(2, length=MAX_CHARS + 1))) == ["U1"]


def test_an_empty_thread_is_no_error() -> None:
    assert read(Thread(0)) == {"messages": [], "has_earlier": False}


@pytest.mark.parametrize("limit", [0, 101, "all"])
def test_the_limit_is_bounded(limit: Any) -> None:
    with pytest.raises(ToolError, match="limit"):
        read(Thread(1), limit=limit)
