"""How often the status below a thread is set while an answer is made."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.slack.client import SlackRefused
from bot.slack.replies.progress.status_line import StatusLine


@dataclass
class Thread:
    """Takes the place of the calls to Slack."""

    statuses: list[str] = field(default_factory=list)
    code: str = ""

    def set_status(self, text: str) -> None:
        self.statuses.append(text)
        if self.code:
            raise SlackRefused("assistant.threads.setStatus", self.code)


@pytest.mark.parametrize(
    ("steps", "statuses"),
    [
        ([(0, "a")], ["a"]),
        ([(0, "a"), (0.5, "b")], ["a"]),  # each is a call, and the answer may be there soon
        ([(0, "a"), (0.5, "b"), (1.0, None)], ["a", "b"]),
        ([(0, "a"), (0.5, "b"), (0.6, "c"), (1.0, None), (5, None)], ["a", "c"]),
        ([(0, "a"), (30, "a"), (59, None)], ["a"]),
        ([(0, "a"), (61, None), (100, None), (122, None)], ["a", "a", "a"]),  # Slack clears it after two minutes
        ([(0, "a"), (0.1, "cleared"), (90, None)], ["a"]),  # by a message, which says more
        ([(0, "a"), (0.1, "end"), (90, None)], ["a", ""]),
        ([(0, "end")], []),
    ],
)
def test_a_status_is_set_at_once_when_it_changed_and_before_slack_clears_it(
    steps: list[tuple[float, str | None]], statuses: list[str]
) -> None:
    thread, now = Thread(), [0.0]
    messages: Any = thread
    line = StatusLine(messages, clock=lambda: now[0])
    for at, what in steps:
        now[0] = at
        match what:
            case None:
                line.refresh()
            case "cleared":
                line.note_cleared()
            case "end":
                line.clear()
            case str():
                line.show(what)
    assert thread.statuses == statuses


def test_a_thread_that_takes_no_status_is_not_asked_each_time() -> None:
    thread = Thread(code="missing_scope")
    messages: Any = thread
    line = StatusLine(messages, clock=lambda: 0.0)
    line.show("a")
    line.show("b")
    assert thread.statuses == ["a"]
