"""What Slack may refuse, one row each, and what the person sees at last: always the whole answer, never silence.

A row says which calls Slack refuses (a method, and what in their arguments it dislikes) with which code, and where
and with what below it the answer is then read. To add one, append it to the table of its method.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text

from agent.store.database import Database
from agent.store.sessions import Turn
from agent.types import CitedPassage, Passage
from bot.simulator import ADA, HELP, FaultRule, Workspace
from bot.simulator.stores.messages import SlackMessage
from bot.slack.client import SlackClient, SlackRefused
from bot.slack.inbox import ReplyAddress
from bot.slack.interactions.feedback.feedback_form import ACTION
from bot.slack.replies.command_reply import CommandReply
from bot.slack.replies.progress.live_message import STREAM_SECONDS
from bot.slack.replies.reply import Answer
from bot.slack.replies.thread_reply import ThreadReply
from tests.bot.slack.posted import load_posted

Arguments = dict[str, Any]
LEAVE = "https://handbook.example/leave_policy"
TABLE = "| Grade | Days |\n|---|---|\n| intern | 20 |\n| all_others | 28 |"
TEXT = f"**You** may carry over 5 days [[1]]({LEAVE}).\n\n{TABLE}\n\nAsk `people_team`."
WORDS = ("may carry over 5 days", "Grade", "intern", "all_others", "28", "people_team")
SOURCE = CitedPassage(1, Passage("c", "d", "Leave", LEAVE, "", "", 1.0))
NOTICE = "A notice."


def anything(args: Arguments) -> bool:
    """The method is refused whatever is said."""
    return True


def any_layout(args: Arguments) -> bool:
    """Slack takes text alone."""
    return bool(args.get("blocks") or args.get("markdown_text") or args.get("chunks"))


def markdown(args: Arguments) -> bool:
    """Slack dislikes, or does not know, Markdown in any form."""
    return bool(args.get("markdown_text")) or has_type(args, "markdown")


def tables(args: Arguments) -> bool:
    """Slack dislikes a table."""
    return "|---|" in str(args)


def thumbs(args: Arguments) -> bool:
    """A workspace from before the feedback buttons."""
    return has_type(args, "context_actions")


def metadata(args: Arguments) -> bool:
    """Slack dislikes the mark by which a message is found again."""
    return bool(args.get("metadata"))


def has_type(args: Arguments, kind: str) -> bool:
    return any(block["type"] == kind for block in args.get("blocks") or ())


@dataclass(frozen=True)
class Row:
    """Slack refuses ``methods`` with ``code`` where ``dislikes`` their arguments.

    ``is_direct``: the answer is read in direct messages. ``has_buttons``: it can be rated there.
    """

    methods: str  # separated by spaces
    dislikes: Callable[[Arguments], bool]
    code: str
    is_direct: bool = False
    has_buttons: bool = True

    def __str__(self) -> str:
        return f"{self.methods}-{self.dislikes.__name__}-{self.code}"


CONTENT_CODES = (
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_arguments",
    "msg_blocks_too_long",
    "msg_too_long",
    "markdown_text_conflict",
    "a_code_from_next_year",
)
PLACE_CODES = (
    "is_archived",
    "not_in_channel",
    "channel_not_found",
    "restricted_action",
    "restricted_action_read_only_channel",
    "cannot_reply_to_message",
    "thread_locked",
)
AT_ONCE = [  # the answer is complete before anything was shown
    *(Row("chat.postMessage", markdown, code) for code in CONTENT_CODES),
    *(Row("chat.postMessage", dislikes, "invalid_blocks") for dislikes in (tables, thumbs)),
    *(Row("chat.postMessage", any_layout, code, has_buttons=False) for code in CONTENT_CODES),
    *(
        Row("chat.postMessage", metadata, code)
        for code in ("metadata_too_large", "invalid_metadata_format", "invalid_metadata_schema")
    ),
    *(Row("chat.postMessage", anything, code, is_direct=True) for code in PLACE_CODES),
    Row("chat.postMessage", anything, "posting_disabled_next_year", is_direct=True),
]
STREAMED = [  # a half of the answer was shown, or Slack was asked to show it
    *(
        Row("chat.startStream chat.postMessage chat.update", markdown, code)
        for code in ("unknown_method", "invalid_arguments", "channel_type_not_supported_next_year")
    ),
    *(
        Row("chat.appendStream chat.stopStream chat.update", markdown, code)
        for code in ("invalid_chunks", "msg_too_long", "message_not_in_streaming_state")
    ),
    *(
        Row("chat.stopStream chat.update", any_layout, code, has_buttons=False)
        for code in ("invalid_blocks", "msg_blocks_too_long")
    ),
    *(
        Row("chat.stopStream chat.update", anything, code)
        for code in ("message_not_in_streaming_state", "stopped_by_user", "internal_error_of_next_year")
    ),
    *(Row("chat.update", markdown, code) for code in CONTENT_CODES),
    *(Row("chat.update", any_layout, code, has_buttons=False) for code in ("invalid_blocks", "msg_too_long")),
    *(
        Row("chat.update", anything, code)
        for code in ("edit_window_closed", "cant_update_message", "streaming_state_conflict", "update_failed")
    ),
    *(Row("chat.update", anything, code, is_direct=True) for code in ("is_archived", "channel_not_found")),
]
COMMANDS = [  # only the asker sees the answer
    *(Row("response_url", markdown, code) for code in CONTENT_CODES),
    Row("response_url", any_layout, "invalid_blocks", has_buttons=False),
    *(Row("response_url", anything, code) for code in ("expired_url", "used_url", "invalid_payload")),
]
EPHEMERAL = [  # and the command's response URL takes nothing any more
    *(Row("chat.postEphemeral", markdown, code) for code in CONTENT_CODES),
    *(
        Row("chat.postEphemeral", anything, code, is_direct=True)
        for code in ("user_not_in_channel", "not_in_channel", "is_archived", "a_code_from_next_year")
    ),
]


@pytest.fixture
def people(workspace: Workspace) -> "People":
    return People(workspace)


@dataclass
class People:
    """What Ada can read."""

    workspace: Workspace

    def refuse(self, row: Row, place: str = "") -> None:
        """Slack refuses from now on; only in ``place``, if it is given."""

        def is_hit(args: Arguments) -> bool:
            return row.dislikes(args) and place in ("", args.get("channel"))

        for method in row.methods.split():
            self.workspace.faults.add(FaultRule("error", method, when=is_hit, code=row.code))

    def direct(self) -> list[SlackMessage]:
        return [m for m in self.workspace.history(self.workspace.person(ADA).dm) if m.user != ADA]

    def check(self, messages: list[SlackMessage], row: Row) -> None:
        """Reads the last message: the whole answer with sources and notice, and thumbs that work."""
        plain = messages[-1].plain
        assert [word for word in WORDS if word not in plain] == []
        assert "Sources:" in plain
        assert f"{LEAVE}|Leave>" in plain
        assert NOTICE in plain
        assert ("Good answer" in plain) is row.has_buttons
        if row.has_buttons:
            buttons = {element.get("action_id") for element in _elements(messages[-1])}
            assert all(str(action).startswith(ACTION) for action in buttons)


def _elements(message: SlackMessage) -> list[Any]:
    actions = [block for block in message.blocks if block["type"] in ("actions", "context_actions")]
    return [element for block in actions for element in block["elements"]]


@dataclass
class Replying:
    """The reply to Ada's question in a thread."""

    workspace: Workspace
    database: Database
    slack: SlackClient
    turn: Turn
    address: ReplyAddress
    now: float = 100.0

    def reply(self) -> ThreadReply:
        posted = load_posted(self.database, self.turn, self.address)
        return ThreadReply(self.slack, self.database, self.turn, posted, clock=lambda: self.now)

    def answer(self) -> Answer:
        return Answer(self.turn.id, TEXT, [SOURCE], NOTICE)

    def show_half(self, reply: ThreadReply, *pieces: str) -> None:
        for piece in pieces:
            self.now += STREAM_SECONDS * 2
            reply.show_text(piece)
            self.now += STREAM_SECONDS * 2
            reply.refresh()

    def deliver(self, reply: ThreadReply, row: Row) -> None:
        if not row.is_direct:
            reply.deliver(self.answer())
            return
        with pytest.raises(SlackRefused) as refusal:
            reply.deliver(self.answer())
        assert refusal.value.code == row.code

    def messages(self) -> list[SlackMessage]:
        thread = self.workspace.thread(self.address.channel, str(self.address.thread_ts))
        return [message for message in thread if message.user == self.workspace.app.bot_user_id]

    def delivery_error(self) -> str | None:
        with self.database.transaction() as transaction:
            error = transaction.execute(text("SELECT delivery_error FROM turns")).scalar_one()
            return str(error) if error else None


@pytest.fixture
def replying(
    workspace: Workspace, database: Database, slack: SlackClient, turn: Turn, address: ReplyAddress
) -> Replying:
    return Replying(workspace, database, slack, turn, address)


@pytest.mark.parametrize("row", AT_ONCE, ids=str)
def test_an_answer_that_comes_at_once(replying: Replying, people: People, row: Row) -> None:
    people.refuse(row, replying.address.channel)
    replying.deliver(replying.reply(), row)
    check_place(replying, people, row)


def test_a_text_too_long_for_an_update_is_posted_below_and_nothing_stands_twice(
    replying: Replying, people: People
) -> None:
    """Slack takes 4,000 characters in an update, and no layout here."""
    people.refuse(Row("chat.update", any_layout, "invalid_blocks"), replying.address.channel)
    reply = replying.reply()
    replying.show_half(reply, "Let me", " look.")
    reply.deliver(Answer(replying.turn.id, "A long sentence. " * 500 + TEXT, [SOURCE], NOTICE))
    first, last = replying.messages()
    assert first.plain == "The answer is in my next message."
    assert all(word in last.plain for word in WORDS)


@pytest.mark.parametrize("row", STREAMED, ids=str)
def test_an_answer_that_was_half_shown(replying: Replying, people: People, row: Row) -> None:
    reply = replying.reply()
    is_refused_early = row.methods.startswith(("chat.startStream", "chat.appendStream"))
    if is_refused_early:
        people.refuse(row, replying.address.channel)
    is_narration = row.methods == "chat.update"  # what was shown is not the answer, and must be replaced
    replying.show_half(reply, *(("Let me", " look.") if is_narration else (TEXT[:20], TEXT[20:30])))
    if not is_refused_early:
        people.refuse(row, replying.address.channel)
    replying.deliver(reply, row)
    check_place(replying, people, row)


def check_place(replying: Replying, people: People, row: Row) -> None:
    """Reads the answer where the row says it is; directly with where it was asked, what, and Slack's code."""
    if not row.is_direct:
        assert people.direct() == []
        people.check(replying.messages(), row)
        return
    messages = people.direct()
    people.check(messages, row)
    for said in (row.code, f"<#{replying.address.channel}>", "How many days?"):
        assert said in messages[0].plain
    error = replying.delivery_error()
    assert error
    assert row.code in error
    assert "direct message" in error
    with pytest.raises(SlackRefused):  # another worker, after this one died
        replying.reply().deliver(replying.answer())
    assert len(people.direct()) == len(messages)


@pytest.mark.parametrize("row", COMMANDS, ids=str)
def test_the_answer_to_a_command(replying: Replying, people: People, row: Row) -> None:
    url = issue_url(replying)
    people.refuse(row)
    deliver_to_command(replying, url)
    people.check(list(people.workspace.ephemerals(ADA)), row)


@pytest.mark.parametrize("row", EPHEMERAL, ids=str)
def test_the_answer_to_a_command_that_slack_has_forgotten(replying: Replying, people: People, row: Row) -> None:
    people.refuse(row)
    deliver_to_command(replying, None)
    people.check(people.direct() if row.is_direct else list(people.workspace.ephemerals(ADA)), row)


def issue_url(replying: Replying) -> str:
    with replying.workspace.lock:
        return replying.workspace.response_urls.issue(replying.address.channel, ADA)


def deliver_to_command(replying: Replying, url: str | None) -> None:
    channel = replying.workspace.directory.find_channel(HELP).id
    address = ReplyAddress(replying.address.team_id, channel, ADA, response_url=url)
    CommandReply(replying.slack, address, "How many days?").deliver(replying.answer())


@pytest.mark.parametrize("code", ["token_revoked", "missing_scope"])
@pytest.mark.parametrize("kind", ["at once", "half shown", "command"])
def test_an_answer_waits_while_the_operator_could_mend_what_slack_refuses(
    replying: Replying, people: People, kind: str, code: str
) -> None:
    """It is sent nowhere else, and stands where it was asked for once the token is taken again."""
    first, reply = replying.reply(), replying.reply()
    if kind == "half shown":
        replying.show_half(first, TEXT[:20], TEXT[20:30])
        reply = replying.reply()
    replying.workspace.faults.error("*", code, times=None)
    command = CommandReply(replying.slack, replace(replying.address, ts=None, thread_ts=None), "How many days?")
    with pytest.raises(SlackRefused) as refusal:
        (command if kind == "command" else reply).deliver(replying.answer())
    assert refusal.value.is_transient
    assert people.direct() == []
    assert replying.delivery_error() is None
    replying.workspace.faults.clear()
    (command if kind == "command" else replying.reply()).deliver(replying.answer())
    seen = list(people.workspace.ephemerals(ADA)) if kind == "command" else replying.messages()
    people.check(seen, Row("*", anything, code))


def test_an_asker_who_takes_no_direct_message_is_not_told_and_the_refusal_is_raised(
    replying: Replying, people: People
) -> None:
    row = Row("chat.postMessage", anything, "is_archived", is_direct=True)
    people.refuse(row, replying.address.channel)
    people.refuse(Row("conversations.open", anything, "missing_scope"))
    replying.deliver(replying.reply(), row)
    assert people.direct() == []
    assert replying.delivery_error() is None  # the end of the turn stores it
