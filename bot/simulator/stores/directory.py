"""The people of the workspace and its channels.

Owns users and channels, and the small company a new workspace starts with. Promises ids in Slack's forms and
Slack's JSON for both. Does not keep who is online, or more than one workspace; user groups last as long as it.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bot.simulator.errors import SlackError, WorkspaceError
from bot.simulator.stores.archive import Archive, RecordKind
from bot.simulator.stores.messages import SlackMessage

TEAM = "T0STANDIN01"
PARTNER_TEAM = "T0PARTNER01"
ADA, GRACE, LINUS = "U0ADA000001", "U0GRACE0001", "U0LINUS0001"
GUEST, GONE, OTHER_BOT, PARTNER = "U0GUEST0001", "U0GONE00001", "U0OTHERBOT1", "U0PARTNER01"
GENERAL, HELP, HR = "C0GENERAL01", "C0HELP00001", "C0HR0000001"
RANDOM, PARTNERS, VISITORS = "C0RANDOM001", "C0PARTNERS1", "C0VISITORS1"
SLACKBOT = "USLACKBOT"
CREATED = 1_700_000_000

ARCHIVED_APART = frozenset({"messages", "replies", "gone"})  # fields of a channel


class ChannelKind(StrEnum):
    """The four kinds of conversations."""

    PUBLIC = "public"
    PRIVATE = "private"
    MPIM = "mpim"
    IM = "im"


@dataclass(frozen=True)
class User:
    """A person or a bot."""

    id: str
    name: str
    real_name: str
    team_id: str = TEAM
    is_bot: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False
    tz: str = "Europe/London"
    locale: str = "en-GB"

    @property
    def email(self) -> str:
        """Their address at example.com."""
        return f"{self.name}@example.com"

    def to_json(
        self, *, with_email: bool, with_locale: bool = False, enterprise_id: str | None = None
    ) -> dict[str, object]:
        """Returns Slack's user object, with the organisation where the workspace is one of it."""
        profile = {
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "display_name": self.name,
            "display_name_normalized": self.name,
            "title": "",
            "team": self.team_id,
        }
        if with_email and not self.is_bot:
            profile["email"] = self.email
        user: dict[str, object] = {"id": self.id, "team_id": self.team_id, "name": self.name}
        user |= {"deleted": self.deleted, "profile": profile, "is_bot": self.is_bot}
        user |= {"is_app_user": False, "updated": CREATED}
        if not self.deleted:
            user |= {
                "real_name": self.real_name,
                "tz": self.tz,
                "tz_label": "Greenwich Mean Time",
                "tz_offset": 0,
                "is_admin": self.is_admin,
                "is_owner": False,
                "is_primary_owner": False,
                "is_restricted": self.is_restricted,
                "is_ultra_restricted": self.is_ultra_restricted,
                "is_email_confirmed": True,
            }
            user |= {"is_stranger": True} if self.is_stranger else {}
            if enterprise_id:
                member = {"id": self.id, "enterprise_id": enterprise_id, "teams": [self.team_id]}
                user |= {"enterprise_user": member}
        return user | ({"locale": self.locale} if with_locale else {})


@dataclass
class Channel:
    """A conversation and its messages. `replies` are per root, in order; `gone` are roots deleted before any
    reply."""

    id: str
    name: str
    kind: ChannelKind = ChannelKind.PUBLIC
    members: list[str] = field(default_factory=list)
    user: str | None = None
    is_ext_shared: bool = False
    is_archived: bool = False
    topic: str = ""
    messages: dict[str, SlackMessage] = field(default_factory=dict)
    replies: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    gone: set[str] = field(default_factory=set)

    @property
    def type(self) -> str:
        """Slack's `channel_type` in events."""
        return {"public": "channel", "private": "group", "mpim": "mpim", "im": "im"}[self.kind]

    @property
    def scope(self) -> str:
        """The first part of the scopes that this kind needs, as in `groups:history`."""
        return {"public": "channels", "private": "groups", "mpim": "mpim", "im": "im"}[self.kind]

    def to_json(self, bot_user_id: str) -> dict[str, object]:
        """Returns Slack's conversation object as the app sees it."""
        if self.kind == ChannelKind.IM:
            return {
                "id": self.id,
                "created": CREATED,
                "is_im": True,
                "is_archived": self.is_archived,
                "is_org_shared": False,
                "user": self.user,
                "is_user_deleted": False,
            }
        is_private = self.kind in (ChannelKind.PRIVATE, ChannelKind.MPIM)
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not is_private,
            "is_group": False,
            "is_im": False,
            "is_mpim": self.kind == ChannelKind.MPIM,
            "is_private": is_private,
            "created": CREATED,
            "creator": ADA,
            "is_archived": self.is_archived,
            "is_general": self.name == "general",
            "is_shared": self.is_ext_shared,
            "is_ext_shared": self.is_ext_shared,
            "is_org_shared": False,
            "is_global_shared": False,
            "is_member": bot_user_id in self.members,
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
            "unlinked": 0,
            "previous_names": [],
        }


class Directory:
    """Users and channels by id. Lookups for the app raise Slack's codes, those for people `WorkspaceError`."""

    def __init__(self, bot: User, archive: Archive) -> None:
        self._bot, self._archive = bot, archive
        self._restored: set[str] = set()  # channels
        slackbot = User(SLACKBOT, "slackbot", "Slackbot", bot.team_id)
        self.users: dict[str, User] = {bot.id: bot, SLACKBOT: slackbot}
        self.channels: dict[str, Channel] = {}
        self.groups: dict[str, list[str]] = {}  # the users of each user group, by its id

    def restore(self, users: Iterable[User], channels: Iterable[Channel]) -> None:
        """Adds what an archive kept, over what a new workspace starts with."""
        self.users |= {user.id: user for user in users}
        restored = {channel.id: channel for channel in channels}
        self.channels |= restored
        self._restored = set(restored)

    def add_user(self, user: User) -> None:
        """Adds a user, or replaces the one with this id."""
        if not user.id.startswith(("U", "W")):
            raise WorkspaceError(f"a user id starts with U or W: {user.id!r}")
        self.users[user.id] = user
        self._archive.keep(RecordKind.USER, user.id, user)

    def add_channel(self, channel: Channel) -> None:
        """Adds a channel. One that an archive kept stays as it was."""
        if channel.id in self._restored:
            return
        for member in channel.members:
            if member not in self.users:
                raise WorkspaceError(f"add the user {member!r} before the channel they are in")
        self.channels[channel.id] = channel
        self.save_channel(channel)

    def save_channel(self, channel: Channel) -> None:
        """Archives a channel after a change, without its messages."""
        facts = {name: value for name, value in vars(channel).items() if name not in ARCHIVED_APART}
        self._archive.keep(RecordKind.CHANNEL, channel.id, facts)

    def visible_channel(self, name_or_id: str) -> Channel:
        """Returns a channel the bot may know of: private ones it is not in do not exist for it."""
        channel = self.channels.get(name_or_id) or self._find_by_name(name_or_id)
        if channel is None or (channel.kind != ChannelKind.PUBLIC and self._bot.id not in channel.members):
            raise SlackError("channel_not_found")
        return channel

    def visible_user(self, user_id: str) -> User:
        """Returns a user the bot may know of: strangers of another team do not exist for it."""
        user = self.users.get(user_id)
        if user is None:
            raise SlackError("user_not_found")
        if user.team_id != self._bot.team_id and not self._shares_channel(user_id):
            raise SlackError("user_not_visible")
        return user

    def open_dm(self, user_id: str) -> Channel:
        """Returns the direct message channel of a person and the app, which begins with its first use."""
        dm_id = "D" + user_id[1:]
        if dm_id not in self.channels:
            members = [user_id, self._bot.id]
            self.channels[dm_id] = Channel(dm_id, "directmessage", ChannelKind.IM, members, user=user_id)
            self.save_channel(self.channels[dm_id])
        return self.channels[dm_id]

    def find_channel(self, name_or_id: str) -> Channel:
        """Returns any channel, by id, `#name` or `name`."""
        channel = self.channels.get(name_or_id) or self._find_by_name(name_or_id)
        if channel is None:
            raise WorkspaceError(f"no channel {name_or_id!r} in this workspace")
        return channel

    def find_user(self, user_id: str) -> User:
        """Returns any user."""
        if user_id not in self.users:
            raise WorkspaceError(f"no user {user_id!r} in this workspace")
        return self.users[user_id]

    def _find_by_name(self, name_or_hash: str) -> Channel | None:
        name = name_or_hash.removeprefix("#")
        named = (c for c in self.channels.values() if c.name == name and c.kind != ChannelKind.IM)
        return next(named, None)

    def _shares_channel(self, user_id: str) -> bool:
        bot = self._bot.id
        return any(bot in c.members and user_id in c.members for c in self.channels.values())


def populate(directory: Directory, team: str, bot: str) -> None:
    """Adds three colleagues, a guest, one who left, another bot and a partner; six channels, five with the app.

    None of them is archived before something changes it.
    """
    people = [
        User(ADA, "ada", "Ada Marlow", team, is_admin=True),
        User(GRACE, "grace", "Grace Okafor", team, tz="America/New_York"),
        User(LINUS, "linus", "Linus Berg", team, tz="Europe/Helsinki"),
        User(GUEST, "gus", "Gus Visitor", team, is_restricted=True),
        User(GONE, "dora", "Dora Departed", team, deleted=True),
        User(OTHER_BOT, "deploys", "Deploy Bot", team, is_bot=True),
        User(PARTNER, "petra", "Petra Partner", team_id=PARTNER_TEAM),
    ]
    staff = [ADA, GRACE, LINUS]
    channels = [
        Channel(GENERAL, "general", members=[*staff, OTHER_BOT, bot]),
        Channel(HELP, "help", members=[*staff, bot]),
        Channel(HR, "hr", ChannelKind.PRIVATE, members=[ADA, GRACE, bot]),
        Channel(RANDOM, "random", members=staff),
        Channel(PARTNERS, "partners", members=[ADA, LINUS, PARTNER, bot], is_ext_shared=True),
        Channel(VISITORS, "visitors", members=[ADA, GUEST, bot]),
    ]
    directory.users |= {person.id: person for person in people}
    directory.channels |= {channel.id: channel for channel in channels}
