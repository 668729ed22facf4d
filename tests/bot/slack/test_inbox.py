"""Who sees what is answered where."""

from typing import Any

import pytest

from bot.slack.inbox import ReplyAddress

CHANNEL, PERSON = "channel:C1", "user:U1"


@pytest.mark.parametrize(
    ("place", "principals"),
    [
        ({"ts": "1.1", "thread_ts": "1.1"}, {CHANNEL}),
        ({"ts": "2.1", "thread_ts": "1.1", "asker_team_id": "T2"}, {CHANNEL}),
        ({"ts": "1.1", "thread_ts": "1.1", "is_direct": True}, {CHANNEL, PERSON}),
        ({"ts": "2.1", "thread_ts": "1.1", "is_direct": True}, {CHANNEL, PERSON}),
        ({"response_url": "https://hooks.example/1"}, {CHANNEL, PERSON}),
    ],
    ids=["a channel", "a thread, from another company", "a direct message", "its thread", "a command"],
)
def test_an_answer_is_for_whoever_sees_it(place: dict[str, Any], principals: set[str]) -> None:
    (member,) = ReplyAddress(team_id="T1", channel="C1", user_id="U1", **place).audience.members
    assert member == {"everyone", *principals}
