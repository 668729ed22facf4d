"""Who sees an answer, looked up in the stand-in: guests, other companies, groups, changes, no Slack."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent import observability
from agent.store.database import Database
from agent.types import Audience
from bot.simulator import ADA, GRACE, HELP, HR, LINUS, PARTNERS, VISITORS, Workspace
from bot.simulator.stores.directory import GUEST, OTHER_BOT, PARTNER, PARTNER_TEAM, TEAM, User
from bot.slack.client import SlackClient
from bot.slack.inbox import ReplyAddress
from bot.slack.membership import changes
from bot.slack.membership.audience import MIXED, AudienceResolver, SeenBy
from bot.slack.membership.directory import SlackDirectory
from ingest.access.reader_sets import ReaderSets, one_of, store_readers

ALL = {
    "everyone": one_of(["everyone"]),
    "group": one_of(["group:S1"]),
    "hr": one_of([f"channel:{HR}"]),
    "guests": one_of(["guests"]),
    "ada": one_of([f"user:{ADA}"]),
    "external": one_of(["external"]),
    "address": one_of(["email:ada@example.com"]),
    "domain": one_of(["domain:example.com"]),
    "team": one_of([f"team:{TEAM}"]),
    "partner team": one_of([f"team:{PARTNER_TEAM}"]),
    "both": one_of(["everyone", "guests"]),
}
Reads = Callable[..., set[str]]
LOOK_UPS = ("conversations.members", "users.info", "usergroups.list", "conversations.info")


class RefreshedResolver(AudienceResolver):
    """Reads what has changed before each question, as a worker does with the claim."""

    def resolve(self, address: ReplyAddress) -> SeenBy:
        with self._database.transaction() as transaction:
            self.refresh(transaction)
            self._reader_sets.update(transaction)
        return super().resolve(address)


@pytest.fixture
def resolver(slack: SlackClient, database: Database) -> AudienceResolver:
    sets = ReaderSets()
    with database.transaction() as transaction:
        for readers in ALL.values():
            store_readers(transaction, readers)
    return RefreshedResolver(SlackDirectory(slack), sets, database)


def in_channel(channel: str, user: str = ADA) -> ReplyAddress:
    return ReplyAddress(TEAM, channel, user, ts="1.1", thread_ts="1.1")


def in_dm(user: str) -> ReplyAddress:
    return ReplyAddress(TEAM, "D" + user[1:], user, ts="1.1", thread_ts="1.1", is_direct=True)


@pytest.fixture
def reads(resolver: AudienceResolver) -> Reads:
    """What of ALL may be read by those who see an answer there."""

    def of(address: ReplyAddress) -> set[str]:
        return set(ReaderSets(dict(ALL)).readable(resolver.resolve(address).audience))

    return of


def tell(database: Database, **event: object) -> None:
    changes.store(database, event)


OF_A_MEMBER = {"everyone", "domain", "team", "both"}


def test_each_place_has_its_readers(workspace: Workspace, reads: Reads) -> None:
    workspace.set_group("S1", [ADA, GRACE])
    assert reads(in_channel(HELP)) == OF_A_MEMBER
    assert reads(in_channel(HR)) == OF_A_MEMBER | {"group", "hr"}
    assert reads(in_dm(ADA)) == OF_A_MEMBER | {"group", "hr", "ada", "address"}
    assert reads(in_dm(LINUS)) == OF_A_MEMBER
    assert reads(replace(in_channel(HELP), thread_ts=None)) == reads(in_dm(ADA))  # a command


def test_guests_and_other_companies_narrow_what_is_read(workspace: Workspace, reads: Reads) -> None:
    assert reads(in_channel(VISITORS)) == {"both", "domain"}
    assert reads(in_channel(PARTNERS)) == set()
    assert reads(in_dm(GUEST)) == {"guests", "both", "domain"}
    assert reads(in_dm(PARTNER)) == {"external", "partner team"}  # not by an address: anybody may write one


def test_a_shared_channel_is_read_by_another_company_though_none_of_it_has_joined(
    workspace: Workspace, reads: Reads, database: Database
) -> None:
    assert "everyone" in reads(in_channel(HELP))
    workspace.share(HELP)
    tell(database, type="channel_shared", channel=HELP)
    assert reads(in_channel(HELP)) == set()


def test_what_is_said_of_a_mixed_channel(resolver: AudienceResolver) -> None:
    assert resolver.resolve(in_channel(VISITORS)).notice == MIXED
    assert resolver.resolve(in_channel(HELP)).notice == ""
    assert resolver.resolve(in_dm(GUEST)).notice == ""


def test_apps_of_the_workspace_are_no_readers(workspace: Workspace, reads: Reads) -> None:
    workspace.set_group("S1", [ADA, GRACE])
    workspace.join(HR, OTHER_BOT)
    assert "group" in reads(in_channel(HR))


@pytest.mark.parametrize("method", LOOK_UPS)
@pytest.mark.parametrize("address", [in_channel(HR), in_dm(ADA)], ids=["channel", "dm"])
def test_where_slack_cannot_be_asked_only_the_very_place_counts(
    workspace: Workspace, resolver: AudienceResolver, method: str, address: ReplyAddress
) -> None:
    workspace.faults.fail(method, times=None)
    seen_by = resolver.resolve(address)
    if address.is_private and method.startswith("conversations"):
        assert seen_by.notice == ""
        return
    assert seen_by.audience == address.audience
    assert "I could not look up in Slack" in seen_by.notice


def test_an_outage_of_slack_is_no_error_of_each_question(
    workspace: Workspace, resolver: AudienceResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[str] = []
    monkeypatch.setattr(observability, "report", lambda error, event: reported.append(event))
    workspace.faults.fail("conversations.members", times=None)
    for channel in (HELP, HR):
        resolver.resolve(in_channel(channel))
    assert reported == []
    resolver.resolve(in_channel("C0GONE"))
    assert reported == ["audience_unknown"]


def test_a_missing_permission_is_named(workspace: Workspace, resolver: AudienceResolver) -> None:
    workspace.app.scopes.discard("users:read")
    seen_by = resolver.resolve(in_channel(HELP))
    assert seen_by.audience == Audience((frozenset({f"channel:{HELP}"}),))
    assert "missing_scope" in seen_by.notice


CHANGES: dict[str, tuple[Callable[[Workspace], None], dict[str, object], ReplyAddress, set[str]]] = {
    "joins": (
        lambda w: w.join(HR, LINUS),
        {"type": "member_joined_channel", "channel": HR, "user": LINUS},
        in_channel(HR),
        OF_A_MEMBER | {"hr"},
    ),
    "leaves the channel": (
        lambda w: w.leave(HR, ADA),
        {"type": "member_left_channel", "channel": HR, "user": ADA},
        in_dm(ADA),
        OF_A_MEMBER | {"ada", "address", "group"},
    ),
    "leaves the group": (
        lambda w: w.set_group("S1", [GRACE]),
        {"type": "subteam_members_changed", "subteam_id": "S1"},
        in_channel(HR),
        OF_A_MEMBER | {"hr"},
    ),
    "becomes a guest": (
        lambda w: w.change_user(replace(w.person(GRACE).user, is_restricted=True)),
        {"type": "user_change", "user": {"id": GRACE}},
        in_channel(HR),
        {"both", "hr", "group", "domain"},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_slack_tells_counts_at_once(
    workspace: Workspace, reads: Reads, database: Database, name: str
) -> None:
    change, event, address, after = CHANGES[name]
    workspace.set_group("S1", [ADA, GRACE])
    before = reads(address)
    change(workspace)
    assert reads(address) == before  # it is remembered
    tell(database, **event)
    assert reads(address) == after != before


def test_a_change_that_slack_does_not_tell_counts_after_a_minute(
    workspace: Workspace, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "everyone" in reads(in_channel(HELP))
    workspace.join(HELP, GUEST)
    assert "everyone" in reads(in_channel(HELP))
    monkeypatch.setattr("bot.slack.membership.directory.KEPT_SECONDS", 0)
    assert "everyone" not in reads(in_channel(HELP))


def test_a_large_channel_is_listed_page_by_page_and_people_at_once(workspace: Workspace, reads: Reads) -> None:
    fill(workspace, HELP)
    assert "everyone" in reads(in_channel(HELP))
    assert len([c for c in workspace.calls_of("conversations.members") if c.args["channel"] == HELP]) == 2
    assert len(workspace.calls_of("users.list")) == 2
    assert workspace.calls_of("users.info") == []
    reads(in_channel(HELP))
    assert len(workspace.calls_of("users.list")) == 2


def test_one_person_of_many_is_looked_up_again(
    workspace: Workspace, reads: Reads, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(workspace, HELP)
    assert "everyone" in reads(in_channel(HELP))
    n_calls = len(workspace.calls)
    workspace.change_user(replace(workspace.directory.users["U0000007"], is_restricted=True))
    tell(database, type="user_change", user={"id": "U0000007"})
    assert reads(in_channel(HELP)) == {"both", "domain"}
    assert [call.method for call in workspace.calls[n_calls:]] == ["users.info"]

    def never(*args: object) -> None:
        raise AssertionError("the audience is made again")

    monkeypatch.setattr("bot.slack.membership.audience.make_audience", never)
    assert reads(in_channel(HELP)) == {"both", "domain"}


def test_a_channel_that_slack_does_not_show_is_asked_for_once(
    workspace: Workspace, resolver: AudienceResolver, reads: Reads
) -> None:
    workspace.leave(HR, workspace.app.bot_user_id)
    assert reads(in_channel(HELP)) == OF_A_MEMBER
    n_calls = len(workspace.calls)
    assert reads(in_channel(HELP)) == OF_A_MEMBER
    assert len(workspace.calls) == n_calls


def fill(workspace: Workspace, channel: str) -> None:
    """Adds 1,100 people."""
    for i in range(1_100):
        workspace.directory.users[f"U{i:07d}"] = User(f"U{i:07d}", f"p{i}", f"Person {i}")
        workspace.directory.channels[channel].members.append(f"U{i:07d}")


def test_whoever_slack_does_not_know_is_a_stranger(workspace: Workspace, reads: Reads) -> None:
    workspace.directory.channels[HELP].members.append("U0NOBODY001")
    assert reads(in_channel(HELP)) == set()


def test_it_is_looked_up_once_for_many_questions(workspace: Workspace, resolver: AudienceResolver) -> None:
    first: SeenBy = resolver.resolve(in_channel(HELP))
    n_calls = len(workspace.calls)
    assert [resolver.resolve(in_channel(HELP, user)) for user in (ADA, GRACE)] == [first, first]
    assert len(workspace.calls) == n_calls
