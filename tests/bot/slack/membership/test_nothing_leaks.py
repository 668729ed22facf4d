"""Whatever happens to members, groups, channels, readers and Slack: exactly what all who see it may read is found.

The question goes the way that a worker takes: who sees the answer is looked up in the stand-in, then the index is
searched. What should be found is worked out here, person by person, from what the stand-in holds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.store.database import Database
from bot.simulator import ADA, GENERAL, GRACE, HELP, HR, LINUS, PARTNERS, VISITORS, Workspace
from bot.simulator.stores.directory import GUEST, PARTNER, PARTNER_TEAM, TEAM, User
from bot.slack.client import SlackClient
from bot.slack.inbox import ReplyAddress
from bot.slack.membership import changes
from bot.slack.membership.audience import AudienceResolver
from bot.slack.membership.directory import SlackDirectory
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.library import sync_folder

PEOPLE = [ADA, GRACE, LINUS, GUEST, PARTNER]
CHANNELS = [GENERAL, HELP, HR, PARTNERS, VISITORS]
READERS: list[list[str]] = [
    ["everyone"],
    ["everyone", "guests"],
    ["guests"],
    ["external"],
    ["everyone", "guests", "external"],
    ["group:S1"],
    ["group:S1", "group:S2"],
    [f"channel:{HR}"],
    [f"channel:{HELP}", "group:S2"],
    [f"user:{ADA}"],
    [f"user:{ADA}", f"user:{GRACE}"],
    [f"team:{TEAM}"],
    [f"team:{PARTNER_TEAM}"],
    ["email:grace@example.com"],
    ["domain:example.com", "external"],
]
N_DOCUMENTS = 6
QUESTION = "What does the pelican rule say?"

person, channel = st.sampled_from(PEOPLE), st.sampled_from(CHANNELS)
steps = st.one_of(
    st.tuples(st.just("join"), channel, person),
    st.tuples(st.just("leave"), channel, person),
    st.tuples(st.just("restrict"), person, st.booleans()),
    st.tuples(st.just("group"), st.sampled_from(["S1", "S2"]), st.sets(person)),
    st.tuples(st.just("share"), channel, st.booleans()),
    st.tuples(st.just("readers"), st.integers(0, N_DOCUMENTS - 1), st.sampled_from(READERS)),
    st.tuples(st.just("outage"), st.sampled_from(["conversations.members", "users.info", "usergroups.list"])),
    *[st.tuples(st.just("ask"), channel, person, st.sampled_from(["channel", "dm", "command"]))] * 4,
)


@dataclass
class Company:
    """The stand-in with documents, and who may read each."""

    workspace: Workspace
    library: Library
    resolver: AudienceResolver
    folder: Path
    readers: dict[int, list[str]] = field(default_factory=dict)
    is_out: str = ""
    n_questions: int = 0

    def set_readers(self, number: int, readers: list[str]) -> None:
        folder = self.folder / f"source-{number}"
        folder.mkdir(exist_ok=True)
        (folder / "page.md").write_text(f"# Page {number}\n\nThe pelican rule number {number} says what to do.\n")
        sync_folder(self.library, folder, readers=readers)
        self.readers[number] = readers

    def found(self, address: ReplyAddress) -> set[int]:
        self.n_questions += 1
        with self.library.database.transaction() as transaction:
            self.library.read_state(transaction)
            self.resolver.refresh(transaction)
        audience = self.resolver.resolve(address).audience
        passages = self.library.search(QUESTION, audience=audience, k=50).passages
        listed = self.library.list_documents(audience=audience, limit=50).documents
        titles = {passage.title for passage in passages}
        assert titles == {document.title for document in listed}
        return {int(title.removeprefix("Page ")) for title in titles}

    def expected(self, address: ReplyAddress) -> set[int]:
        if self.is_out and (not address.is_private or self.is_out != "conversations.members"):
            (own,) = address.audience.members
            held = [set(own)]
        elif address.is_private:
            held = [self.principals(address.user_id) | {f"channel:{address.channel}"}]
        else:
            place = self.workspace.directory.channels[address.channel]
            users = [u for u in place.members if not self.workspace.directory.users[u].is_bot]
            held = [self.principals(user) for user in users]
            held += [{"external", f"channel:{address.channel}"}] if place.is_ext_shared else []
            held = held or [{f"channel:{address.channel}"}]
        return {n for n, readers in self.readers.items() if all(set(readers) & one for one in held)}

    def principals(self, user_id: str) -> set[str]:
        directory = self.workspace.directory
        user = directory.users[user_id]
        held = {f"user:{user_id}"}
        held |= {f"channel:{place.id}" for place in directory.channels.values() if user_id in place.members}
        held |= {f"group:{group}" for group, users in directory.groups.items() if user_id in users}
        if user.team_id != TEAM:
            return held | {"external", f"team:{user.team_id}"}
        held |= {f"email:{user.email}", "domain:example.com"}
        return held | ({"guests"} if user.is_restricted else {"everyone", f"team:{TEAM}"})


@pytest.fixture
def company(slack: SlackClient, workspace: Workspace, database: Database, tmp_path: Path) -> Company:
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index")))
    resolver = AudienceResolver(SlackDirectory(slack), library.reader_sets, database)
    published: Callable[..., Any] = workspace.publisher.publish

    def publish(event: Any, channel: Any) -> None:  # as the web process stores what Slack tells it
        published(event, channel)
        if channel is None or workspace.app.bot_user_id in channel.members:
            changes.store(database, event)

    workspace.publisher.publish = publish  # type: ignore[method-assign]
    company = Company(workspace, library, resolver, tmp_path)
    for number in range(N_DOCUMENTS):
        company.set_readers(number, READERS[number])
    return company


def act(company: Company, step: tuple[Any, ...]) -> None:
    workspace = company.workspace
    match step:
        case ("join", channel, person):
            workspace.join(channel, person)
        case ("leave", channel, person):
            workspace.leave(channel, person)
        case ("restrict", person, is_restricted):
            user: User = workspace.directory.users[person]
            if user.team_id == TEAM:
                workspace.change_user(replace(user, is_restricted=is_restricted))
        case ("group", group, users):
            workspace.set_group(group, sorted(users))
        case ("share", channel, is_shared):
            workspace.share(channel, is_shared=is_shared)
        case ("readers", number, readers):
            company.set_readers(number, readers)
        case ("outage", method):
            workspace.faults.fail(method, times=None)
            company.is_out = method


def ask(company: Company, channel: str, person: str, how: str) -> None:
    address = ReplyAddress(TEAM, channel, person, ts="1.1", thread_ts="1.1")
    if how == "dm":
        address = replace(address, channel="D" + person[1:], is_direct=True)
    elif how == "command":
        address = replace(address, ts=None, thread_ts=None)
    found, expected = company.found(address), company.expected(address)
    if company.is_out:  # what is remembered may still be used
        assert found <= expected | company_without_outage(company, address)
    else:
        assert found == expected, (address, company.readers)


def company_without_outage(company: Company, address: ReplyAddress) -> set[int]:
    return replace(company, is_out="").expected(address)


def run(company: Company, sequence: list[tuple[Any, ...]]) -> None:
    company.workspace.faults.clear()
    company.is_out = ""
    for step in sequence:
        if step[0] == "ask":
            ask(company, *step[1:])
        else:
            act(company, step)
    company.workspace.faults.clear()
    company.is_out = ""
    for place in CHANNELS:
        ask(company, place, ADA, "channel")


FIXTURES_LAST = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=30, suppress_health_check=FIXTURES_LAST)
@given(sequence=st.lists(steps, min_size=5, max_size=20))
def test_exactly_what_all_may_read_is_found(company: Company, sequence: list[tuple[Any, ...]]) -> None:
    run(company, sequence)


@pytest.mark.soak
@settings(max_examples=1_400, suppress_health_check=FIXTURES_LAST)
@given(sequence=st.lists(steps, min_size=10, max_size=40))
def test_exactly_what_all_may_read_is_found_many_times(company: Company, sequence: list[tuple[Any, ...]]) -> None:
    run(company, sequence)
