"""The web process dies between storing what people click and Slack: the clock does it, and it is seen once."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.record.care.unfinished import Unfinished
from bot.simulator import ADA, GRACE, HELP, SlackMessage
from bot.slack.client import SlackClient
from bot.slack.interactions.experts import correction_form, request_message
from bot.slack.interactions.experts.expert_desk import ExpertDesk
from bot.slack.interactions.experts.expert_listeners import ExpertListeners
from bot.slack.replies.closing import buttons
from tests.bot.slack.docent import CONTACT, Docent
from tests.scripted_model import Say

QUESTION = "How many days of annual leave can I carry over into the next year?"
RIGHT = "Six days, since May [1]."


class Died(BaseException):
    """The process is gone."""


class DyingClient(SlackClient):
    """Ends its thread in the first call of a method: before Slack hears of it, or before it hears of Slack."""

    def __init__(self, slack: SlackClient, method: str, *, is_done: bool) -> None:
        self.__dict__ |= slack.__dict__
        self._method, self._is_done, self.n_died = method, is_done, 0

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        if self.n_died or method == self._method:
            if self._is_done and not self.n_died:
                super().call(method, **arguments)
            self.n_died += 1
            raise Died
        return super().call(method, **arguments)


def ask(docent: Docent, answer: SlackMessage) -> None:
    docent.click(ADA, answer.ts, buttons.ASK_HUMAN)


def take(docent: Docent, answer: SlackMessage) -> None:
    docent.click(GRACE, docent.messages(HELP, str(answer.thread_ts))[1].ts, request_message.TAKE)


def resolve(docent: Docent, answer: SlackMessage) -> None:
    docent.click(GRACE, docent.messages(HELP, str(answer.thread_ts))[1].ts, request_message.RESOLVE)


def correct(docent: Docent, answer: SlackMessage) -> None:
    docent.click(GRACE, answer.ts, buttons.CORRECT)
    written = {correction_form.QUESTION: QUESTION, f"{correction_form.ANSWER}_0": RIGHT}
    assert docent.submit(GRACE, {name: {name: value} for name, value in written.items()}) in (None, {})


Click = Callable[[Docent, SlackMessage], None]


def die_in(docent: Docent, method: str, click: Callable[[], None], *, is_done: bool) -> None:
    """Clicks, and lets the process die in what comes of it; another one is there afterwards."""
    dying, living = DyingClient(docent.slack, method, is_done=is_done), docent.experts
    docent.experts = ExpertDesk(docent.database, dying, docent.directory)
    docent.people = ExpertListeners(docent.intake, docent.experts, CONTACT)
    click()
    assert dying.n_died
    docent.experts.close()
    docent.experts, docent.people = living, ExpertListeners(docent.intake, living, CONTACT)


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize(
    ("before", "click", "method", "says"),
    [
        ([], ask, "chat.postMessage", f"<@{ADA}> needs a person's answer here"),
        ([ask], take, "chat.update", request_message.TAKEN.format(taker=GRACE)),
        ([ask], resolve, "chat.update", request_message.RESOLVED.format(resolver=GRACE)),
        ([], correct, "chat.update", f"<@{ADA}> Grace Okafor has corrected the answer above."),
        ([], correct, "chat.postMessage", f"<@{ADA}> Grace Okafor has corrected the answer above."),
        ([], correct, "chat.getPermalink", f"<@{ADA}> Grace Okafor has corrected the answer above."),
    ],
)
@pytest.mark.usefixtures("experts")
def test_what_was_clicked_is_done_once(  # noqa: PLR0917
    docent: Docent, clock: Unfinished, before: list[Click], click: Click, method: str, says: str, is_done: bool
) -> None:
    docent.model.script = lambda request: Say("You can carry over 5 days [1].")
    ts = docent.workspace.person(ADA).mention(HELP, QUESTION)
    docent.run()
    (answer,) = docent.messages(HELP, ts)
    for earlier in before:
        earlier(docent, answer)
    die_in(docent, method, lambda: click(docent, answer), is_done=is_done)
    for _ in range(2):
        clock.finish(seconds=0)
    first, second = docent.messages(HELP, ts)
    assert says in second.plain
    assert first.ts == answer.ts
    assert ("Six days, since May" in first.plain) == (click is correct)
    n_written = [len(docent.workspace.calls_of(method)) for method in ("chat.postMessage", "chat.update")]
    clock.finish(seconds=0)
    assert [len(docent.workspace.calls_of(method)) for method in ("chat.postMessage", "chat.update")] == n_written


@pytest.mark.parametrize("click", [take, resolve])
@pytest.mark.usefixtures("experts")
def test_a_click_on_a_message_of_which_slacks_answer_was_never_heard_is_seen(docent: Docent, click: Click) -> None:
    """The message is found, and says what is so now."""
    ts = docent.workspace.person(ADA).mention(HELP, QUESTION)
    docent.run()
    (answer,) = docent.messages(HELP, ts)
    die_in(docent, "chat.postMessage", lambda: ask(docent, answer), is_done=True)
    click(docent, answer)
    (_, request) = docent.messages(HELP, ts)
    form = request_message.TAKEN.format(taker=GRACE) if click is take else request_message.RESOLVED
    assert form.format(resolver=GRACE) in request.plain
