"""The Slack source over HTTP against the stand-in workspace."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient

from agent.errors import UserError
from agent.types import Audience
from bot.simulator import (
    ADA,
    GENERAL,
    GRACE,
    HELP,
    HR,
    LINUS,
    OTHER_BOT,
    PARTNERS,
    RANDOM,
    Channel,
    ChannelKind,
    InstalledApp,
    Workspace,
    WorkspaceServer,
)
from bot.simulator.stores.installed_app import SCOPES
from ingest.documents.raw import FetchProblem
from ingest.library import Library
from ingest.sources import connector
from ingest.sources.connector import ListedDocument
from ingest.sources.slack import SlackSource

LONG = "The Hamburg office is closed on Friday because of the move."


class Company:
    """A served workspace, people in it, and the source as one more process would open it."""

    def __init__(self, workspace: Workspace, server: WorkspaceServer) -> None:
        self.workspace = workspace
        self.api_url = server.api_url
        self.bot = WebClient(workspace.app.bot_token, base_url=server.api_url)
        self.ada, self.grace, self.linus = map(workspace.person, (ADA, GRACE, LINUS))
        self.pauses: list[float] = []
        self.now: Callable[[], float] = time.time

    def open(self, **options: Any) -> SlackSource:
        described = connector.validate_options({"type": "slack", **options}, where="test")
        token = self.workspace.app.bot_token
        return SlackSource(described, token, self.api_url, sleep=self.pauses.append, clock=self.now)  # type: ignore[arg-type]

    def listed(self, **options: Any) -> dict[str, ListedDocument]:
        return {one.uri: one for one in self.open(**options).list({})}

    def thread(self, channel: str, first: str, *replies: str) -> str:
        """Ada begins, Grace replies; the thread's uri."""
        ts = self.ada.say(channel, first)
        for reply in replies:
            self.grace.say(channel, reply, ts)
        return f"{self.workspace.directory.find_channel(channel).id}/{ts}"

    def text(self, uri: str) -> str:
        return self.open().fetch(uri).content.decode().replace("\\", "")

    def n_calls(self, method: str) -> int:
        return len(self.workspace.calls_of(method))


@pytest.fixture
def company() -> Iterator[Company]:
    workspace = Workspace(InstalledApp(subscriptions=()))
    with WorkspaceServer(workspace) as server:
        yield Company(workspace, server)
    workspace.close()


def test_a_thread_is_a_document(company: Company) -> None:
    uri = company.thread(
        "#help", "How do I book a *room*?\nFor <@ULINUS>", "Ask <@U0LINUS0001>.", "Or use the calendar."
    )
    [one] = company.open().list({})
    raw = company.open().fetch(uri)

    ts = uri.split("/")[1]
    assert (one.uri, one.readers) == (uri, None)
    assert one.url == f"https://stand-in.slack.com/archives/{HELP}/p{ts.replace('.', '')}"
    assert (raw.format, raw.title) == ("markdown", "#help: How do I book a room?")
    moments = [datetime.fromtimestamp(float(m.ts), UTC) for m in company.workspace.thread("#help", ts)]
    assert raw.updated_at == moments[-1]
    said = [f"({moment:%Y-%m-%d %H:%M})" for moment in moments]
    assert raw.content.decode().replace("\\", "").split("\n\n") == [
        f"**Ada Marlow** {said[0]}: How do I book a room?\nFor @ULINUS",
        f"**Grace Okafor** {said[1]}: Ask @Linus Berg.",
        f"**Grace Okafor** {said[2]}: Or use the calendar.\n",
    ]


def test_a_message_nobody_replied_to_is_a_document_if_it_says_enough(company: Company) -> None:
    said = company.ada.say("#help", LONG)
    company.ada.say("#help", "ok thanks, <https://a.example/b-c-d-e-f|see you>")
    company.ada.say("#help", "Ada has joined the channel and said many words about it", subtype="channel_join")
    company.workspace.person(OTHER_BOT).say("#general", "Deploy 1234 of the web service to production has ended.")
    replied = company.workspace.person(OTHER_BOT).say("#general", "Deploy failed.")
    company.ada.say("#general", "The disk was full.", replied)
    company.ada.say("#random", LONG)  # the bot is not there

    assert company.listed().keys() == {f"{HELP}/{said}", f"{GENERAL}/{replied}"}
    assert len(company.listed(min_words=3)) == 3
    assert len(company.listed(bots=True)) == 3
    assert company.listed(include=["gen*"]).keys() == {f"{GENERAL}/{replied}"}
    assert company.listed(exclude=["general"]).keys() == {f"{HELP}/{said}"}


def test_an_unchanged_thread_costs_no_call(company: Company) -> None:
    threads = [company.thread("#help", f"Question {n}?", "Answer.") for n in range(3)]
    single = f"{HELP}/{company.ada.say('#help', LONG)}"
    slack = company.open()
    before = {one.uri: one.fingerprint for one in slack.list({})}
    for uri in sorted(before):
        slack.fetch(uri)
    n_history = company.n_calls("conversations.history")
    assert before.keys() == {*threads, single}
    assert (n_history, company.n_calls("conversations.replies")) == (4, 3)  # three channels, and a window of one
    assert company.n_calls("users.info") == 2

    company.linus.say("#help", "One more answer.", threads[1].split("/")[1])
    after = {one.uri: one.fingerprint for one in slack.list(before)}
    assert [uri for uri in after if after[uri] != before[uri]] == [threads[1]]
    assert "One more answer." in slack.fetch(threads[1]).content.decode().replace("\\", "")
    assert company.n_calls("conversations.history") == n_history + 4
    assert company.n_calls("conversations.replies") == 4
    assert company.n_calls("users.info") == 3


def test_an_object_that_listed_nothing_reads_many_messages_at_once(company: Company) -> None:
    said = [company.ada.say("#help", f"{n} {LONG}") for n in range(30)]
    slack = company.open()
    for ts in said:
        assert LONG.rstrip(".") in slack.fetch(f"{HELP}/{ts}").content.decode().replace("\\", "")
    assert company.n_calls("conversations.history") == 1
    assert company.n_calls("conversations.replies") == 0


def test_a_busy_channel_is_read_page_by_page(company: Company) -> None:
    said = [company.ada.say("#help", f"{n} {LONG}") for n in range(1_100)]
    thread = company.thread("#help", "How?", *(f"Reply {n}." for n in range(1_005)))
    slack = company.open(channels=["help"])

    assert [one.uri for one in slack.list({})] == [thread, *(f"{HELP}/{ts}" for ts in reversed(said))]
    assert company.n_calls("conversations.history") == 2
    assert f"{LONG}\n" in company.text(f"{HELP}/{said[0]}")
    text = company.text(thread)
    assert text.count("Reply ") == 1_005
    assert text.count("How?") == 1


def test_edits_and_deletions_are_followed(company: Company) -> None:
    thread = company.thread("#help", "How?", "So.", "Or so.")
    single = company.thread("#help", LONG)
    company.ada.edit(single.split("/")[1], f"{LONG} Also on Monday.")
    before = company.listed()
    company.ada.edit(thread.split("/")[1], "How exactly?")
    replies = company.workspace.thread("#help", thread.split("/")[1])[1:]
    assert company.listed()[thread].fingerprint != before[thread].fingerprint
    assert "How exactly?" in company.text(thread)
    assert "Also on Monday" in company.text(single)

    company.grace.delete(replies[1].ts)
    assert "Or so." not in company.text(thread)
    company.ada.delete(single.split("/")[1])
    company.ada.delete(thread.split("/")[1])  # its replies stay
    assert company.listed().keys() == {thread}
    raw = company.open().fetch(thread)
    assert raw.title == "#help: So."
    assert b"deleted" not in raw.content

    with pytest.raises(FetchProblem, match="was deleted") as gone:
        company.open().fetch(single)
    assert gone.value.may_pass


def test_a_reply_that_was_edited_is_seen_once_its_thread_has_settled(company: Company) -> None:
    thread = company.thread("#help", "How?", "So.")
    written = time.time()
    fingerprints = []
    for age in (
        timedelta(0),
        timedelta(hours=2),
        timedelta(hours=3),
        timedelta(days=2),
        timedelta(days=8),
        timedelta(days=60),
    ):
        company.now = lambda age=age: written + 1 + age.total_seconds()  # type: ignore[misc]
        fingerprints.append(company.listed()[thread].fingerprint)
    assert [fingerprints.index(one) for one in fingerprints] == [0, 1, 1, 3, 4, 4]


def test_what_is_older_than_since_is_left_out(company: Company) -> None:
    thread = company.thread("#help", "How?", "So.")
    written = time.time()
    company.now = lambda: written + 100 * 86_400
    assert company.listed(since="99d") == {}
    assert company.listed(since="101d").keys() == company.listed(since="never").keys() == {thread}


def test_this_bots_answers_are_no_evidence(company: Company) -> None:
    answer = "According to the handbook you have 99 days of annual leave, which is wrong."
    company.bot.chat_postMessage(channel=HELP, text=answer)
    asked = [company.ada.mention("#help", f"how many days of annual leave do I have, {n}?") for n in range(3)]
    for ts in asked:
        company.bot.chat_postMessage(channel=HELP, text=answer, thread_ts=ts)
    company.ada.say("#help", "and how many of them in my first year here?", asked[1])
    company.grace.say("#help", "No, it is 30 days.", asked[2])
    unanswered = company.ada.mention(
        "#help", "is there anything about the office in Lisbon and its opening hours?"
    )
    talk = company.thread("#help", "Lunch?", "Yes.")
    company.bot.chat_postMessage(channel=HELP, text=answer, thread_ts=talk.split("/")[1])

    assert company.listed().keys() == {f"{HELP}/{asked[2]}", talk}
    corrected = company.text(f"{HELP}/{asked[2]}")
    assert "how many days" in corrected
    assert "No, it is 30 days." in corrected
    for uri in (f"{HELP}/{asked[2]}", talk, f"{HELP}/{unanswered}", f"{HELP}/{asked[0]}"):
        assert "99 days" not in company.text(uri)


def test_a_private_channel_is_read_only_where_named_and_by_its_members(company: Company) -> None:
    secret = company.thread("#hr", "Who gets a raise?", "Linus.")
    company.thread("#help", "How?", "So.")

    assert secret not in company.listed()
    for name in ("hr", "#hr", HR):
        assert {one.uri: one.readers for one in company.open(channels=[name]).list({})} == {
            secret: frozenset({f"channel:{HR}"})
        }
    assert len(company.listed(channels=["hr", "#help", HELP], readers=["team:T1"])) == 2


def test_a_channel_that_became_private_changes_its_readers_or_leaves(company: Company) -> None:
    thread = company.thread("#help", "How?", "So.")
    before = company.listed(channels=["help"])[thread]
    company.workspace.directory.channels[HELP].kind = ChannelKind.PRIVATE
    after = company.listed(channels=["help"])[thread]

    assert (before.readers, after.readers) == (None, frozenset({f"channel:{HELP}"}))
    assert before.fingerprint == after.fingerprint
    assert thread not in company.listed()


@pytest.mark.parametrize("change", [{"kind": ChannelKind.PRIVATE}, {"is_ext_shared": True}])
@pytest.mark.parametrize("n_other", [0, 2])
def test_a_channel_that_became_private_or_shared_takes_its_threads_along_whatever_their_share(
    company: Company, library: Library, change: dict[str, Any], n_other: int
) -> None:
    for n in range(12):
        company.thread("#help", f"Where is bicycle {n}?", f"Bicycle {n} is in the yard.")
    for n in range(n_other):
        company.thread("#general", f"Where is bicycle {n}?", f"Bicycle {n} is in the yard.")

    def found(*members: str) -> int:
        audience = Audience((frozenset(members),))
        n_found = len(library.search("bicycle in the yard", audience=audience).passages)
        n_listed = len(library.list_documents(audience=audience, limit=50).documents)
        assert bool(n_found) == bool(n_listed)
        return n_listed

    library.sync(company.open())
    assert found("everyone") == 12 + n_other
    for name, value in change.items():
        setattr(company.workspace.directory.channels[HELP], name, value)
    if not n_other:  # it was the only channel
        for channel in ("#general", "#partners", "#visitors"):
            company.workspace.leave(channel, company.workspace.app.bot_user_id)
        with pytest.raises(UserError, match=r"none of its channels.*But the readers of 12 documents were"):
            library.sync(company.open())
        assert found("everyone", f"channel:{HELP}") == 12
    else:
        report = library.sync(company.open())  # 12 of 14 are gone, and not suspicious
        assert (report.n_removed, report.n_unchanged) == (12, n_other)
        assert found("everyone", f"channel:{HELP}") == n_other
    assert found("everyone") == n_other


def test_a_channel_that_the_bot_does_not_see_any_more_is_for_its_members(
    company: Company, library: Library
) -> None:
    company.thread("#help", "Where is the bicycle?", "The bicycle is in the yard.")
    library.sync(company.open(channels=["help"]))
    company.workspace.directory.channels[HELP].kind = ChannelKind.PRIVATE
    company.workspace.leave("#help", company.workspace.app.bot_user_id)
    with pytest.raises(UserError, match=r"in no channel '#help'.*But the readers of 1 document were narrowed"):
        library.sync(company.open(channels=["help"]))
    assert library.search("bicycle", audience=Audience()).passages == ()


def test_a_public_channel_that_is_read_no_more_costs_one_call_and_nothing_else(
    company: Company, library: Library
) -> None:
    for channel in ("#help", "#general"):
        company.thread(channel, "Where is the bicycle?", "The bicycle is in the yard.")
    library.sync(company.open())
    assert company.n_calls("conversations.info") == 2  # for the names in titles
    assert library.sync(company.open(channels=["help"])).n_removed == 1
    assert company.n_calls("conversations.info") == 3


def test_readers_are_given_by_the_names_of_channels(company: Company, library: Library) -> None:
    for channel in ("#help", "#general", "#hr"):
        company.thread(channel, f"Where is the bicycle of {channel[1:]}?", "The bicycle is in the yard.")
    readers = {"*": ["everyone"], "gen*/": ["guests"], "hr": ["group:S1"]}
    options = {"channels": ["help", "general", "hr"], "readers": readers}
    described = connector.validate_options({"type": "slack", **options}, where="test")

    def found(*members: str) -> set[str]:
        passages = library.search("where is the bicycle", audience=Audience((frozenset(members),))).passages
        return {passage.title.partition(":")[0] for passage in passages}

    library.sync(company.open(**options), declaration=described.declaration)
    assert (found("everyone"), found("guests")) == ({"#help"}, {"#general"})
    assert found("everyone", f"channel:{HR}") == {"#help"}  # private, and for a group of its members
    assert found("group:S1", f"channel:{HR}") == {"#hr"}
    company.workspace.faults.error("users.conversations", "token_revoked", times=None)
    readers["help/"] = ["guests"]
    described = connector.validate_options({"type": "slack", **options}, where="test")
    with pytest.raises(UserError, match="does not accept the token"):
        library.sync(company.open(**options), declaration=described.declaration)
    assert found("everyone") == set()  # the channel's name is known without asking for it


def test_a_channel_shared_with_another_company_is_read_only_where_named(company: Company) -> None:
    shared = company.thread("#partners", LONG)
    assert company.listed() == {}
    assert company.listed(channels=["partners"])[shared].readers == frozenset({f"channel:{PARTNERS}"})


def test_conversations_of_a_few_people_are_refused(company: Company) -> None:
    workspace = company.workspace
    workspace.app.scopes.add("mpim:read")
    members = [ADA, GRACE, workspace.app.bot_user_id]
    workspace.add_channel(Channel("C0GROUPDM01", "mpdm-ada--grace-1", ChannelKind.MPIM, members))
    company.ada.write_dm(LONG)

    assert company.listed() == {}
    for name in (company.ada.dm, "C0GROUPDM01"):
        with pytest.raises(UserError, match="conversation of a few people"):
            company.listed(channels=[name])


def test_a_channel_the_bot_cannot_read_is_named_with_what_to_do(company: Company) -> None:
    company.thread("#help", "How?", "So.")
    with pytest.raises(UserError, match=r"in no channel '#random'.*/invite the bot to #random"):
        company.listed(channels=["help", "random"])
    with pytest.raises(UserError, match=r"not in #random. /invite it to #random"):
        company.listed(channels=[RANDOM])
    with pytest.raises(UserError, match="knows no channel C0NOWHERE01"):
        company.listed(channels=["C0NOWHERE01"])
    for channel in ("#help", "#general", "#partners", "#visitors"):
        company.workspace.leave(channel, company.workspace.app.bot_user_id)
    with pytest.raises(UserError, match="in none of its channels"):
        company.listed()


@pytest.mark.parametrize(
    ("method", "code", "told"),
    [
        ("auth.test", "invalid_auth", "does not accept the token in SLACK_BOT_TOKEN.*Copy the bot token"),
        ("users.conversations", "token_revoked", "does not accept the token"),
        ("conversations.history", "not_in_channel", "not in the channel C0.*/invite it there"),
        ("conversations.history", "some_new_error", r"refused conversations.history \(some_new_error\)"),
    ],
)
def test_a_refusal_in_the_middle_ends_the_listing(company: Company, method: str, code: str, told: str) -> None:
    for channel in ("#general", "#help"):
        company.thread(channel, "How?", "So.")
    rule = company.workspace.faults.error(method, code, times=None)
    rule.skip = 1 if method == "conversations.history" else 0
    with pytest.raises(UserError, match=told):
        company.listed()
    assert company.pauses == []


def test_a_missing_scope_is_named(company: Company) -> None:
    company.thread("#help", "How?", "So.")
    for scope in ("channels:history", "channels:read"):
        company.workspace.app.scopes = {*SCOPES} - {scope}
        with pytest.raises(UserError, match=f"lacks the scope {scope}.*OAuth & Permissions"):
            company.listed()


def test_without_the_scope_for_names_ids_stand_for_them(company: Company) -> None:
    thread = company.thread("#help", "How?", f"Ask <@{LINUS}>.")
    company.workspace.app.scopes.remove("users:read")
    text = company.text(thread)
    assert f"**{ADA}**" in text
    assert f"Ask @{LINUS}." in text
    assert company.n_calls("users.info") == 1


def test_a_rate_limit_is_waited_for_but_not_for_ever(company: Company) -> None:
    thread = company.thread("#help", "How?", "So.")
    faults = company.workspace.faults
    faults.rate_limit("conversations.history", retry_after=7, times=2)
    faults.rate_limit("conversations.replies", retry_after=3)
    assert company.listed().keys() == {thread}
    assert "So." in company.text(thread)
    assert company.pauses == [7, 7, 3]

    faults.rate_limit("*", retry_after=60, times=None)
    with pytest.raises(UserError, match="Slack does not answer"):
        company.listed()
    with pytest.raises(FetchProblem, match="Slack does not answer") as problem:
        company.open().fetch(thread)
    assert problem.value.may_pass
    assert sum(company.pauses[3:]) == 2 * 180  # seconds


def test_a_call_that_gets_no_answer_is_repeated(company: Company) -> None:
    thread = company.thread("#help", "How?", "So.")
    faults = company.workspace.faults
    faults.drop("conversations.history")
    faults.lose_answer("users.conversations")
    faults.fail("conversations.replies", status=503)
    faults.error("auth.test", "internal_error")
    assert company.listed().keys() == {thread}
    assert "So." in company.text(thread)
    assert len(company.pauses) == 4

    faults.drop("conversations.history", times=None)
    with pytest.raises(UserError, match=r"does not answer conversations.history"):
        company.listed()


def test_a_token_is_found_by_its_variable(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = company.thread("#help", "How?", "So.")
    monkeypatch.setenv("SLACK_API_URL", company.api_url)
    monkeypatch.setenv("ARCHIVE_TOKEN", company.workspace.app.bot_token)
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    for location in ("slack", "slack://"):
        options = connector.validate_options({"location": location, "token_env": "ARCHIVE_TOKEN"}, where="test")
        slack = connector.open_source(options, home=tmp_path)
        assert (slack.name, [one.uri for one in slack.list({})]) == ("slack", [thread])
    with pytest.raises(UserError, match="SLACK_BOT_TOKEN is not set"):
        connector.open_source(connector.validate_options({"location": "slack"}, where="test"), home=tmp_path)


def test_a_private_thread_is_found_by_those_of_its_channel_only(company: Company, library: Library) -> None:
    open_ = company.thread("#help", "How do I book a bicycle?", "Bicycles are booked with the janitor, Mr Krause.")
    secret = company.thread("#hr", "Who gets a raise?", "Raises are given to bicycle couriers in October.")
    library.sync(company.open(channels=["help", "hr"]))

    def found(*members: frozenset[str]) -> set[str]:
        passages = library.search("bicycle raises", audience=Audience(members)).passages
        return {passage.url.split("archives/")[1] for passage in passages}

    paths = {uri: uri.replace("/", "/p").replace(".", "") for uri in (open_, secret)}
    anybody = frozenset({"everyone"})
    of_hr = frozenset({"everyone", f"channel:{HR}"})
    assert found(anybody) == {paths[open_]}
    assert found(of_hr) == {paths[open_], paths[secret]}
    assert found(of_hr, anybody) == {paths[open_]}

    company.workspace.directory.channels[HELP].kind = ChannelKind.PRIVATE
    library.sync(company.open(channels=["help", "hr"]))
    assert found(anybody) == set()
