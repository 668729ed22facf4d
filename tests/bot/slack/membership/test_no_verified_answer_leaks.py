"""Whatever happens to members, readers and documents: a verified answer reaches nobody who may not read the thread
where it was given and all that it rests on, nor does it reach anybody once one of these has changed.

It is written the way that experts write it, and looked for the ways that a model's tools do. Whom it may reach is
worked out here, person by person.
"""

import re
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from agent.clock import new_id
from agent.errors import ReplyError
from agent.store import sessions
from agent.store.sessions import StoredQuestion
from agent.store.tables import SourceRow
from agent.tools import ToolContext
from agent.types import Audience
from bot.simulator import ADA, GRACE, TEAM
from bot.simulator.stores.directory import ChannelKind
from bot.slack import inbox
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.interactions.experts.corrections import Corrections, load_place
from bot.slack.membership import changes
from bot.slack.membership.directory import SlackDirectory
from ingest.library import Library
from ingest.verified import answers
from ingest.verified.answers import WrittenAnswer
from tests.bot.slack.membership.test_nothing_leaks import (
    CHANNELS,
    FIXTURES_LAST,
    N_DOCUMENTS,
    PEOPLE,
    READERS,
    Company,
    act,
    company,
)
from tests.library import sync_folder
from tools.search_docs import search_docs

__all__ = ["company"]
SECRET = re.compile(r"verdict (\d+)")
KINDS: dict[str, ChannelKind] = {}  # of the channels, before an example changes them
QUESTION = "What is the pelican verdict?"
person, channel = st.sampled_from(PEOPLE), st.sampled_from(CHANNELS)
document = st.integers(0, N_DOCUMENTS - 1)
steps = st.one_of(
    st.tuples(st.just("join"), channel, person),
    st.tuples(st.just("leave"), channel, person),
    st.tuples(st.just("restrict"), person, st.booleans()),
    st.tuples(st.just("group"), st.sampled_from(["S1", "S2"]), st.sets(person)),
    st.tuples(st.just("readers"), document, st.sampled_from(READERS)),
    *[st.tuples(st.just("verify"), channel, st.sets(document, max_size=2))] * 2,
    st.tuples(st.just("edit"), document),
    st.tuples(st.just("convert"), channel),
    st.tuples(st.just("refresh")),
    *[st.tuples(st.just("look"), channel, person, st.sampled_from(["channel", "dm"]))] * 3,
)


@dataclass
class GivenAnswer:
    """A verified answer: whom its thread is for, and the documents it rests on, by number and version."""

    id: UUID
    channel: str
    thread: list[set[str]]
    documents: dict[int, int]


@dataclass
class Verdicts:
    """What experts have written in a company."""

    company: Company
    given: dict[int, GivenAnswer] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)

    def verify(self, channel: str, documents: set[int]) -> None:
        company, number = self.company, len(self.given)
        database, place = company.library.database, company.workspace.directory.channels[channel]
        if ADA not in place.members:  # who asks
            return
        ts = company.workspace.person(ADA).say(channel, QUESTION)
        address = ReplyAddress(TEAM, channel, ADA, ts=ts, thread_ts=ts)
        stored = inbox.store(
            database,
            inbox.NewQuestion(key=str(new_id()), address=address, origin=Origin.MENTION, question=QUESTION),
        )
        assert isinstance(stored, StoredQuestion)
        with database.transaction() as transaction:
            turn = sessions.claim(transaction, stored.session_id, owner="test", lease_seconds=60)
            assert turn
            for n, document in enumerate(sorted(documents), 1):
                shown = {"chunk_id": f"c{n}", "document_id": self.find_document(document), "score": 0.9}
                transaction.add(SourceRow(turn_id=turn.id, n=n, title="", url="", heading_path="", **shown))
            transaction.flush()
            sessions.finish(
                transaction, turn, status="completed", reason="answered", cited=[*range(1, len(documents) + 1)]
            )
            where, answer = load_place(transaction, turn.id), f"The verdict {number} is yes."
            assert where
            written = WrittenAnswer(f"{QUESTION} Number {number}", answer, GRACE, where)
            id_ = answers.write(transaction, new_id(), turn.id, written)
        assert id_
        slack = company.resolver._directory._slack
        try:
            Corrections(database, slack, SlackDirectory(slack)).complete(id_)
        except ReplyError:
            return
        outside = [u for u in place.members if self.is_person(u) and "everyone" not in company.principals(u)]
        is_mixed = bool(outside) or place.is_ext_shared
        everyone = {"everyone", f"channel:{channel}"} if is_mixed else {"everyone"}
        thread = everyone if place.kind == ChannelKind.PUBLIC else {f"channel:{channel}"}
        versions = {document: self.versions.get(document, 0) for document in documents}
        self.given[number] = GivenAnswer(id_, channel, [thread], versions)

    def convert(self, channel: str) -> None:
        """Makes a channel private."""
        company = self.company
        company.workspace.directory.channels[channel].kind = ChannelKind.PRIVATE
        event = {"type": "message", "subtype": "channel_convert_to_private", "channel": channel}
        changes.store(company.library.database, event)
        for answer in self.given.values():
            if answer.channel == channel:
                answer.thread.append({f"channel:{channel}"})

    def edit(self, number: int) -> None:
        self.versions[number] = self.versions.get(number, 0) + 1
        folder = self.company.folder / f"source-{number}"
        rule = f"The pelican rule number {number} says what to do, version {self.versions[number]}."
        (folder / "page.md").write_text(f"# Page {number}\n\n{rule}\n")
        sync_folder(self.company.library, folder, readers=self.company.readers[number])

    def look(self, channel: str, person: str, how: str, *, is_fresh: bool = False) -> None:
        address = ReplyAddress(TEAM, channel, person, ts="1.1", thread_ts="1.1")
        if how == "dm":
            address = ReplyAddress(TEAM, f"D{person[1:]}", person, ts="1.1", thread_ts="1.1", is_direct=True)
        library = self.company.library
        with library.database.transaction() as transaction:
            library.read_state(transaction)
            self.company.resolver.refresh(transaction)
        audience = self.company.resolver.resolve(address).audience
        told, allowed = self.ask_tools(audience), self.find_allowed(address)
        assert told <= allowed
        if is_fresh:
            assert told == allowed

    def ask_tools(self, audience: Audience) -> set[int]:
        """The answers of which a model would hear anything."""
        library = self.company.library
        context = ToolContext(audience, "", time.monotonic() + 60, resources={Library: library})
        said: list[Any] = [search_docs.call({"query": QUESTION}, context)]
        for number, answer in self.given.items():
            said.append(search_docs.call({"query": f"{QUESTION} Number {number}"}, context))
            for reference in (answer.id.hex, f"{QUESTION} Number {number}"):
                said.append(library.read(reference, audience=audience))
        said.append(library.search(QUESTION, audience=audience, k=50))
        said.append(library.list_documents(audience=audience, limit=50))
        return {int(number) for number in SECRET.findall(str(said))}

    def find_allowed(self, address: ReplyAddress) -> set[int]:
        if address.is_private:
            held = [self.company.principals(address.user_id) | {f"channel:{address.channel}"}]
        else:
            place = self.company.workspace.directory.channels[address.channel]
            held = [self.company.principals(user) for user in place.members if self.is_person(user)]
            held += [{"external", f"channel:{address.channel}"}] if place.is_ext_shared else []
            held = held or [{f"channel:{address.channel}"}]
        return {number for number, answer in self.given.items() if self.is_for(answer, held)}

    def is_for(self, answer: GivenAnswer, held: list[set[str]]) -> bool:
        sets = [*answer.thread, *(set(self.company.readers[number]) for number in answer.documents)]
        is_same = all(self.versions.get(number, 0) == version for number, version in answer.documents.items())
        return is_same and all(one & sets_ for one in held for sets_ in sets)

    def is_person(self, user: str) -> bool:
        return not self.company.workspace.directory.users[user].is_bot

    def find_document(self, number: int) -> str:
        with self.company.library.database.transaction() as transaction:
            row = transaction.execute(text("SELECT id FROM documents WHERE title = :t"), {"t": f"Page {number}"})
            return str(row.scalar_one().hex)


def run(company: Company, sequence: list[tuple[Any, ...]]) -> None:
    verdicts, places = Verdicts(company), company.workspace.directory.channels
    for place in CHANNELS:
        places[place].kind = KINDS.setdefault(place, places[place].kind)
    with company.library.database.transaction() as transaction:  # what another example has left
        transaction.execute(text("DELETE FROM verified_answers"))
    company.library.refresh_verified()
    for number in range(N_DOCUMENTS):
        verdicts.edit(number)
    for step in [("verify", CHANNELS[0], {0}), *sequence]:
        match step:
            case ("verify", place, documents):
                verdicts.verify(place, documents)
            case ("edit", number):
                verdicts.edit(number)
            case ("readers", number, readers):
                company.readers[number] = readers
                sync_folder(company.library, company.folder / f"source-{number}", readers=readers)
            case ("convert", place):
                verdicts.convert(place)
            case ("refresh",):
                company.library.refresh_verified()
            case ("look", place, who, how):
                verdicts.look(place, who, how)
            case _:
                act(company, step)
    company.library.refresh_verified()
    for place in CHANNELS:
        verdicts.look(place, ADA, "channel", is_fresh=True)
    for who in PEOPLE:
        verdicts.look(CHANNELS[0], who, "dm")


@settings(max_examples=2, suppress_health_check=FIXTURES_LAST)
@given(sequence=st.lists(steps, min_size=4, max_size=14))
def test_a_verified_answer_reaches_only_those_who_may_read_all_it_comes_from(
    company: Company, sequence: list[tuple[Any, ...]]
) -> None:
    run(company, sequence)


@pytest.mark.soak
@settings(max_examples=400, suppress_health_check=FIXTURES_LAST)
@given(sequence=st.lists(steps, min_size=8, max_size=30))
def test_a_verified_answer_reaches_only_those_many_times(
    company: Company, sequence: list[tuple[Any, ...]]
) -> None:
    run(company, sequence)
