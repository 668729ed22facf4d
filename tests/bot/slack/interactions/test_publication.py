"""What becomes of an answer that is posted in parts."""

from dataclasses import replace
from typing import Any, cast

import pytest

from agent.errors import ReplyError
from agent.store.database import Database
from agent.translation.languages import SPOKEN
from agent.translation.speech import say_in
from agent.turn import notices
from agent.types import Audience, EndReason
from bot.slack.client import SlackRefused, SlackUnavailable
from bot.slack.interactions import publication
from bot.slack.membership import audience
from bot.slack.reading import question_reader
from tests.bot.slack.interactions.recorded import record


class Everybody:
    """Takes the place of the lookups: all may read it, and the asker is a member."""

    def of_reader(self, name: str) -> Audience:
        return Audience()

    def is_member(self, channel_id: str, user_id: str) -> bool:
        return True


class Posts:
    """Takes the place of Slack: takes so many posts, and then fails once."""

    def __init__(self, n_taken: int, error: ReplyError) -> None:
        self.n_posted, self._n_taken, self._error = 0, n_taken, error
        self.posted: list[str] = []

    def call(self, method: str, **arguments: Any) -> dict[str, str]:
        if self.n_posted == self._n_taken:
            self._n_taken = -1
            raise self._error
        self.n_posted += 1
        self.posted.append(str(arguments))
        return {"ts": f"{self.n_posted}.1"}


@pytest.mark.parametrize(
    ("notice", "said"),
    [
        ("I could not read layoffs.xlsx.", ""),
        (
            f"{notices.BY_REASON[EndReason.TIME]} I cannot read layoffs.png: only text, and text files.",
            "ran out of",
        ),
        ("Your budget for today is used up. This answer may be incomplete.", "This answer may be incomplete."),
        (f"{publication.CORRECTION} Corrected by Grace on 3 May.", "Corrected by Grace"),
        (audience.MIXED, ""),
    ],
)
def test_what_was_said_to_the_asker_alone_is_not_published(database: Database, notice: str, said: str) -> None:
    posts, recorded = Posts(9, SlackRefused("chat.postMessage", "never")), record("Seven percent.")
    recorded = replace(recorded, notice=notice)
    publication.publish(database, cast(Any, posts), cast(Any, Everybody()), recorded, user_id="U1", channel="C1")
    (posted,) = posts.posted
    assert said in posted
    assert not any(told in posted for told in ("layoffs", "Your budget", audience.MIXED))


@pytest.mark.parametrize(
    "error",
    [
        SlackUnavailable("chat.postMessage", may_have_happened=False),
        SlackRefused("chat.postMessage", "is_archived"),
    ],
)
@pytest.mark.parametrize("n_taken", [0, 1])
def test_an_answer_of_which_a_part_was_posted_is_not_posted_again(
    database: Database, error: ReplyError, n_taken: int
) -> None:
    slack, recorded = Posts(n_taken, error), record("Seven percent. " * 2_000)

    def publish() -> str:
        return publication.publish(
            database, cast(Any, slack), cast(Any, Everybody()), recorded, user_id="U1", channel="C1"
        )

    first = publish()
    assert (first == publication.IN_PART.format(channel="C1")) == (n_taken == 1)
    n_posted = slack.n_posted
    assert n_posted == n_taken
    again = publish()
    if n_taken:
        assert again == publication.ALREADY.format(channel="C1")
        assert slack.n_posted == n_posted
    else:
        assert again == publication.DONE.format(channel="C1")


@pytest.mark.parametrize("language", SPOKEN)
def test_what_is_said_to_all_of_a_notice_is_known_in_whatever_language_it_was_said(language: str) -> None:
    said = say_in(language, notices.QUOTED)
    private = say_in(language, question_reader.NOT_READ, what="layoffs.xlsx")
    assert publication.choose_notice(f"{said} {private}") == said
