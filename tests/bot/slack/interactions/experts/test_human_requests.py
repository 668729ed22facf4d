"""A person instead: experts are tagged, one takes it, it is closed; and what happens where there are none."""

import threading
from typing import Any, cast
from uuid import UUID

import pytest

from bot.record.care.unfinished import Unfinished
from bot.simulator import ADA, GRACE, HELP, LINUS, FaultRule, SlackMessage
from bot.slack.interactions.experts import expert_listeners, human_requests, request_message
from bot.slack.replies.closing import buttons
from tests.bot.slack.docent import CONTACT, Docent
from tests.bot.slack.interactions.experts.conftest import GROUP, SetChannel
from tests.scripted_model import Say

QUESTION = "How many days of annual leave can I carry over into the next year?"
NOTHING = Say("[not in the documents]\nThe documents do not say.")
ONLY_CLOSE = Say(
    "[not in the documents]\nI found nothing about this in the documents. The closest one is Annual leave [1]."
)


def list_labels(message: SlackMessage) -> list[tuple[str, str]]:
    """What the ordinary buttons of a message say, and their style."""
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [(one["text"]["text"], one.get("style", "")) for row in rows for one in row if one["type"] == "button"]


def ask(docent: Docent, user: str = ADA, question: str = QUESTION) -> tuple[str, SlackMessage]:
    """Asks in the channel; returns the thread and the answer."""
    ts = docent.workspace.person(user).mention(HELP, question)
    docent.run()
    return ts, docent.messages(HELP, ts)[-1]


def hear(docent: Docent, user: str) -> str:
    """What only this person was told last."""
    return docent.workspace.ephemerals(user)[-1].plain


def press_late(docent: Docent, user: str, action_id: str) -> None:
    """Presses a button that the message has had a moment ago."""
    id_, channel, team = docent.query("SELECT id, channel, team FROM human_requests")[0]
    answer = docent.workspace.history(channel)[-1]
    url = docent.workspace.response_urls.issue(channel, user, answer.ts)
    body = {"team": {"id": team}, "channel": {"id": channel}, "user": {"id": user}, "response_url": url}
    listener = docent.people.on_take if action_id == request_message.TAKE else docent.people.on_resolve
    listener(cast(Any, lambda: None), body, {"value": str(id_)})
    docent.settle()


@pytest.mark.usefixtures("experts")
def test_experts_are_tagged_one_takes_it_and_it_is_closed(docent: Docent) -> None:
    """Nobody takes what was taken, nor what they asked; meanwhile replies are for that person, not for the bot."""
    docent.workspace.set_group(GROUP, [LINUS])
    ts, answer = ask(docent)
    assert ("Ask a human", "") in list_labels(answer)
    n_turns = len(docent.query("SELECT id FROM turns"))
    for _ in range(2):
        docent.click(ADA, answer.ts, buttons.ASK_HUMAN)
    assert hear(docent, ADA) == expert_listeners.ASKED_BEFORE
    (request,) = docent.messages(HELP, ts)[1:]
    assert f"<@{GRACE}> <!subteam^{GROUP}>" in request.plain
    assert list_labels(request) == [("I take this", "primary"), ("Resolved", "")]

    docent.click(ADA, request.ts, request_message.TAKE)
    assert hear(docent, ADA) == expert_listeners.OWN
    docent.click(GRACE, request.ts, request_message.TAKE)
    press_late(docent, LINUS, request_message.TAKE)
    assert hear(docent, LINUS) == expert_listeners.TAKEN.format(taker=GRACE)
    taken = docent.messages(HELP, ts)[1]
    assert taken.plain.startswith(request_message.TAKEN.format(taker=GRACE))
    assert [label for label, _ in list_labels(taken)] == ["Resolved", "Write the answer"]
    docent.workspace.person(ADA).say(HELP, "Is it five, or more with a reason?", ts)
    docent.run()
    assert len(docent.query("SELECT id FROM turns")) == n_turns

    docent.click(GRACE, request.ts, request_message.RESOLVE)
    press_late(docent, LINUS, request_message.RESOLVE)
    assert hear(docent, LINUS) == expert_listeners.CLOSED.format(resolver=GRACE)
    closed = docent.messages(HELP, ts)[1]
    assert request_message.RESOLVED.format(resolver=GRACE) in closed.plain
    assert [label for label, _ in list_labels(closed)] == ["Write the answer"]
    docent.workspace.person(ADA).say(HELP, "And how many of sick leave?", ts)
    docent.run()
    assert len(docent.query("SELECT id FROM turns")) == n_turns + 1


@pytest.mark.parametrize(
    ("experts", "contact", "line", "expected"),
    [
        ([GRACE], "", None, ("Ask a human", "")),
        ([GRACE], "", NOTHING, ("Ask a human", "primary")),
        (None, CONTACT, None, ("Ask a human", "")),
        (None, CONTACT, NOTHING, None),  # the notice says whom to ask
        (None, "", None, None),
        (None, "", NOTHING, None),
    ],
)
def test_the_button_is_there_where_somebody_can_be_asked(  # noqa: PLR0917
    docent: Docent,
    set_channel: SetChannel,
    experts: list[str] | None,
    contact: str,
    line: Say | None,
    expected: tuple[str, str] | None,
) -> None:
    docent.set_contact(contact)
    if experts:
        set_channel(experts=experts)
    if line:
        docent.model.script = lambda request: line
    _, answer = ask(docent)
    labels = list_labels(answer)
    assert [one for one in labels if one[0] == "Ask a human"] == ([expected] if expected else [])
    if line and expected:
        assert labels[0] == expected
    if expected and not experts:
        docent.click(ADA, answer.ts, buttons.ASK_HUMAN)
        assert hear(docent, ADA) == f"For this, ask {CONTACT}."
        assert docent.query("SELECT id FROM human_requests") == []


@pytest.mark.parametrize(("line", "is_shown_by_clock"), [(NOTHING, False), (NOTHING, True), (ONLY_CLOSE, False)])
@pytest.mark.usefixtures("experts")
def test_an_unanswered_question_asks_people_by_itself_where_the_channel_wants_so(
    docent: Docent, set_channel: SetChannel, clock: Unfinished, line: Say, is_shown_by_clock: bool
) -> None:
    """Once, whatever crashes; an answered one asks nobody."""
    set_channel(ask_human=True)
    ts, _ = ask(docent)
    assert len(docent.messages(HELP, ts)) == 1
    docent.model.script = lambda request: line
    if is_shown_by_clock:  # Slack takes the answer, and nothing after it
        is_request = FaultRule("status", "chat.postMessage", when=lambda call: request_message.EVENT in str(call))
        docent.workspace.faults.add(is_request)
    ts, answer = ask(docent, LINUS, "How many days of leave can the office cat carry over?")
    assert "Ask a human" not in {label for label, _ in list_labels(answer)}
    docent.workspace.faults.clear()
    for _ in range(2):
        clock.finish(seconds=0)
    (request,) = docent.messages(HELP, ts)[1:]
    assert f"<@{LINUS}> needs a person's answer here" in request.plain
    assert len(docent.query("SELECT id FROM human_requests")) == 1


@pytest.mark.usefixtures("experts")
def test_who_alone_has_seen_the_answer_asks_people_in_the_channel(docent: Docent) -> None:
    """After a confirmation that says so; the bot's answer stays theirs."""
    docent.model.script = lambda request: NOTHING
    docent.ask_by_command(ADA, HELP, "Who feeds the office cat?")
    answer = docent.workspace.ephemerals(ADA)[-1]
    (button,) = (
        one
        for block in answer.blocks
        if block["type"] == "actions"
        for one in block["elements"]
        if one["action_id"] == buttons.ASK_HUMAN
    )
    assert button["confirm"]["text"]["text"] == buttons.ASK_TEXT
    docent.click(ADA, answer.ts, buttons.ASK_HUMAN)
    (posted,) = [m for m in docent.workspace.history(HELP) if m.user == docent.workspace.app.bot_user_id]
    assert f"<@{ADA}> needs a person's answer here" in posted.plain
    assert "Who feeds the office cat?" in posted.plain
    assert "do not say" not in posted.plain


def test_a_request_that_slack_never_takes_is_given_up(
    docent: Docent, clock: Unfinished, set_channel: SetChannel
) -> None:
    set_channel(experts=[GRACE])
    ts, answer = ask(docent)
    docent.workspace.faults.error("chat.postMessage", "restricted_action", times=None)
    docent.click(ADA, answer.ts, buttons.ASK_HUMAN)
    for _ in range(human_requests.MAX_FAILURES + 3):
        clock.finish(seconds=0)
    n_tried = len(docent.workspace.calls_of("chat.postMessage"))
    clock.finish(seconds=0)
    assert len(docent.workspace.calls_of("chat.postMessage")) == n_tried
    assert len(docent.messages(HELP, ts)) == 1
    assert hear(docent, ADA) == expert_listeners.NOT_ASKED.format(experts=f"<@{GRACE}>")
    docent.workspace.faults.clear()
    docent.click(ADA, answer.ts, buttons.ASK_HUMAN)  # which is not taken for one that was asked
    assert f"<@{ADA}> needs a person's answer here" in docent.messages(HELP, ts)[1].plain


@pytest.mark.usefixtures("experts")
def test_a_late_click_quietens_no_thread_whose_request_is_closed(docent: Docent) -> None:
    ts, answer = ask(docent)
    docent.click(ADA, answer.ts, buttons.ASK_HUMAN)
    request = docent.messages(HELP, ts)[1]
    for action_id in (request_message.TAKE, request_message.RESOLVE):
        docent.click(GRACE, request.ts, action_id)
    press_late(docent, GRACE, request_message.TAKE)
    docent.workspace.person(ADA).say(HELP, "And how many of sick leave?", ts)
    docent.run()
    assert len(docent.query("SELECT id FROM turns")) == 2


@pytest.mark.usefixtures("experts")
def test_two_clicks_at_once_below_two_answers_of_a_thread_ask_once(docent: Docent) -> None:
    ts, _ = ask(docent)
    docent.workspace.person(ADA).say(HELP, "And how many of sick leave?", ts)
    docent.run()
    one, other = (row[0] for row in docent.query("SELECT id FROM turns ORDER BY id"))
    place = {"team": docent.workspace.app.team_id, "channel": HELP, "thread_ts": ts, "asked_by": ADA}
    stored: list[UUID | None] = []

    def click() -> None:
        with docent.database.transaction() as transaction:
            stored.append(human_requests.store(transaction, other, **place))

    second = threading.Thread(target=click)
    with docent.database.transaction() as transaction:
        stored.append(human_requests.store(transaction, one, **place))
        second.start()
        second.join(0.5)  # it waits for the first one
    second.join()
    assert [bool(id_) for id_ in stored] == [True, False]


def test_the_ids_of_buttons_are_read_whatever_they_hold() -> None:
    values: list[Any] = ["", None, "x", 7]
    assert [request_message.parse_value(value) for value in values] == [None] * 4
