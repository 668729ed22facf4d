"""Who works here, and where they talk.

Owns users and channels, and the small company a new workspace starts with. Promises ids in Slack's forms and
Slack's JSON for both. Does not keep who is online, user groups, or more than one workspace.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from bot.simulator.errors import SlackError, WorkspaceError
from bot.simulator.stores.messages import Json, Message

TEAM = "T0STANDIN01"
PARTNER_TEAM = "T0PARTNER01"
ADA, GRACE, LINUS = "U0ADA000001", "U0GRACE0001", "U0LINUS0001"
GUEST, GONE, OTHER_BOT, PARTNER = "U0GUEST0001", "U0GONE00001", "U0OTHERBOT1", "U0PARTNER01"
GENERAL, HELP, HR = "C0GENERAL01", "C0HELP00001", "C0HR0000001"
RANDOM, PARTNERS = "C0RANDOM001", "C0PARTNERS1"
SLACKBOT = "USLACKBOT"
CREATED = 1_700_000_000

ChannelKind = Literal["public", "private", "mpim", "im"]


@dataclass(frozen=True)
class User:
    id: str
    name: str
    real_name: str
    team_id: str = TEAM
    is_bot: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    deleted: bool = False
    tz: str = "Europe/London"
    locale: str = "en-GB"

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"

    def wire(self, *, with_email: bool, with_locale: bool = False) -> Json:
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
        shown: Json = {"id": self.id, "team_id": self.team_id, "name": self.name, "deleted": self.deleted}
        shown |= {"profile": profile, "is_bot": self.is_bot, "is_app_user": False, "updated": CREATED}
        if not self.deleted:
            shown |= {
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
        return shown | ({"locale": self.locale} if with_locale else {})


@dataclass
class Channel:
    """Holds its messages. `replies` are per root, in order; `gone` are roots deleted before any reply."""

    id: str
    name: str
    kind: ChannelKind = "public"
    members: list[str] = field(default_factory=list)
    user: str | None = None
    is_ext_shared: bool = False
    is_archived: bool = False
    topic: str = ""
    messages: dict[str, Message] = field(default_factory=dict)
    replies: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    gone: set[str] = field(default_factory=set)

    @property
    def type(self) -> str:
        return {"public": "channel", "private": "group", "mpim": "mpim", "im": "im"}[self.kind]

    @property
    def scope(self) -> str:
        return {"public": "channels", "private": "groups", "mpim": "mpim", "im": "im"}[self.kind]

    def wire(self, bot_user_id: str) -> Json:
        if self.kind == "im":
            return {
                "id": self.id,
                "created": CREATED,
                "is_im": True,
                "is_archived": self.is_archived,
                "is_org_shared": False,
                "user": self.user,
                "is_user_deleted": False,
            }
        is_private = self.kind in ("private", "mpim")
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not is_private,
            "is_group": False,
            "is_im": False,
            "is_mpim": self.kind == "mpim",
            "is_private": is_private,
            "created": CREATED,
            "creator": ADA,
            "is_archived": self.is_archived,
            "is_general": self.name == "general",
            "is_shared": self.is_ext_shared,
            "is_ext_shared": self.is_ext_shared,
            "is_org_shared": False,
            "is_member": bot_user_id in self.members,
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
            "unlinked": 0,
            "previous_names": [],
        }


class Directory:
    """Users and channels by id. Every lookup the app makes raises Slack's code; `of_name` serves `#name`."""

    def __init__(self, bot: User, *, keep_dm: Callable[[Channel], None]) -> None:
        self.bot = bot
        self._keep_dm = keep_dm
        slackbot = User(SLACKBOT, "slackbot", "Slackbot", bot.team_id)
        self.users: dict[str, User] = {bot.id: bot, SLACKBOT: slackbot}
        self.channels: dict[str, Channel] = {}

    def add_user(self, user: User) -> User:
        if not user.id.startswith(("U", "W")):
            raise WorkspaceError(f"a user id starts with U or W: {user.id!r}")
        self.users[user.id] = user
        return user

    def add_channel(self, channel: Channel) -> Channel:
        for member in channel.members:
            if member not in self.users:
                raise WorkspaceError(f"add the user {member!r} before the channel they are in")
        self.channels[channel.id] = channel
        return channel

    def restore(self, users: Iterable[User], channels: Iterable[Channel]) -> None:
        """As they were left, over what a new workspace starts with."""
        self.users |= {user.id: user for user in users}
        self.channels |= {channel.id: channel for channel in channels}

    def channel(self, name_or_id: str) -> Channel:
        """A channel the bot may know of: private ones it is not in do not exist for it."""
        found = self.channels.get(name_or_id) or self._of_name(name_or_id)
        if found is None or (found.kind != "public" and self.bot.id not in found.members):
            raise SlackError("channel_not_found")
        return found

    def user(self, user_id: str) -> User:
        found = self.users.get(user_id)
        if found is None:
            raise SlackError("user_not_found")
        if found.team_id != self.bot.team_id and not self._shares_channel(user_id):
            raise SlackError("user_not_visible")
        return found

    def dm_with(self, user_id: str) -> Channel:
        dm_id = "D" + user_id[1:]
        if dm_id not in self.channels:
            members = [user_id, self.bot.id]
            self.channels[dm_id] = Channel(dm_id, "directmessage", "im", members, user=user_id)
            self._keep_dm(self.channels[dm_id])
        return self.channels[dm_id]

    def find_channel(self, name_or_id: str) -> Channel:
        """For people, who see more than the bot does; raises `WorkspaceError`."""
        found = self.channels.get(name_or_id) or self._of_name(name_or_id)
        if found is None:
            raise WorkspaceError(f"no channel {name_or_id!r} in this workspace")
        return found

    def _of_name(self, name: str) -> Channel | None:
        wanted = name.removeprefix("#")
        return next((c for c in self.channels.values() if c.name == wanted and c.kind != "im"), None)

    def _shares_channel(self, user_id: str) -> bool:
        bot = self.bot.id
        return any(bot in c.members and user_id in c.members for c in self.channels.values())


def populate(directory: Directory) -> None:
    """Three colleagues, a guest, one who left, another bot, a partner; five channels, four with the app."""
    team = directory.bot.team_id
    people = [
        User(ADA, "ada", "Ada Marlow", team, is_admin=True),
        User(GRACE, "grace", "Grace Okafor", team, tz="America/New_York"),
        User(LINUS, "linus", "Linus Berg", team, tz="Europe/Helsinki"),
        User(GUEST, "gus", "Gus Visitor", team, is_restricted=True),
        User(GONE, "dora", "Dora Departed", team, deleted=True),
        User(OTHER_BOT, "deploys", "Deploy Bot", team, is_bot=True),
        User(PARTNER, "petra", "Petra Partner", team_id=PARTNER_TEAM),
    ]
    for person in people:
        directory.add_user(person)
    staff, bot = [ADA, GRACE, LINUS], directory.bot.id
    directory.add_channel(Channel(GENERAL, "general", members=[*staff, OTHER_BOT, bot]))
    directory.add_channel(Channel(HELP, "help", members=[*staff, GUEST, bot]))
    directory.add_channel(Channel(HR, "hr", "private", members=[ADA, GRACE, bot]))
    directory.add_channel(Channel(RANDOM, "random", members=list(staff)))
    directory.add_channel(Channel(PARTNERS, "partners", members=[ADA, LINUS, PARTNER, bot], is_ext_shared=True))
