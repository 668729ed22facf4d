"""What owners hear of their documents: the passage, the question where they may read it, a few times a day."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from agent.clock import now
from bot.record.care import owner_messages, unfinished
from bot.record.care.unfinished import Unfinished
from bot.simulator import ADA, GRACE, HELP, HR, LINUS
from bot.slack.interactions.feedback import feedback_form
from ingest.access import reader_sets
from tests.bot.slack.docent import Docent

QUESTION = "How many days of annual leave can I carry over into the next year?"
Report = Callable[..., dict[str, Any]]


@pytest.fixture
def clock(docent: Docent) -> Unfinished:
    return unfinished.build(docent.database, docent.slack)


@pytest.fixture
def report(docent: Docent) -> Report:
    """Asks, rates the answer down and ticks its source; returns what is said then."""

    def send(
        *, user: str = ADA, channel: str = HELP, kind: str = "outdated", comment: str = "", source: int = 0
    ) -> dict[str, Any]:
        ts = docent.workspace.person(user).mention(channel, QUESTION)
        docent.run()
        (reply,) = docent.messages(channel, ts)
        docent.click(user, reply.ts, feedback_form.ACTION, "negative")
        (modal,) = docent.workspace.person(user).modals()
        (options,) = (b["element"]["options"] for b in modal["blocks"] if b.get("block_id") == kind)
        chosen = {"type": "checkboxes", "selected_options": [options[source]]}
        body = docent.submit(user, {kind: {kind: chosen}, "comment": {"comment": comment or None}})
        docent.workspace.person(user).close(docent.workspace.person(user).modals()[0]["id"])
        return dict(body["view"])

    return send


def hear(docent: Docent, user: str) -> list[str]:
    """What the bot wrote to somebody."""
    dm = docent.workspace.person(user).dm
    return [m.plain for m in docent.workspace.history(dm) if m.user == docent.workspace.app.bot_user_id]


def own(docent: Docent, owner: str) -> None:
    (name,) = {row[0] for row in docent.query("SELECT source FROM documents")}
    docent.owners[name] = owner


def test_the_owner_hears_what_is_said_with_the_passage_and_the_question_and_the_giver_whom_it_reaches(
    docent: Docent, clock: Unfinished, report: Report
) -> None:
    own(docent, GRACE)
    said = report(comment="It is seven days now.")
    assert f"<@{GRACE}> looks after it" in str(said)
    (rating,) = docent.query("SELECT rating, comment FROM feedback")
    assert tuple(rating) == (-1, "It is seven days now.")
    for _ in range(2):
        clock.finish(seconds=0)
    (heard,) = hear(docent, GRACE)
    for part in ("Leave", "out of date", f"<@{ADA}>", "5 days of annual leave", QUESTION, "seven days now"):
        assert part in heard
    assert "handbook.example/leave" in heard


@pytest.mark.parametrize(("channel", "names_question"), [(HELP, True), (HR, False)])
def test_a_question_from_where_the_owner_is_not_stays_there(
    docent: Docent, clock: Unfinished, report: Report, channel: str, names_question: bool
) -> None:
    own(docent, LINUS)
    report(channel=channel, comment="as our plan says")
    clock.finish(seconds=0)
    (heard,) = hear(docent, LINUS)
    assert "5 days of annual leave" in heard
    for part in (QUESTION, f"<@{ADA}>", "as our plan says"):
        assert (part in heard) is names_question


def test_one_owner_gets_a_few_messages_a_day_and_the_rest_in_one_the_next_day(
    docent: Docent, clock: Unfinished, report: Report
) -> None:
    own(docent, GRACE)
    for n in range(owner_messages.MAX_A_DAY + 3):
        report(user=(ADA, LINUS)[n % 2], kind=("wrong", "outdated")[n % 2])
        clock.finish(seconds=0)
    assert len(hear(docent, GRACE)) == owner_messages.MAX_A_DAY
    clock.owners.send(now() + timedelta(days=1))
    *_, digest = hear(docent, GRACE)
    assert len(hear(docent, GRACE)) == owner_messages.MAX_A_DAY + 1
    assert digest.count("• ") == 3


@pytest.mark.parametrize("why", ["nobody", "not a reader", "gone"])
def test_what_no_owner_can_be_told_is_in_the_operators_report(
    docent: Docent, clock: Unfinished, report: Report, why: str
) -> None:
    if why != "nobody":
        own(docent, LINUS if why == "not a reader" else "U0NOWHERE1")
    said = report(kind="wrong")
    assert ("nobody is named as its owner" in str(said)) is (why == "nobody")
    if why == "not a reader":
        with docent.database.transaction() as transaction:
            access_id = reader_sets.store_readers(transaction, reader_sets.one_of({f"user:{ADA}"}))
            transaction.execute(text("UPDATE documents SET access_id = :id"), {"id": access_id})
    clock.finish(seconds=0)
    assert hear(docent, LINUS) == []
    assert [row[0] for row in docent.query("SELECT owner FROM source_reports")] == [""]
    assert [row[0] for row in docent.query("SELECT told_at FROM source_reports")] == [None]


def test_a_form_without_a_word_about_anything_is_returned(docent: Docent) -> None:
    ts = docent.workspace.person(ADA).mention(HELP, QUESTION)
    docent.run()
    docent.click(ADA, docent.messages(HELP, ts)[0].ts, feedback_form.ACTION, "negative")
    assert docent.submit(ADA, {})["response_action"] == "errors"
    assert docent.query("SELECT id FROM source_reports") == []
