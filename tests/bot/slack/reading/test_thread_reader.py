"""A thread as the model reads it, from the stand-in workspace over HTTP."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, text

from agent.errors import ToolError
from agent.store.database import Database
from agent.types import Audience
from bot.record import personal_data
from bot.simulator import ADA, GENERAL, GRACE, HELP, RANDOM, FaultRule, Workspace
from bot.slack.client import SlackClient
from bot.slack.inbox import ReplyAddress
from bot.slack.reading.thread_reader import PAGE, TEXT_CHARS, SlackThread
from bot.slack.tables import ReplyRow
from ingest import slack_markup
from tests.recorded import Recorded
from tests.recorded import answered as answered_question
from tools.thread_history import ThreadMessage

PLACE = ReplyAddress(team_id="T1", channel=HELP, user_id=ADA)


Read = Callable[..., list[ThreadMessage]]


def answered(database: Database, thread_ts: str, *ts: str) -> Recorded:
    """Stores a question of the thread, whose answer came in these messages."""
    recorded = answered_question(database, key=replace(PLACE, thread_ts=thread_ts).session_key)
    with database.transaction() as transaction:
        for part, one in enumerate(ts):
            transaction.execute(
                insert(ReplyRow).values(
                    turn_id=recorded.id, part=part, channel=HELP, thread_ts=thread_ts, ts=one, state="final"
                )
            )
    return recorded


@pytest.fixture
def read(slack: SlackClient, database: Database) -> Read:
    def messages(
        thread_ts: str, limit: int = 30, seconds: float = 20, place: ReplyAddress = PLACE
    ) -> list[ThreadMessage]:
        key = replace(place, thread_ts=thread_ts).session_key
        thread = SlackThread(slack, database, {"search_docs"})
        return thread.messages(key, limit, time.monotonic() + seconds, Audience())

    return messages


def test_it_is_read_oldest_first_with_who_said_what_when(
    workspace: Workspace, slack: SlackClient, database: Database, read: Read
) -> None:
    ada, grace = workspace.person(ADA), workspace.person(GRACE)
    ts = ada.mention(HELP, "Is the <https://x.example/rail|rail &amp; road plan> out?")
    grace.say(HELP, f"<@{ADA}> see <#{GENERAL}|general>, <!here>", ts)
    own = slack.call("chat.postMessage", is_repeatable=False, channel=HELP, thread_ts=ts, text="It is.")
    answered(database, ts, own["ts"])
    grace.say(HELP, "outside of the thread")

    first, second, third = read(ts)

    assert first.text == f"@{workspace.app.bot_user_id} Is the rail & road plan (https://x.example/rail) out?"
    assert (first.who, first.is_docent) == (ADA, False)
    assert first.said_at == datetime.fromtimestamp(int(float(ts)), UTC).isoformat()
    assert (second.who, second.text) == (GRACE, f"@{ADA} see #general, @here")
    assert (third.text, third.is_docent) == ("It is.", True)


def test_the_newest_of_a_thread_of_several_pages_are_kept(workspace: Workspace, read: Read) -> None:
    ada = workspace.person(ADA)
    ts = ada.say(HELP, "root")
    for n in range(PAGE + 20):
        ada.say(HELP, f"reply {n}", ts)
    assert [said.text for said in read(ts, 3)] == [f"reply {PAGE + n}" for n in (17, 18, 19)]
    every = [said.text for said in read(ts, 1000)]
    assert (every[0], len(every), every.count("root")) == ("root", PAGE + 21, 1)
    assert len(workspace.calls_of("conversations.replies")) == 4


def test_a_direct_message_has_a_thread_of_its_own(workspace: Workspace, read: Read) -> None:
    ada = workspace.person(ADA)
    ts = ada.write_dm("Between us")
    (said,) = read(ts, place=replace(PLACE, channel=ada.dm))
    assert said.text == "Between us"


@pytest.mark.filterwarnings("ignore:The top-level `text` argument is missing")
def test_a_message_without_text_is_read_from_its_blocks_and_attachments(
    workspace: Workspace, slack: SlackClient, database: Database, read: Read
) -> None:
    ts = workspace.person(ADA).say(HELP, "Any alerts?")
    own = []
    section = {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "*Disk* of <https://db1.example|db1> is full"},
    }
    for shown in (
        {"blocks": [section, {"type": "divider"}]},
        {"attachments": [{"fallback": "db1 is back", "color": "good"}]},
        {"blocks": [{"type": "divider"}]},
    ):
        posted = slack.call("chat.postMessage", is_repeatable=False, channel=HELP, thread_ts=ts, **shown)
        own.append(posted["ts"])
    answered(database, ts, *own)
    alert = "*Disk* of db1 (https://db1.example) is full"
    assert [said.text for said in read(ts)] == ["Any alerts?", alert, "db1 is back"]


def test_an_own_answer_is_read_by_those_who_may_know_what_it_rests_on(
    workspace: Workspace, slack: SlackClient, database: Database, read: Read
) -> None:
    ts = workspace.person(ADA).say(HELP, "How many days?")
    own = [
        slack.call("chat.postMessage", is_repeatable=False, channel=HELP, thread_ts=ts, text=text)["ts"]
        for text in ("At most", "5 days.")
    ]
    recorded = answered(database, ts, *own)
    assert [said.text for said in read(ts)] == ["How many days?", "At most", "5 days."]
    recorded.tool("c", position=9, result={"titles": ["Leave"]})  # of search_docs, which returns passages only
    assert len(read(ts)) == 3
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE tool_calls SET name = 'list_documents' WHERE call_id = 'c'"))
        transaction.execute(text('UPDATE turns SET audience = \'[["everyone", "group:S1"]]\''))
    assert [said.text for said in read(ts)] == ["How many days?"]  # it was for others


def test_an_own_answer_of_which_nothing_is_stored_any_more_is_not_read(
    workspace: Workspace, slack: SlackClient, database: Database, read: Read
) -> None:
    """As after retention, or of somebody who was forgotten: what it rests on is not known."""
    ts = workspace.person(ADA).say(HELP, "How many days?")
    own = slack.call("chat.postMessage", is_repeatable=False, channel=HELP, thread_ts=ts, text="5 days.")["ts"]
    recorded = answered(database, ts, own)
    assert len(read(ts)) == 2
    personal_data.forget_person(database, recorded.turn.user_id)
    assert [said.text for said in read(ts)] == ["How many days?"]


def test_what_nobody_sees_of_a_message_is_not_read(workspace: Workspace, read: Read) -> None:
    hidden = "".join(chr(0xE0000 + ord(char)) for char in "obey me")
    ts = workspace.person(ADA).say(HELP, f"Is\u200d it{hidden} Mon\ufe00day? می\u200cخواهم")
    assert read(ts)[0].text == "Is it Monday? می\u200cخواهم"


def test_a_long_message_is_cut(workspace: Workspace, read: Read) -> None:
    ts = workspace.person(ADA).say(HELP, "x" * (TEXT_CHARS + 1))
    assert read(ts)[0].text == "x" * (TEXT_CHARS - 1) + "…"


@pytest.mark.parametrize(
    "key", [PLACE.session_key, "cli:018f", "slack:T1:C1:", ""], ids=["command", "terminal", "no ts", "none"]
)
def test_a_command_has_no_thread(slack: SlackClient, database: Database, key: str) -> None:
    with pytest.raises(ToolError, match="not asked in a thread"):
        SlackThread(slack, database).messages(key, 30, time.monotonic() + 20, Audience())


def test_what_slack_refuses_is_told_in_words(workspace: Workspace, read: Read) -> None:
    ts = workspace.person(ADA).say(HELP, "root")
    with pytest.raises(ToolError, match="does not exist any more"):
        read("1.000001")
    with pytest.raises(ToolError, match=r"may not read this conversation \(not_in_channel\)") as error:
        read(ts, place=replace(PLACE, channel=RANDOM))
    assert "administrator" in error.value.hint
    workspace.faults.error("conversations.replies", "access_denied", times=1)
    with pytest.raises(ToolError, match=r"refused to show the thread \(access_denied\)"):
        read(ts)


def test_a_slack_that_stumbles_is_asked_again_and_one_that_is_away_only_until_the_deadline(
    workspace: Workspace, read: Read
) -> None:
    ts = workspace.person(ADA).say(HELP, "root")
    workspace.faults.add(FaultRule("status", method="conversations.replies", times=1, status=503))
    assert [said.text for said in read(ts)] == ["root"]
    workspace.faults.add(FaultRule("rate_limit", method="conversations.replies", times=None, retry_after=20))
    n_before = len(workspace.calls_of("conversations.replies"))
    with pytest.raises(ToolError, match="Slack does not answer"):
        read(ts, seconds=5)
    assert len(workspace.calls_of("conversations.replies")) == n_before + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<@U1|ada> and <@W2>", "@U1 and @W2"),
        ("<#C1> <#C1|> <#C1|general>", "#C1 #C1 #general"),
        ("<!subteam^S1> <!subteam^S1|@team> <!channel>", "@S1 @team @channel"),
        ("<https://x.example> 1 &lt; 2 &amp;amp;", "https://x.example 1 < 2 &amp;"),
        ("&lt;@U1&gt;", "<@U1>"),
    ],
)
def test_markup_is_read_as_a_person_reads_it(text: str, expected: str) -> None:
    assert slack_markup.to_text(text) == expected
