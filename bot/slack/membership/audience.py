"""Who will see an answer, by the principals that documents name.

Promises: in a channel every member, in one that is shared with another company also whoever of it may look in, in
a direct message and behind a command the asker; whoever cannot be looked up is taken for a stranger. Where Slack
cannot be asked, the audience is the channel itself or the asker: only what names that very one is found, and the
answer says so. Apps of the own workspace in a channel are no readers: an administrator let them in.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace

from agent import observability
from agent.errors import ReplyError
from agent.store.database import Database, Transaction
from agent.translation.speech import mark, say
from agent.types import EVERYONE, EXTERNAL, ONE_OF_MANY, WORKSPACE, Audience
from bot.slack.client import SlackRefused
from bot.slack.inbox import ReplyAddress
from bot.slack.installation.tokens import NotInstalled
from bot.slack.membership.directory import ChannelMembers, Everybody, SlackDirectory
from ingest.access.audiences import make_audience
from ingest.access.reader_sets import ReaderSets

OTHER_COMPANY = "somebody of another company"  # in a shared channel, who need not be a member to read it
LOOKED_UP = ("user:", "channel:")  # the principals that are an audience of their own
SECONDS = 30  # for looking everybody up
MAX_MADE = 1_000  # audiences of channels that are remembered
MAX_OTHER_CHANNELS = 20  # whose members are compared with those of a channel
UNREACHABLE = mark(
    "I could not look up in Slack who may read what, so I searched only what is meant for {place}. "
    "Please ask again later."
)
UNREADABLE = mark(
    "I may not look up in Slack who is here ({code}), so I searched only what is meant for {place}. "
    "Whoever runs me can install me again, with the permissions of the present manifest."
)
MIXED = mark(
    "Not everybody here is a full member of the workspace, so I searched only what all of you may read. "
    "Ask me in a direct message for the rest."
)


@dataclass(frozen=True)
class SeenBy:
    """The audience, and what to say of it below the answer; empty if nothing.

    ``error`` tells why it is not known who sees the answer: then the audience is the place or the person alone.
    ``locale`` is what the asker's Slack is set to, as far as that was looked up.
    """

    audience: Audience
    notice: str = ""
    error: ReplyError | None = None
    locale: str = ""


@dataclass(frozen=True, eq=False)
class _Facts:
    """What the audience of a channel is made from."""

    people: Everybody
    channel: ChannelMembers
    others: tuple[ChannelMembers, ...]
    groups: Mapping[str, frozenset[str]]
    named: frozenset[str]
    clauses: frozenset[frozenset[str]]

    def are_same(self, facts: "_Facts") -> bool:
        """Returns whether nothing was looked up anew since; compares no contents."""
        mine, theirs = (
            (one.people, one.channel, one.groups or None, one.clauses, *one.others) for one in (self, facts)
        )
        return len(mine) == len(theirs) and all(a is b for a, b in zip(mine, theirs, strict=True))

    def list_holders(self) -> tuple[frozenset[str], dict[str, Set[str]]]:
        """Returns who reads what stands in the channel, and who holds each principal that some document names,
        and the channel's own."""
        own = f"channel:{self.channel.id}"
        readers = self.channel.members & self.people.readers
        holders = {name: self.people.holders(name) for name in {*self.named, EVERYONE}}
        holders |= {f"group:{id_}": ids for id_, ids in self.groups.items() if f"group:{id_}" in self.named}
        holders |= {f"channel:{other.id}": other.members for other in self.others}
        if self.channel.is_shared:
            readers |= {OTHER_COMPANY}
            holders[EXTERNAL] = holders.get(EXTERNAL, frozenset()) | {OTHER_COMPANY}
        return readers, {**holders, own: readers}


class AudienceResolver:
    """Resolves the audiences of one workspace.

    ``workspace`` is its id where it is one of many that have installed the app. Promises that nobody there reads
    what is declared for another one, whatever ids the two have in common, or for none.
    """

    def __init__(
        self, directory: SlackDirectory, reader_sets: ReaderSets, database: Database, workspace: str = ""
    ) -> None:
        self._directory, self._reader_sets, self._database = directory, reader_sets, database
        self._workspace = workspace
        self._made: dict[str, tuple[_Facts, Audience]] = {}  # by channel
        self._lock = threading.Lock()

    def refresh(self, transaction: Transaction) -> None:
        """Reads what has changed in Slack; call it before each question."""
        self._directory.refresh(transaction)

    def resolve(self, address: ReplyAddress) -> SeenBy:
        """Returns who will see the answer to a question that was asked there, by what was last read."""
        deadline = time.monotonic() + SECONDS
        try:
            if address.is_private:
                seen_by = SeenBy(self.of_person(address.user_id, deadline, also=f"channel:{address.channel}"))
            else:
                seen_by = self._of_channel(address.channel, deadline)
            return replace(seen_by, locale=self._directory.find_locale(address.user_id))
        except NotInstalled:
            raise
        except ReplyError as error:
            if error.is_transient:  # of the token the operator is told once, by the client
                observability.log.warning("audience_unknown", error=str(error))
            else:
                observability.report(error, event="audience_unknown")
            return self._unknown(address, error)

    def of_reader(self, name: str) -> Audience:
        """Returns the audience of ``user:U`` or ``channel:C``; raises :class:`ReplyError`."""
        with self._database.transaction() as transaction:
            self.refresh(transaction)
            self._reader_sets.update(transaction)
        kind, _, id_ = name.partition(":")
        deadline = time.monotonic() + SECONDS
        return self.of_person(id_, deadline) if kind == "user" else self.of_channel(id_, deadline)

    def is_member(self, channel_id: str, user_id: str) -> bool:
        """Returns whether a person is in a channel, as of what was last read; raises :class:`ReplyError`."""
        return user_id in self._directory.channel(channel_id, time.monotonic() + SECONDS).members

    def is_in_group(self, user_id: str, group_ids: Iterable[str], deadline: float) -> bool:
        """Returns whether a person is in one of these user groups; raises :class:`ReplyError`."""
        groups = self._directory.groups(deadline)
        return any(user_id in groups.get(group_id, ()) for group_id in group_ids)

    def list_groups(self, deadline: float) -> Mapping[str, str]:
        """Lists how the user groups are called, by their ids; raises :class:`ReplyError`."""
        return self._directory.group_handles(deadline)

    def of_person(self, user_id: str, deadline: float, *, also: str = "") -> Audience:
        """Returns the audience of one person, with all that they are; raises :class:`ReplyError`."""
        user = self._directory.people({user_id}, deadline).by_id[user_id]
        kinds = {name.partition(":")[0] for name in self._reader_sets.principals()}
        groups = self._directory.groups(deadline) if "group" in kinds else {}
        channels = self._directory.channels_of(user_id, deadline) if "channel" in kinds else frozenset()
        principals = {*user.principals, *(f"channel:{id_}" for id_ in channels)}
        principals |= {f"group:{id_}" for id_, members in groups.items() if user_id in members}
        return self._place(Audience((frozenset(principals | ({also} if also else set())),)))

    def of_channel(self, channel_id: str, deadline: float) -> Audience:
        """Returns the audience of everybody in a channel; raises :class:`ReplyError`."""
        facts = self._look_up(channel_id, deadline)
        with self._lock:
            known = self._made.get(channel_id)
        if known is not None and known[0].are_same(facts):
            return known[1]
        audience = self._place(make_audience(*facts.list_holders(), facts.clauses))
        with self._lock:
            if len(self._made) >= MAX_MADE:
                self._made.clear()
            self._made[channel_id] = facts, audience
        return audience

    def _of_channel(self, channel_id: str, deadline: float) -> SeenBy:
        audience = self.of_channel(channel_id, deadline)
        if not audience.members:  # nobody but apps
            return SeenBy(self._place(Audience((frozenset({f"channel:{channel_id}"}),))))
        is_mixed = not all(EVERYONE in member for member in audience.members)
        return SeenBy(audience, say(MIXED) if is_mixed else "")

    def _place(self, audience: Audience) -> Audience:
        """Returns the audience with the workspace in which it asks, where documents name workspaces."""
        where = self._find_place(self._directory.own_team)
        return Audience(tuple(member | where for member in audience.members)) if where else audience

    def _find_place(self, find_team: Callable[[], str]) -> frozenset[str]:
        if self._workspace:
            return frozenset({f"{WORKSPACE}{self._workspace}", ONE_OF_MANY})
        names_workspaces = any(name.startswith(WORKSPACE) for name in self._reader_sets.principals())
        return frozenset({f"{WORKSPACE}{find_team()}"}) if names_workspaces else frozenset()

    def _unknown(self, address: ReplyAddress, error: ReplyError) -> SeenBy:
        place = say("you") if address.is_private else say("this channel")
        audience = address.audience
        if where := self._find_place(lambda: address.team_id):
            audience = Audience(tuple(member | where for member in audience.members))
        if isinstance(error, SlackRefused):
            return SeenBy(audience, say(UNREADABLE, code=error.code, place=place), error)
        return SeenBy(audience, say(UNREACHABLE, place=place), error)

    def _look_up(self, channel_id: str, deadline: float) -> _Facts:
        named = self._reader_sets.principals()
        channel = self._directory.channel(channel_id, deadline)
        others = sorted(name.removeprefix("channel:") for name in named if name.startswith("channel:"))
        others = [id_ for id_ in others if id_ != channel_id][:MAX_OTHER_CHANNELS]
        return _Facts(
            self._directory.people(channel.members, deadline),
            channel,
            tuple(filter(None, (self._directory.find_channel(id_, deadline) for id_ in others))),
            self._directory.groups(deadline) if any(name.startswith("group:") for name in named) else {},
            named,
            self._reader_sets.clauses(),
        )
