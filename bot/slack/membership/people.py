"""What Slack says of a person, and what that makes them for documents.

Promises that only full members of the own workspace are ``everyone``, and that an address counts only where the
own workspace vouches for it: another company may write any address into its people's profiles.
"""

from dataclasses import dataclass
from enum import StrEnum

from agent.hidden_characters import strip_invisible
from agent.types import EVERYONE, EXTERNAL, GUESTS
from bot.slack.client import Payload
from bot.slack.installation.origin import is_organisation
from bot.slack.reading.foreign_json import to_string

NAME_CHARS = 80
LOCALE_CHARS = 20
ADMIN_FLAGS = ("is_admin", "is_owner", "is_primary_owner")


class UserKind(StrEnum):
    """What a person is in the own workspace."""

    MEMBER = "member"
    GUEST = "guest"
    EXTERNAL = "external"  # of another company, or of nobody knows which
    APP = "app"  # of the own workspace: not a person
    GONE = "gone"


@dataclass(frozen=True)
class SlackUser:
    """A person or an app; ``teams`` are the workspaces they belong to, with their organisation's.

    ``name`` is what others call them, ``locale`` what their Slack is set to; empty where Slack tells nothing.
    ``is_admin``: of the own workspace.
    """

    id: str
    kind: UserKind
    teams: frozenset[str] = frozenset()
    email: str = ""
    name: str = ""
    is_admin: bool = False
    locale: str = ""

    @property
    def principals(self) -> frozenset[str]:
        """Returns what they are without looking at channels and groups."""
        return self.shared_principals | {f"user:{self.id}"}

    @property
    def shared_principals(self) -> frozenset[str]:
        """Returns the same without the name that nobody else can have."""
        names: set[str] = set()
        if self.kind in {UserKind.MEMBER, UserKind.GUEST} and self.email:
            names |= {f"email:{self.email}", f"domain:{self.email.rpartition('@')[2]}"}
        if self.kind == UserKind.MEMBER:
            names |= {EVERYONE} | {f"team:{team}" for team in self.teams}
        elif self.kind == UserKind.GUEST:
            names.add(GUESTS)
        elif self.kind == UserKind.EXTERNAL:
            names |= {EXTERNAL} | {f"team:{team}" for team in self.teams}
        return frozenset(names)


def parse_user(user: Payload, *, own_team: str) -> SlackUser:
    """Reads a user as ``users.info`` and ``users.list`` describe them."""
    enterprise = user.get("enterprise_user") or {}
    organisation = enterprise.get("enterprise_id") if is_organisation(own_team) else None
    teams = frozenset(filter(None, [user.get("team_id"), organisation, *(enterprise.get("teams") or ())]))
    profile = user.get("profile") or {}
    kind = _kind(user, teams, own_team)
    is_restricted = bool(user.get("is_restricted") or user.get("is_ultra_restricted"))
    return SlackUser(
        id=str(user["id"]),
        kind=kind,
        teams=frozenset() if is_restricted else teams,
        email=str(profile.get("email") or "").strip().lower(),
        name=_name(user, profile),
        is_admin=kind == UserKind.MEMBER and any(user.get(flag) is True for flag in ADMIN_FLAGS),
        locale=to_string(user.get("locale"))[:LOCALE_CHARS],
    )


def stranger(user_id: str) -> SlackUser:
    """Returns somebody of whom Slack tells nothing: they count as of another company, nobody knows which."""
    return SlackUser(user_id, UserKind.EXTERNAL)


def _name(user: Payload, profile: Payload) -> str:
    names = (profile.get("real_name"), user.get("real_name"), profile.get("display_name"), user.get("name"))
    name = next((one for one in names if isinstance(one, str) and one.strip()), "")
    return " ".join(strip_invisible(name).split())[:NAME_CHARS]


def _kind(user: Payload, teams: frozenset[str], own_team: str) -> UserKind:
    if user.get("deleted"):
        return UserKind.GONE
    if user.get("is_stranger") or own_team not in teams:
        return UserKind.EXTERNAL
    if user.get("is_bot") or user.get("id") == "USLACKBOT":
        return UserKind.APP
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return UserKind.GUEST
    return UserKind.MEMBER
