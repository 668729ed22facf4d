"""❌ by the asker, on the question or the answer, stops an answer; nobody else's does."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from bot.jobs import wiring
from bot.simulator import ADA, GRACE, HELP
from bot.slack import listeners
from bot.slack.intake.events import STOP_EMOJI
from tests.bot.slack.docent import Docent
from tests.bot.slack.intake.test_editing import calling
from tests.scripted_model import Say

QUESTION = "How many days of annual leave can I carry over into the next year?"
OTHER = "How many days of annual leave does everybody have?"
LONG = Say("You can carry over 5 days [1]. " + "word " * 60, seconds=40)


@pytest.mark.parametrize("on", ["question", "answer"])
def test_a_mark_on_the_question_or_the_answer_stops_what_streams(docent: Docent, on: str) -> None:
    docent.model.script = lambda request: LONG
    ada, grace = docent.workspace.person(ADA), docent.workspace.person(GRACE)
    ts = ada.mention(HELP, QUESTION)

    def mark() -> None:
        (shown,) = docent.messages(HELP, ts)
        for person in (grace, ada):
            person.react(ts if on == "question" else shown.ts, STOP_EMOJI)
        docent.hear()

    docent.worker = replace(docent.worker, slack=calling(docent, "chat.appendStream", mark))
    docent.run()
    assert [reason for *_, reason in docent.turns()] == ["stopped"]
    (said,) = docent.replies(HELP, ts)
    assert "Stopped before the answer was complete." in said
    assert said.count("word") < 60


@pytest.mark.parametrize("method", ["conversations.replies", "conversations.info"])
def test_a_mark_is_heard_while_slack_is_asked_before_there_is_an_answer(docent: Docent, method: str) -> None:
    """For the thread, and for who sees the answer: Slack has not answered yet when the turn ends."""
    ada, called, go_on = docent.workspace.person(ADA), threading.Event(), threading.Event()
    root = ada.say(HELP, "Who knows?")
    ts = ada.mention(HELP, QUESTION, root)

    def wait() -> None:
        called.set()
        assert go_on.wait(120)

    slack = calling(docent, method, wait)
    docent.worker.leases.close()
    docent.worker = wiring.build(docent.worker.settings, docent.database, slack=slack)
    docent.hear()

    def mark() -> None:
        assert called.wait(120)
        ada.react(ts, STOP_EMOJI)
        docent.hear()

    marking = threading.Thread(target=mark)
    marking.start()
    docent.run()
    is_waiting = not go_on.is_set()
    go_on.set()
    marking.join()
    assert is_waiting
    assert [reason for *_, reason in docent.turns()] == ["stopped"]
    assert docent.replies(HELP, root)[-1].splitlines()[-1] == "Stopped."
    assert docent.model.requests == []


def test_a_question_that_waits_ends_at_once_and_its_asker_is_told(docent: Docent) -> None:
    ada, grace = docent.workspace.person(ADA), docent.workspace.person(GRACE)
    ts = ada.mention(HELP, QUESTION)
    theirs = grace.mention(HELP, QUESTION)
    docent.hear()
    for marked in (ts, theirs):
        ada.react(marked, STOP_EMOJI)
    docent.hear()
    assert [reason for *_, reason in docent.turns()] == ["stopped", None]
    assert docent.told(ADA) == [listeners.STOPPED_WAITING]
    docent.run()
    assert [len(docent.replies(HELP, one)) for one in (ts, theirs)] == [0, 1]


def test_a_mark_on_what_is_answered_or_no_question_does_nothing(docent: Docent) -> None:
    ada = docent.workspace.person(ADA)
    ts = ada.mention(HELP, QUESTION)
    lunch = ada.say(HELP, "Lunch?")
    docent.run()
    (answer,) = docent.messages(HELP, ts)
    for marked in (ts, answer.ts, lunch):
        ada.react(marked, STOP_EMOJI)
    docent.run()
    assert [reason for *_, reason in docent.turns()] == ["answered"]
    assert docent.told(ADA) == []


def test_a_mark_that_is_delivered_again_does_not_stop_what_began_again(docent: Docent) -> None:
    seen: list[Any] = []

    def script(request: dict[str, Any]) -> Say:
        if not seen:
            seen.append(True)
            docent.workspace.person(ADA).react(ts, STOP_EMOJI)
            docent.workspace.person(ADA).edit(ts, f"<@{docent.workspace.app.bot_user_id}> {OTHER}")
            reaction = docent.envelopes[0]
            docent.hear()
            docent.envelopes.append(reaction)
            docent.hear()
        return Say("You can carry over 5 days [1].")

    docent.model.script = script
    ts = docent.workspace.person(ADA).mention(HELP, QUESTION)
    docent.run()
    assert docent.turns() == [("mention", OTHER, "answered")]
