"""What nobody stored is found in the history, once; what is chatter, or older than we may look, is left alone."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from agent.clock import now
from agent.errors import ReplyError
from agent.store.database import Database
from bot.simulator import ADA, GENERAL, GRACE, HELP, HR, Channel, ChannelKind, Workspace
from bot.slack import inbox
from bot.slack.client import SlackClient
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.intake import catch_up, events, history
from bot.slack.intake.catch_up import CatchUp
from bot.slack.intake.history import History
from bot.slack.intake.intake import Intake

Deliver = Callable[[str, str], None]
DAY = timedelta(days=1)


@pytest.fixture
def woken() -> list[UUID]:
    return []


@pytest.fixture
def intake(database: Database, woken: list[UUID]) -> Intake:
    """Of a database that knows a question already: else there is nothing to catch up with."""
    address = ReplyAddress("T1", "C9", "U9", ts="0.1", thread_ts="0.1")
    inbox.store(
        database,
        inbox.NewQuestion(key="message:T1:C9:0.1", address=address, origin=Origin.MENTION, question="Before"),
    )
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE deliveries SET received_at = now() - interval '1 year'"))
        transaction.execute(text("UPDATE turns SET status = 'completed'"))
    return Intake(database, woken.append)


@pytest.fixture
def search(slack: SlackClient, intake: Intake) -> CatchUp:
    return CatchUp(slack, intake, History(slack, sleep=lambda seconds: None), max_age=DAY)


@pytest.fixture
def deliver(workspace: Workspace, intake: Intake) -> Deliver:
    """Stores a message as if Slack had delivered it."""

    def store(channel: str, ts: str) -> None:
        message = workspace.message(ts)
        place = {"channel": workspace.directory.find_channel(channel).id, "channel_type": "channel"}
        event = dict(workspace.events.message(message)) | place
        body = {"team_id": workspace.app.team_id, "authorizations": [{"user_id": workspace.app.bot_user_id}]}
        parsed = events.parse_message(event, body)
        assert parsed
        assert intake.take(parsed)

    return store


def questions(database: Database) -> list[tuple[str, str]]:
    """What was asked beside the first, in the order in which it was stored."""
    statement = "SELECT origin, question FROM turns WHERE question <> 'Before' ORDER BY id"
    with database.transaction() as transaction:
        return [tuple(row) for row in transaction.execute(text(statement))]


def test_every_kind_of_question_is_found_where_it_was_asked_and_only_once(
    workspace: Workspace, search: CatchUp, database: Database, woken: list[UUID]
) -> None:
    workspace.add_channel(
        Channel("G0GROUP0001", "mpdm-1", ChannelKind.MPIM, [ADA, GRACE, workspace.app.bot_user_id])
    )
    ada, grace = workspace.person(ADA), workspace.person(GRACE)
    root = grace.say(HELP, "Who knows?")
    ada.mention(HELP, "In a thread?", root)
    ada.say(HELP, "And a follow-up?", root)
    ada.mention(HR, "In a private channel?")
    ada.mention("G0GROUP0001", "In a group?")
    direct = ada.write_dm("Directly?")
    ada.write_dm("In its thread?", direct)
    grace.say(HELP, "Chatter")
    grace.say(HELP, "Chatter, too", root)
    for n_found in (6, 0):
        assert search.run() == n_found
    assert sorted(questions(database)) == [
        ("dm", "Directly?"),
        ("dm", "In its thread?"),
        ("mention", "In a group?"),
        ("mention", "In a private channel?"),
        ("mention", "In a thread?"),
        ("thread", "And a follow-up?"),
    ]
    assert len(woken) == 6


def test_what_was_delivered_is_not_asked_again_and_what_came_between_is(
    workspace: Workspace, search: CatchUp, database: Database, deliver: Deliver
) -> None:
    ada = workspace.person(ADA)
    before, _, after = [ada.mention(HELP, f"Question {n}?") for n in range(3)]
    deliver(HELP, before)
    deliver(HELP, after)
    search.run()
    assert sorted(question for _, question in questions(database)) == [f"Question {n}?" for n in range(3)]


def test_a_reply_written_before_its_author_first_asked_in_the_thread_is_chatter(
    workspace: Workspace, search: CatchUp, database: Database, deliver: Deliver
) -> None:
    ada = workspace.person(ADA)
    root = workspace.person(GRACE).say(HELP, "Look at this")
    ada.say(HELP, "I wonder what it means", root)
    deliver(HELP, ada.mention(HELP, "What does it mean?", root))
    ada.say(HELP, "And when?", root)
    search.run()
    assert [question for _, question in questions(database)] == ["What does it mean?", "And when?"]


def test_a_follow_up_is_found_in_a_thread_that_began_before_the_messages_that_are_read(
    workspace: Workspace, search: CatchUp, database: Database, deliver: Deliver
) -> None:
    ada = workspace.person(ADA)
    root = ada.mention(HELP, "First?")
    deliver(HELP, root)
    ada.say(HELP, "And then?", root)
    with database.transaction() as transaction:  # it takes part as if a day lay between the two
        since = transaction.execute(text("SELECT to_timestamp(:ts)"), {"ts": float(root)}).scalar_one()
    search.run(since)
    assert [question for _, question in questions(database)] == ["First?", "And then?"]


def test_nothing_is_looked_for_before_this_databases_first_question(
    workspace: Workspace, search: CatchUp, database: Database
) -> None:
    """Else a new database would answer all of the last day's questions again."""
    workspace.person(ADA).mention(HELP, "Answered by the old one?")
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE deliveries SET received_at = now() + interval '1 second'"))
    assert search.run() == 0
    with database.transaction() as transaction:
        transaction.execute(text("DELETE FROM deliveries"))
    assert search.run() == 0
    assert questions(database) == []


def test_nothing_is_looked_for_from_before_the_bot_joined(
    workspace: Workspace, search: CatchUp, database: Database
) -> None:
    ada, bot = workspace.person(ADA), workspace.app.bot_user_id
    ada.mention(HELP, "Are you here?")
    workspace.person(bot).say(HELP, f"<@{bot}> has joined the channel", subtype="channel_join")
    ada.mention(HELP, "Now?")
    search.run()
    assert [question for _, question in questions(database)] == ["Now?"]


def test_the_newest_messages_are_read_where_there_are_too_many(
    workspace: Workspace, search: CatchUp, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE", 2)
    monkeypatch.setattr(history, "MAX_PAGES", 2)
    for n in range(6):
        workspace.person(ADA).mention(HELP, f"Question {n}?")
    search.run()
    assert [question for _, question in questions(database)] == [f"Question {n}?" for n in range(2, 6)]


def test_without_the_scope_to_list_conversations_those_of_earlier_questions_are_read(
    workspace: Workspace, search: CatchUp, database: Database, deliver: Deliver
) -> None:
    ada = workspace.person(ADA)
    deliver(HELP, ada.mention(HELP, "Delivered?"))
    workspace.app.scopes -= {"channels:read", "groups:read", "im:read", "mpim:read"}
    ada.mention(HELP, "Missed?")
    ada.mention(GENERAL, "Unknown?")
    search.run()
    assert [question for _, question in questions(database)] == ["Delivered?", "Missed?"]


@pytest.mark.parametrize("code", ["not_in_channel", "missing_scope"])
def test_a_conversation_that_may_not_be_read_hides_no_other(
    workspace: Workspace, search: CatchUp, database: Database, code: str
) -> None:
    rule = workspace.faults.error("conversations.history", code, times=None)
    rule.when = lambda args: args["channel"] == GENERAL
    for channel in (GENERAL, HELP):
        workspace.person(ADA).mention(channel, f"In {channel}?")
    search.run()
    assert [question for _, question in questions(database)] == [f"In {HELP}?"]


def test_a_token_that_is_refused_ends_the_search_which_is_then_tried_again(
    workspace: Workspace, search: CatchUp, database: Database
) -> None:
    workspace.person(ADA).mention(HELP, "Missed?")
    workspace.faults.error("conversations.history", "token_revoked")
    with pytest.raises(ReplyError):
        search.run()
    assert search.run(now() - DAY) == 1


def test_the_number_of_conversations_is_bounded(
    workspace: Workspace, search: CatchUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "MAX_CONVERSATIONS", 2)
    search.run()
    assert len(workspace.calls_of("conversations.history")) == 2
