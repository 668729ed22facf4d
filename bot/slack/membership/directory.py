"""Looks people, channels and user groups up in Slack, and remembers them for as long as nothing has changed.

What took ``n`` calls is remembered for ``n`` minutes, so that a channel of a hundred thousand costs no more calls
a minute than a small one; what one of Slack's events names is looked up again at once (:mod:`.changes`). Promises
to raise :class:`agent.errors.ReplyError` where Slack cannot be asked, and never to answer from what is older.
"""

import copy
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Generic, TypeVar

from agent import observability
from agent.errors import ReplyError
from agent.store.database import Transaction
from bot.slack.client import Payload, SlackClient, SlackRefused
from bot.slack.installation.origin import is_open_to_all, is_organisation
from bot.slack.membership import changes
from bot.slack.membership.people import SlackUser, UserKind, parse_user, stranger

KEPT_SECONDS = 60  # for each call that a list took
PAGE = 1_000
FEW = 20  # people looked up one by one; for more, everybody is listed
MAX_STRANGERS = 200  # looked up one by one after everybody was listed; of more, nothing is known
UNKNOWN_USER = {"user_not_found", "user_not_visible", "users_not_found"}
TYPES_OF_CHANNELS = "public_channel,private_channel"

T = TypeVar("T")


@dataclass(frozen=True)
class ChannelMembers:
    """A conversation, who is in it, whether another company is, and whether others may look in."""

    id: str
    members: frozenset[str]
    is_shared: bool
    is_public: bool = False


class Everybody:
    """People by their ids, and by what they are."""

    def __init__(self, users: Iterable[SlackUser]) -> None:
        self.by_id = {user.id: user for user in users}
        self.readers = frozenset(
            id_ for id_, user in self.by_id.items() if is_person(user)
        )  # no apps, nobody who left
        self._holders: defaultdict[str, set[str]] = defaultdict(set)
        for user in self.by_id.values():
            self._add(user)

    def holders(self, principal: str) -> Set[str]:
        """Returns the ids of those who hold a principal."""
        kind, _, id_ = principal.partition(":")
        if kind == "user":
            return {id_} if id_ in self.by_id else frozenset()
        return self._holders.get(principal, frozenset())

    def replace(self, users: Mapping[str, SlackUser]) -> "Everybody":
        """Returns the same people with what is now known of these; leaves this one as it is."""
        other = copy.copy(self)
        other.by_id = {**self.by_id, **users}
        other.readers = self.readers - users.keys() | {id_ for id_, user in users.items() if is_person(user)}
        known = [self.by_id[id_] for id_ in users.keys() & self.by_id.keys()]
        changed = {principal for user in [*known, *users.values()] for principal in user.shared_principals}
        other._holders = self._holders.copy()
        other._holders |= {principal: set(self.holders(principal)) for principal in changed}
        for user in known:
            for principal in user.shared_principals:
                other._holders[principal].discard(user.id)
        for user in users.values():
            other._add(user)
        return other

    def _add(self, user: SlackUser) -> None:
        for principal in user.shared_principals:
            self._holders[principal].add(user.id)


@dataclass(frozen=True)
class _Known(Generic[T]):
    value: T
    loaded_at: float  # the database's seconds since 1970, before Slack was asked
    n_calls: int


class SlackDirectory:
    """One workspace's people and channels, as of at most a minute ago. Shared by threads."""

    def __init__(self, slack: SlackClient, workspace: str = "") -> None:
        """``workspace`` is the id of an installed one; without it, Slack is asked whose token it is."""
        self._slack, self._workspace = slack, workspace
        self._known: dict[str, _Known[object]] = {}
        self._changes: dict[str, float] = {}
        self._seen = 0.0  # until when changes are known
        self._now = 0.0
        self._lock = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}
        nobody = Everybody([])
        self._replaced: tuple[Everybody, dict[str, SlackUser], Everybody] = (nobody, {}, nobody)

    def refresh(self, transaction: Transaction) -> None:
        """Reads what has changed since the last time; call it before each question."""
        # A change counts from when it is made, and is seen once its transaction has ended.
        now, changed = changes.load(transaction, since=self._seen - 10, workspace=self._workspace)
        with self._lock:
            kept = {
                subject: at for subject, at in self._changes.items() if at > now - changes.KEPT.total_seconds()
            }
            self._changes = kept | changed
            self._seen = self._now = now

    def own_team(self) -> str:
        """Returns the workspace's id, or the organisation's where the app is in all of it."""
        return self._workspace or self._get("team", self._load_team)

    def channel(self, channel_id: str, deadline: float) -> ChannelMembers:
        """Returns a conversation with its members."""
        return self._get(f"channel:{channel_id}", lambda: self._load_channel(channel_id, deadline))

    def find_channel(self, channel_id: str, deadline: float) -> ChannelMembers | None:
        """Returns a conversation, or None where Slack does not show it; that, too, is remembered."""
        key = f"channel:{channel_id}/hidden"
        with self._lock:
            hidden = self._known.get(key)
        if hidden is not None and self._is_current(hidden, f"channel:{channel_id}"):
            return None
        try:
            return self.channel(channel_id, deadline)
        except SlackRefused:
            with self._lock:
                self._known[key] = _Known(None, self._now, 1)
            return None

    def channels_of(self, user_id: str, deadline: float) -> frozenset[str]:
        """Returns the ids of the channels somebody is in: public ones, and those that the bot is in, too."""

        def load() -> tuple[frozenset[str], int]:
            arguments = {"user": user_id, "types": TYPES_OF_CHANNELS, "exclude_archived": True}
            pages = list(self._pages_of_all("users.conversations", "channels", deadline, **arguments))
            return frozenset(str(channel["id"]) for page in pages for channel in page), len(pages)

        return self._get(f"user:{user_id}/channels", load, f"user:{user_id}")

    def groups(self, deadline: float) -> Mapping[str, frozenset[str]]:
        """Returns who is in each user group, by its id."""

        def load() -> tuple[Mapping[str, frozenset[str]], int]:
            told = [
                self._call("usergroups.list", deadline, include_users=True, team_id=team)
                for team in self._list_teams(deadline)
            ]
            groups = {
                str(group["id"]): frozenset(group.get("users") or ())
                for one in told
                for group in one["usergroups"]
            }
            return groups, len(told)

        return self._get("groups", load)

    def group_handles(self, deadline: float) -> Mapping[str, str]:
        """Returns how the user groups are called, by their ids. Slack is asked without a second try, because
        somebody waits for a form."""

        def load() -> tuple[Mapping[str, str], int]:
            told = [self._slack.try_once("usergroups.list", team_id=team) for team in self._list_teams(deadline)]
            groups = (group for one in told for group in one.get("usergroups") or ())
            return {str(group["id"]): f"@{group.get('handle') or group['id']}" for group in groups}, len(told)

        return self._get("groups/handles", load, "groups")

    def people(self, user_ids: Set[str], deadline: float) -> Everybody:
        """Returns these people, and maybe others; somebody of whom Slack tells nothing is of another company."""
        if len(user_ids) <= FEW:
            return Everybody(self._user(id_, deadline) for id_ in sorted(user_ids))
        everybody = self._get("users", lambda: self._load_users(deadline))
        missing = user_ids - everybody.by_id.keys()
        changed = {id_ for id_ in user_ids & self._list_changed_since("users") if id_ not in missing}
        if not missing and not changed:
            return everybody
        again = {id_: self._user(id_, deadline) for id_ in [*changed, *sorted(missing)[:MAX_STRANGERS]]}
        again |= {id_: stranger(id_) for id_ in missing - again.keys()}
        with self._lock:
            base, users, replaced = self._replaced
        if base is not everybody or users != again:
            replaced = everybody.replace(again)
            with self._lock:
                self._replaced = (everybody, again, replaced)
        return replaced

    def names(self, user_ids: Iterable[str], deadline: float) -> dict[str, str]:
        """Returns how these people are called, of those of whom Slack tells it, at most :data:`FEW`; nothing where
        it does not answer."""
        wanted = sorted(set(user_ids))[:FEW]
        try:
            people = self.people(set(wanted), deadline).by_id
        except ReplyError as error:
            observability.log.info("names_unknown", error=str(error))
            return {}
        return {id_: people[id_].name for id_ in wanted if id_ in people and people[id_].name}

    def find_locale(self, user_id: str) -> str:
        """Returns what a person's Slack is set to, as far as that was looked up; asks nobody."""
        with self._lock:
            known = [self._known.get(f"user:{user_id}"), self._known.get("users")]
        for one in filter(None, known):
            user = one.value.by_id.get(user_id) if isinstance(one.value, Everybody) else one.value
            if isinstance(user, SlackUser) and user.locale:
                return user.locale
        return ""

    def _user(self, user_id: str, deadline: float) -> SlackUser:
        def load() -> tuple[SlackUser, int]:
            try:
                user = self._call("users.info", deadline, user=user_id, include_locale=True)["user"]
            except SlackRefused as error:
                if error.code not in UNKNOWN_USER:
                    raise
                return stranger(user_id), 1
            return parse_user(user, own_team=self.own_team()), 1

        return self._get(f"user:{user_id}", load)

    def _load_team(self) -> tuple[str, int]:
        return str(self._slack.call("auth.test", is_repeatable=True)["team_id"]), 60

    def _load_users(self, deadline: float) -> tuple[Everybody, int]:
        own_team = self.own_team()
        pages = list(self._pages_of_all("users.list", "members", deadline, include_locale=True))
        users = (parse_user(user, own_team=own_team) for page in pages for user in page)
        return Everybody(users), len(pages)

    def _load_channel(self, channel_id: str, deadline: float) -> tuple[ChannelMembers, int]:
        info = self._call("conversations.info", deadline, channel=channel_id)["channel"]
        is_shared = bool(info.get("is_ext_shared") or info.get("is_pending_ext_shared"))
        pages = list(self._pages("conversations.members", "members", deadline, channel=channel_id))
        members = frozenset(str(id_) for page in pages for id_ in page)
        is_closed = any(info.get(name) for name in ("is_private", "is_im", "is_mpim", "is_group"))
        is_public = not is_closed and is_open_to_all(info, self._workspace)
        return ChannelMembers(channel_id, members, is_shared, is_public), len(pages)

    def _list_teams(self, deadline: float) -> Sequence[str | None]:
        """Lists what lists are to be asked for: the workspaces of an organisation; else None, the token's own."""
        if not is_organisation(self._workspace):
            return (None,)

        def load() -> tuple[list[str], int]:
            pages = list(self._pages("auth.teams.list", "teams", deadline))
            return [str(team["id"]) for page in pages for team in page], len(pages)

        return self._get("teams", load)

    def _pages_of_all(
        self, method: str, field: str, deadline: float, **arguments: object
    ) -> Iterator[Iterable[Payload]]:
        for team in self._list_teams(deadline):
            yield from self._pages(method, field, deadline, team_id=team, **arguments)

    def _pages(self, method: str, field: str, deadline: float, **arguments: object) -> Iterator[Iterable[Payload]]:
        cursor: str | None = None
        while True:
            page = self._call(method, deadline, limit=PAGE, cursor=cursor, **arguments)
            yield page.get(field) or ()
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return

    def _call(self, method: str, deadline: float, **arguments: object) -> Payload:
        return self._slack.call(method, is_repeatable=True, deadline=deadline, **arguments)

    def _get(self, key: str, load: Callable[[], tuple[T, int]], subject: str = "") -> T:
        with self._lock:
            loading = self._loading.setdefault(key, threading.Lock())
        with loading:  # others wait for the first instead of asking, too
            known = self._known.get(key)
            if known is None or not self._is_current(known, subject or key):
                now = self._now
                value, n_calls = load()
                known = self._known[key] = _Known(value, now, n_calls)
            return known.value  # type: ignore[return-value]

    def _is_current(self, known: _Known[object], subject: str) -> bool:
        changed_at = self._changes.get(subject, 0.0)
        return changed_at < known.loaded_at and self._now - known.loaded_at < KEPT_SECONDS * known.n_calls

    def _list_changed_since(self, key: str) -> set[str]:
        """Returns the ids of the users who changed after this was loaded."""
        loaded_at = self._known[key].loaded_at
        changed = [subject for subject, at in self._changes.items() if at >= loaded_at]
        return {subject.removeprefix("user:") for subject in changed if subject.startswith("user:")}


def is_person(user: SlackUser) -> bool:
    """Returns whether it is somebody who reads: apps of the own workspace and people who left do not."""
    return user.kind not in {UserKind.APP, UserKind.GONE}
