"""A question is asked at the times that somebody set, and answered for everybody where that was set up."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from agent.store import budgets
from agent.types import EndReason
from bot.jobs import answering
from bot.simulator import ADA, GENERAL, GRACE, HELP, HR, LINUS, FaultRule
from bot.slack.channels import channel_settings
from bot.slack.client import SlackClient
from bot.slack.intake.scheduled import command, rows
from bot.slack.intake.scheduled.rows import Bounds
from bot.slack.membership import changes
from tests.bot.slack.docent import Docent
from tests.bot.slack.intake.scheduled.conftest import OPERATOR, Scheduling
from tests.scripted_model import Fail, Say

QUESTION = "How many days of annual leave can I carry over into the next year?"
FIVE = Say("You can carry over 5 days of annual leave [1].")
SAME = Say("At most 5 days of annual leave can be carried over [1].")
SIX = Say("You can carry over 6 days of annual leave [1].")


def change_documents(docent: Docent) -> None:
    """As a sync does that finds each one changed."""
    docent.query("UPDATE documents SET content_hash = md5(content_hash) RETURNING 1")


def test_a_question_is_asked_at_its_time_in_its_setters_zone_and_answered_there(
    docent: Docent, scheduling: Scheduling
) -> None:
    said = scheduling.command(GRACE, f"weekday 8:30 {QUESTION}")  # of New York
    assert "every weekday at 8:30 (America/New_York), for the first time on Thursday, 4 June" in said
    assert f"> {QUESTION}" in said
    assert scheduling.pass_until("2026-06-04T12:29") == 0
    assert scheduling.pass_until("2026-06-04T12:30") == 1
    (post,) = scheduling.posts()
    assert QUESTION in post
    assert "every weekday at 8:30" in post
    assert "5 days" in post
    assert "Sources:" in post
    assert docent.turns() == [("scheduled", QUESTION, "answered")]
    assert scheduling.pass_until("2026-06-04T12:40") == 0
    shown = {call.method for call in docent.workspace.calls if call.method.startswith(("chat.", "assistant."))}
    assert shown == {"chat.postMessage"}  # no status, no stream: nobody waits


@pytest.mark.parametrize(
    ("then", "is_changed", "n_posts"),
    [
        (FIVE, False, 1),
        (SAME, False, 1),  # in other words
        (SIX, False, 2),  # an answer may change with the day, as a rota's does
        (Say("You cannot carry over 5 days of annual leave [1]."), False, 2),
        (FIVE, True, 1),  # another passage of the document was changed
        (SAME, True, 2),
        (SIX, True, 2),
        (Fail(500), False, 1),  # quoted from the documents as they were
    ],
)
def test_an_answer_that_brings_nothing_new_is_not_posted(
    docent: Docent, scheduling: Scheduling, then: Any, is_changed: bool, n_posts: int
) -> None:
    docent.model.script = lambda request: FIVE
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    scheduling.pass_until("2026-06-04T09:00")
    docent.model.script = lambda request: then
    if is_changed:
        change_documents(docent)
    assert scheduling.pass_until("2026-06-05T09:00") == 1
    assert len(scheduling.posts()) == n_posts
    reasons = [reason for *_, reason in docent.turns()]
    assert (reasons[1] == EndReason.UNCHANGED) == (n_posts == 1)
    assert all(answer for (answer,) in docent.query("SELECT answer FROM turns"))  # the record has it


def test_what_is_posted_begins_a_thread_in_which_people_ask_on(docent: Docent, scheduling: Scheduling) -> None:
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    scheduling.pass_until("2026-06-04T09:00")
    (root,) = [m for m in docent.workspace.history(HELP) if m.user == docent.workspace.app.bot_user_id]
    docent.workspace.person(ADA).say(HELP, "And how many weeks is that?", root.ts)  # who set it up
    docent.workspace.person(GRACE).mention(HELP, "And sick leave?", root.ts)
    docent.run()
    assert len(docent.messages(HELP, root.ts)) == 3
    assert {key for (key,) in docent.query("SELECT key FROM sessions")} == {
        f"slack:{docent.workspace.app.team_id}:{HELP}:{root.ts}"
    }
    assert QUESTION in str(docent.model.requests[-1]["messages"])  # as what was said before
    scheduling.pass_until("2026-06-05T09:00")  # says the same
    assert len(scheduling.posts()) == 1


def test_each_time_is_asked_once_by_two_clocks_and_a_stopped_clock_makes_up_for_one(
    docent: Docent, scheduling: Scheduling
) -> None:
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    scheduling.moment = scheduling.moment.replace(hour=9)
    with docent.database.transaction() as transaction:
        due = rows.list_due(transaction, scheduling.moment, limit=9)
    clocks = [scheduling.asking(), scheduling.asking()]
    for clock in clocks:  # both have read that it is due
        clock._try(clock._ask, due[0])
    docent.run()
    assert len(docent.turns()) == 1
    assert scheduling.pass_until("2026-06-08T10:00") == 1  # four were missed
    assert scheduling.pass_until("2026-06-08T23:00") == 0
    ((next_at,),) = docent.query("SELECT next_at FROM scheduled_questions")
    assert f"{next_at:%m-%d %H:%M}" == "06-09 08:00"  # London is an hour ahead


def test_the_audience_is_the_channels_and_never_the_setters(
    docent: Docent, scheduling: Scheduling, tmp_path: Path
) -> None:
    """What Ada alone may read is not said to #help by a question of hers."""
    with docent.database.transaction() as transaction:
        transaction.execute(text("UPDATE reader_sets SET principals = :p"), {"p": f'["user:{ADA}"]'})
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    ada = docent.workspace.person(ADA)
    scheduling.command(ADA, f"day 9:00 {QUESTION}", ada.dm)
    nothing = Say("[not in the documents]\nThey do not say.")
    docent.model.script = lambda request: FIVE if "at most 5 days" in str(request["messages"]) else nothing
    scheduling.pass_until("2026-06-04T09:00")
    (here,), (directly,) = scheduling.posts(), scheduling.posts(ada.dm)
    assert "5 days" not in here
    assert "Sources:" not in here
    assert "5 days" in directly
    assert docent.workspace.ephemerals(ADA) == []  # and nothing is offered to her there


def test_the_channel_pays_and_no_person(docent: Docent, scheduling: Scheduling) -> None:
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    scheduling.pass_until("2026-06-04T09:00")
    assert {scope for (scope,) in docent.query("SELECT scope FROM budgets")} == {"channel", "workspace"}
    with docent.database.transaction() as transaction:
        assert budgets.lapse(transaction) == 0


def test_there_are_only_so_many_in_a_channel_and_in_the_workspace(scheduling: Scheduling) -> None:
    for n in range(2):
        assert f"remove {n + 1}" in scheduling.command(ADA, f"day 9:0{n} {QUESTION}")
    assert "2 scheduled questions here already" in scheduling.command(ADA, f"day 10:00 {QUESTION}")
    assert "remove 1`" in scheduling.command(ADA, f"day 9:00 {QUESTION}", GENERAL)
    assert "DOCENT_SCHEDULED_PER_WORKSPACE" in scheduling.command(ADA, f"day 10:00 {QUESTION}", GENERAL)
    scheduling.command(ADA, "remove 1")
    assert "remove 3`" in scheduling.command(ADA, f"day 10:00 {QUESTION}")  # a number means one question
    scheduling.bounds = Bounds(0, 100)
    assert "switched that off" in scheduling.command(ADA, f"day 10:00 {QUESTION}")


def test_a_list_shows_them_and_who_set_one_up_or_looks_after_docent_removes_it(scheduling: Scheduling) -> None:
    assert "No question is scheduled here" in scheduling.command(ADA, "list")
    scheduling.command(ADA, f"monday 9:00 in German {QUESTION} <!channel> *now*")
    scheduling.command(GRACE, "weekday 8:30 Who is on call?")
    listed = scheduling.command(LINUS, "")
    assert "1. every Monday at 9:00 (Europe/London)" in listed
    assert "next on Monday, 8 June" in listed
    assert "(in German)" in listed
    assert "<!channel>" not in listed
    assert "2. every weekday at 8:30 (America/New_York)" in listed
    assert f"Only <@{GRACE}>" in scheduling.command(ADA, "remove 2")
    assert "no scheduled question 7 here" in scheduling.command(ADA, "remove 7")
    assert "by its number" in scheduling.command(ADA, "remove the first")
    assert "It is not paused" in scheduling.command(ADA, "resume 1")
    assert scheduling.command(OPERATOR, "remove 2").startswith("Removed")
    assert scheduling.command(ADA, "remove 1.").startswith("Removed")
    assert "No question is scheduled here" in scheduling.command(ADA, "list")
    assert scheduling.pass_until("2026-06-08T12:00") == 0


def test_a_language_is_asked_for(docent: Docent, scheduling: Scheduling) -> None:
    scheduling.command(ADA, f"day 9:00 in German {QUESTION}")
    scheduling.pass_until("2026-06-04T09:00")
    assert docent.prompt().count("Please answer in German.") == 1


def leave_company(docent: Docent) -> None:
    docent.workspace.change_user(replace(docent.workspace.person(ADA).user, deleted=True))


def leave_channel(docent: Docent) -> None:
    docent.workspace.leave(HELP, ADA)
    changes.store(docent.database, {"type": "member_left_channel", "channel": HELP, "user": ADA})


def archive(docent: Docent) -> None:
    docent.workspace.directory.find_channel(HELP).is_archived = True


def take_out(docent: Docent) -> None:
    docent.workspace.directory.find_channel(HELP).members.remove(docent.workspace.app.bot_user_id)


@pytest.mark.parametrize(
    ("happens", "said_in", "says"),
    [
        (leave_company, HELP, "has left the workspace"),
        (leave_channel, HELP, "is not in this channel any more"),
        (archive, "", "the channel is archived"),
        (take_out, "", "I am not in the channel any more"),
    ],
)
def test_a_question_whose_setter_or_channel_is_gone_is_paused_and_that_is_said_once(
    docent: Docent, scheduling: Scheduling, happens: Callable[[Docent], None], said_in: str, says: str
) -> None:
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    dm = docent.workspace.person(ADA).dm
    happens(docent)
    for day in (4, 5, 6):
        assert scheduling.pass_until(f"2026-06-0{day}T09:00") == 0
    told, elsewhere = scheduling.posts(said_in or dm), scheduling.posts(dm if said_in else HELP)
    assert (len(told), elsewhere) == (1, [])
    assert says in told[0]
    assert "every day at 9:00" in told[0]
    assert docent.turns() == []


def test_a_paused_question_goes_on_once_its_channel_is_back(docent: Docent, scheduling: Scheduling) -> None:
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    take_out(docent)
    scheduling.pass_until("2026-06-04T09:00")
    assert "⏸" in scheduling.command(ADA, "list")
    assert "Invite me" in scheduling.command(ADA, "resume 1")
    docent.workspace.join(HELP, docent.workspace.app.bot_user_id)
    assert "every day at 9:00, next on Friday, 5 June" in scheduling.command(ADA, "resume 1")
    assert scheduling.pass_until("2026-06-05T09:00") == 1
    assert len(scheduling.posts()) == 1


def test_anybody_may_clear_away_what_nobody_asks_for_any_more(docent: Docent, scheduling: Scheduling) -> None:
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    leave_company(docent)
    scheduling.pass_until("2026-06-04T09:00")
    assert f"Only <@{ADA}>" in scheduling.command(LINUS, "resume 1")
    assert scheduling.command(LINUS, "remove 1").startswith("Removed")


def test_where_slack_refuses_the_post_the_question_is_paused_and_its_setter_is_told(
    docent: Docent, scheduling: Scheduling
) -> None:
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    docent.workspace.faults.error("chat.postMessage", "restricted_action", times=1)
    scheduling.pass_until("2026-06-04T09:00")
    assert scheduling.posts() == []
    scheduling.pass_until("2026-06-05T09:00")
    (told,) = scheduling.posts(docent.workspace.person(ADA).dm)
    assert "Slack does not let me post there" in told
    assert "5 days" not in told  # the answer is for the channel


def test_while_slack_cannot_say_who_is_there_a_question_waits(docent: Docent, scheduling: Scheduling) -> None:
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    scheduling.command(GRACE, f"day 4:00 {QUESTION}", GENERAL)  # of New York: at the same time
    failing = docent.workspace.faults.fail("users.info", status=503, times=None)
    assert scheduling.pass_until("2026-06-04T09:00") == 0
    failing.times = 0
    assert scheduling.pass_until("2026-06-04T09:05") == 2


@pytest.mark.parametrize(
    ("channel", "user", "says"),
    [
        (HR, LINUS, "not a member"),
        ("C0NOWHERE01", ADA, "I am not in this"),
        ("D0OTHERS001", ADA, "I am not in this"),
    ],
)
def test_a_question_cannot_be_set_up_where_it_could_not_be_asked(
    scheduling: Scheduling, channel: str, user: str, says: str
) -> None:
    assert says in scheduling.command(user, f"day 9:00 {QUESTION}", channel)


def test_where_slack_is_away_or_an_order_is_not_understood_that_is_said(
    docent: Docent, scheduling: Scheduling
) -> None:
    assert "Did you mean monday?" in scheduling.command(ADA, f"mondy 9:00 {QUESTION}")
    assert "1,001 characters" in scheduling.command(ADA, "day 9:00 " + "x" * 1_001)
    docent.workspace.faults.fail("users.info", status=503, times=None)
    assert scheduling.command(ADA, f"day 9:00 {QUESTION}") == command.NOT_NOW


class Dying(BaseException):
    """The worker is gone."""


@pytest.mark.parametrize("is_done", [True, False])
def test_an_answer_is_posted_once_although_a_worker_dies_in_the_post(
    docent: Docent, scheduling: Scheduling, is_done: bool
) -> None:
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    slack = docent.worker.slack
    assert slack

    class DyingClient(SlackClient):
        def __init__(self) -> None:
            self.__dict__ |= slack.__dict__

        def call(self, method: str, **arguments: Any) -> dict[str, Any]:
            if method == "chat.postMessage":
                if is_done:
                    super().call(method, **arguments)
                raise Dying
            return super().call(method, **arguments)

    scheduling.moment = scheduling.moment.replace(hour=9)
    scheduling.asking().run()
    with pytest.raises(Dying):
        answering.work(replace(docent.worker, slack=DyingClient()), docent.woken.pop())
    docent.query("UPDATE turns SET lease_token = NULL, lease_until = NULL RETURNING 1")
    answering.work(docent.worker, docent.query("SELECT session_id FROM turns")[0][0])
    assert len(scheduling.posts()) == 1
    assert [reason for *_, reason in docent.turns()] == ["answered"]


def test_an_answer_in_parts_stands_in_one_thread(docent: Docent, scheduling: Scheduling) -> None:
    paragraphs = "\n\n".join(f"{n} days [1]. " + "x" * 900 for n in range(30))
    docent.model.script = lambda request: Say(paragraphs)
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    scheduling.pass_until("2026-06-04T09:00")
    (root,) = [m for m in docent.workspace.history(HELP) if not m.thread_ts]
    assert len(docent.workspace.thread(HELP, root.ts)) == 3
    assert {thread for (thread,) in docent.query("SELECT thread_ts FROM replies")} == {root.ts}


def test_a_question_that_can_never_be_asked_keeps_no_other_waiting(docent: Docent, scheduling: Scheduling) -> None:
    """Neither where Slack refuses to say who is there, nor where its answer makes no sense."""
    scheduling.bounds = Bounds(9, 9)
    scheduling.command(ADA, f"day 8:30 {QUESTION}")
    scheduling.command(LINUS, f"day 8:30 {QUESTION}")
    docent.query("UPDATE scheduled_questions SET next_at = next_at - interval '1 hour' WHERE n = 1 RETURNING 1")
    is_ada = FaultRule("error", "users.info", code="user_is_bot", when=lambda call: call.get("user") == ADA)
    docent.workspace.faults.add(is_ada)
    assert scheduling.pass_until("2026-06-05T16:00") == 1
    assert docent.query("SELECT paused FROM scheduled_questions ORDER BY n") == [("refused",), (None,)]


def test_what_another_release_or_machine_has_stored_is_no_obstacle(docent: Docent, scheduling: Scheduling) -> None:
    scheduling.command(ADA, f"day 8:30 {QUESTION}")
    scheduling.command(ADA, f"day 9:30 {QUESTION}")
    docent.query("UPDATE scheduled_questions SET time_zone = 'Mars/Olympus' WHERE n = 1 RETURNING 1")
    docent.query("UPDATE scheduled_questions SET paused = 'bored', is_pause_told = true WHERE n = 2 RETURNING 1")
    assert "Slack did not let me post here" in scheduling.command(ADA, "list")
    assert scheduling.pass_until("2026-06-05T16:00") == 1


def test_a_pause_is_told_once_although_slacks_answer_is_lost(docent: Docent, scheduling: Scheduling) -> None:
    scheduling.command(LINUS, f"day 8:30 {QUESTION}")
    docent.workspace.leave(HELP, LINUS)
    changes.store(docent.database, {"type": "member_left_channel", "channel": HELP, "user": LINUS})
    docent.workspace.faults.add(FaultRule("lose_answer", "chat.postMessage", times=2))
    for _ in range(3):
        scheduling.pass_until("2026-06-05T16:00")
    assert len([post for post in scheduling.posts() if "I no longer ask" in post]) == 1


def set_channel(docent: Docent, **values: object) -> None:
    with docent.database.transaction() as transaction:
        channel_settings.change_all(
            transaction, team=docent.workspace.app.team_id, channel=HELP, changes=values, changed_by="operator"
        )


def test_a_muted_channel_gets_no_answer_and_its_setter_is_told_once_until_it_goes_on_by_itself(
    docent: Docent, scheduling: Scheduling
) -> None:
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    set_channel(docent, muted=True)
    assert "I am muted in this channel" in scheduling.command(ADA, f"day 10:00 {QUESTION}")
    for day in (4, 5):
        assert scheduling.pass_until(f"2026-06-0{day}T09:00") == 0
    (told,) = scheduling.posts(docent.workspace.person(ADA).dm)
    assert "I am muted in the channel" in told
    assert "I am muted here" in scheduling.command(GRACE, "list")
    set_channel(docent, muted=None)
    assert scheduling.pass_until("2026-06-05T12:00") == 0
    assert scheduling.pass_until("2026-06-06T09:00") == 1
    assert len(scheduling.posts()) == 1


def test_a_setter_whom_the_channel_does_not_want_to_be_answered_is_told_alone(
    docent: Docent, scheduling: Scheduling
) -> None:
    docent.workspace.set_group("S0HR", [GRACE])
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    set_channel(docent, allowed_groups=["S0HR"])
    assert "certain user groups" in scheduling.command(ADA, f"day 10:00 {QUESTION}")
    assert scheduling.pass_until("2026-06-04T09:00") == 0
    (told,) = scheduling.posts(docent.workspace.person(ADA).dm)
    assert "you are in none of them" in told
    assert "`/docent every resume 1`" in told
    scheduling.command(GRACE, f"day 4:30 {QUESTION}")  # of New York
    assert scheduling.pass_until("2026-06-05T09:00") == 1
    assert len(scheduling.posts()) == 1


@pytest.mark.parametrize(
    ("values", "reason"), [({"muted": True}, "withdrawn"), ({"allowed_groups": ["S0HR"]}, "not_allowed")]
)
def test_what_is_set_after_a_question_was_asked_counts_for_its_answer(
    docent: Docent, scheduling: Scheduling, values: dict[str, object], reason: str
) -> None:
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    scheduling.moment = scheduling.moment.replace(hour=9)
    assert scheduling.asking().run() == 1
    set_channel(docent, **values)
    docent.run()
    assert scheduling.posts() == []
    assert docent.workspace.ephemerals(ADA) == []
    assert [reason for *_, reason in docent.turns()] == [reason]


@pytest.mark.parametrize(
    ("day", "due"),
    [  # London puts its clocks forward on 29 March and back on 25 October
        ("2026-03-28", ["2026-03-28T09:00", "2026-03-29T08:00", "2026-03-30T08:00"]),
        ("2026-10-24", ["2026-10-24T08:00", "2026-10-25T09:00", "2026-10-26T09:00"]),
    ],
)
def test_a_question_keeps_its_time_of_the_clock_on_the_wall_when_clocks_are_changed(
    docent: Docent, scheduling: Scheduling, day: str, due: list[str]
) -> None:
    scheduling.moment = datetime.fromisoformat(f"{day}T00:00Z")
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    for moment in due:
        before = datetime.fromisoformat(moment) - timedelta(minutes=1)
        assert scheduling.pass_until(before.isoformat()) == 0
        assert scheduling.pass_until(moment) == 1


def test_a_setter_who_has_moved_is_asked_for_at_that_time_of_where_they_are_from_the_next_time_on(
    docent: Docent, scheduling: Scheduling
) -> None:
    scheduling.command(ADA, f"day 9:00 {QUESTION}")
    docent.workspace.change_user(replace(docent.workspace.person(ADA).user, tz="Asia/Kolkata"))
    assert scheduling.pass_until("2026-06-04T08:00") == 1  # as was said when it was set up
    assert "(Asia/Kolkata)" in scheduling.command(ADA, "list")
    assert scheduling.pass_until("2026-06-05T03:29") == 0
    assert scheduling.pass_until("2026-06-05T03:30") == 1
