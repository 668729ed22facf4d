"""The weekly report in a channel: what it says, what it must not say, and that it is posted once."""

from datetime import timedelta

import pytest

from agent.errors import ReplyError
from bot.simulator import ADA, GENERAL, GRACE, HELP, HR, LINUS, PARTNERS, RANDOM, VISITORS, FaultRule
from bot.slack.inbox import Origin
from bot.slack.membership import changes
from ingest.documents.upkeep import Upkeep
from tests.bot.record.reports.conftest import AskedWorkspace


def test_a_report_says_what_was_not_answered_what_is_used_and_what_needs_a_look(asked: AskedWorkspace) -> None:
    leave = asked.document("Leave")
    travel = asked.document("Travel", upkeep=Upkeep(expires="2020-01-31"), days=3)
    old = asked.document("Old *rules* <!channel>", days=800)
    asked.document("Never cited", days=800)
    asked.ask("How do I expense a taxi?")
    ts = asked.ask("taxi expenses, how? <!here>", user=GRACE)
    asked.ask("Where can I park in Lisbon?", user=LINUS)
    asked.ask("How many days?", cited=[leave, travel], down=[ADA, GRACE])
    asked.ask("How many days then?", cited=[leave, old])
    asked.publish(GENERAL)
    (report,) = asked.posts(GENERAL)
    lines = report.splitlines()
    assert "5 questions were asked; the documents did not answer 3." in lines
    (taxi,) = [line for line in lines if "taxi" in line]
    assert "·  2 times  ·  <https://stand-in.slack.com/archives/" in taxi
    assert f"/p{ts.replace('.', '')}|1>" in taxi
    assert "<!" not in report
    assert "•  " not in report
    assert "• <https://handbook.example/leave|Leave>  ·  cited in 2 answers" in lines
    assert "• <https://handbook.example/leave|Leave>  ·  2 👎 on 2 answers" in lines
    assert any(line.startswith("• <https://handbook.example/travel|Travel>  ·  expired ") for line in lines)
    assert any("last changed 2 years ago" in line for line in lines)
    assert "Never cited" not in report


def test_a_week_without_questions_posts_nothing_and_one_with_answers_alone_says_so(asked: AskedWorkspace) -> None:
    asked.publish(GENERAL)
    assert asked.posts(GENERAL) == []
    asked.ask("How many days?", cited=[asked.document("Leave")])
    asked.publish(GENERAL)  # the week is done
    assert asked.posts(GENERAL) == []
    asked.publish(GENERAL, due=asked.due + timedelta(days=1))
    (report,) = asked.posts(GENERAL)
    assert "1 question was asked, and none was left without an answer from the documents." in report


def test_no_private_question_is_told_to_a_channel(asked: AskedWorkspace) -> None:
    leave = asked.document("Leave")
    asked.ask("Who is paid what in the private channel?", channel=HR)
    asked.ask("May I be pregnant by direct message?", channel="D0ADA000001", origin=Origin.DIRECT)
    asked.ask("Will Linus be fired by command?", origin=Origin.COMMAND)
    asked.ask("What do partners pay?", channel=PARTNERS)  # another company is there
    asked.ask("How many days?", channel=HR, cited=[leave], down=[ADA])
    asked.publish(GENERAL)
    asked.publish(HR)
    assert asked.posts(GENERAL) == asked.posts(HR) == []  # nothing was asked that they may know of
    asked.ask("Where can I park in Lisbon?")
    for channel in (GENERAL, HR):
        asked.publish(channel, due=asked.due + timedelta(days=1))
        (report,) = asked.posts(channel)
        assert "1 question was asked; the documents did not answer 1." in report
        assert "park in Lisbon" in report
        for private in ("paid", "pregnant", "fired", "partners", "Leave"):
            assert private not in report


def test_guests_are_told_of_their_own_channel_alone(asked: AskedWorkspace) -> None:
    asked.ask("Where can I park in Lisbon?", channel=HELP)
    asked.ask("How do I expense a taxi?", channel=VISITORS)
    asked.publish(VISITORS)
    (report,) = asked.posts(VISITORS)
    assert "taxi" in report
    assert "park" not in report


def test_a_document_that_not_everybody_there_may_read_is_not_named(asked: AskedWorkspace) -> None:
    pay = asked.document("Pay", readers=[f"channel:{HR}"], days=800)
    leave = asked.document("Leave")
    asked.ask("How much is it?", cited=[pay, leave], down=[ADA])
    asked.publish(GENERAL)
    (report,) = asked.posts(GENERAL)
    assert "Leave" in report
    assert "Pay" not in report
    asked.publish(HR)
    assert "|Pay>  ·  last changed 2 years ago" in asked.posts(HR)[0]


def test_who_comes_in_while_the_report_is_made_is_told_of_nothing_that_they_may_not_read(
    asked: AskedWorkspace,
) -> None:
    pay = asked.document("Pay", readers=[f"user:{ADA}", f"user:{GRACE}"], days=800)
    asked.ask("How much is it?", cited=[pay, asked.document("Leave")], down=[ADA])
    asked.ask("Where can I park in Lisbon?")
    asked.publish(HR, due=asked.due - timedelta(seconds=1))
    assert "|Pay>" in asked.posts(HR)[0]

    def come_in(arguments: object) -> bool:
        asked.workspace.join(HR, LINUS)
        changes.store(asked.database, {"type": "member_joined_channel", "channel": HR, "user": LINUS})
        return False

    asked.workspace.faults.add(FaultRule("slow", "chat.getPermalink", when=come_in))
    asked.publish(HR, due=asked.due + timedelta(days=1))
    report = asked.posts(HR)[1]
    assert "Leave" in report
    assert "Pay" not in report


def test_a_question_whose_author_deleted_it_is_not_repeated(asked: AskedWorkspace) -> None:
    ts = asked.ask("How do I tell my manager about it?")
    asked.ask("Where can I park in Lisbon?")
    asked.workspace.person(ADA).delete(ts)
    asked.publish(GENERAL)
    (report,) = asked.posts(GENERAL)
    assert "manager" not in report
    assert "park" in report


@pytest.mark.parametrize("effect", ["lose_answer", "drop"])
def test_a_report_is_posted_once_whether_or_not_slack_said_so(asked: AskedWorkspace, effect: str) -> None:
    asked.ask("Where can I park in Lisbon?")
    asked.workspace.faults.add(FaultRule(effect, "chat.postMessage", times=1))
    with pytest.raises(ReplyError):
        asked.publish(GENERAL)
    for _ in range(2):
        asked.publish(GENERAL)
    assert len(asked.posts(GENERAL)) == 1
    assert len(asked.workspace.calls_of("chat.postMessage")) == (1 if effect == "lose_answer" else 2)


def test_where_the_audience_is_not_known_nothing_is_posted(asked: AskedWorkspace) -> None:
    asked.ask("Where can I park in Lisbon?")
    asked.workspace.faults.fail("conversations.members", times=None)
    with pytest.raises(ReplyError):
        asked.publish(GENERAL)
    with pytest.raises(ReplyError):
        asked.publish("C0UNKNOWN01")
    assert asked.posts(GENERAL) == []


def test_a_channel_without_the_bot_gets_its_report_once_it_is_invited(asked: AskedWorkspace) -> None:
    asked.ask("Where can I park in Lisbon?")
    with pytest.raises(ReplyError, match="not_in_channel"):
        asked.publish(RANDOM)
    asked.workspace.join(RANDOM, asked.workspace.app.bot_user_id)
    asked.publish(RANDOM)
    assert len(asked.posts(RANDOM)) == 1
