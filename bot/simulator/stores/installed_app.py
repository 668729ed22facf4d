"""The app as the workspace has installed it.

Owns its ids, tokens, scopes and subscriptions. They may change while the workspace runs, as an administrator may
change them in Slack.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from bot.simulator.errors import SlackError
from bot.simulator.stores.directory import CREATED, TEAM, User

SCOPES = frozenset(
    [
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "im:write",
        "mpim:history",
        "mpim:read",
        "reactions:read",
        "reactions:write",
        "team:read",
        "users:read",
        "users:read.email",
        "usergroups:read",
    ]
)
SUBSCRIPTIONS = frozenset(
    [
        "app_mention",
        "message.channels",
        "message.groups",
        "message.im",
        "message.mpim",
        "app_home_opened",
        "agent_session_stopped",
        "reaction_added",
        "member_joined_channel",
        "member_left_channel",
        "channel_shared",
        "channel_unshared",
        "user_change",
        "team_join",
        "subteam_created",
        "subteam_updated",
        "subteam_members_changed",
    ]
)


@dataclass
class InstalledApp:
    """`request_url` set: events go there over HTTP; None: over Socket Mode. The signing secret is read once, when
    the workspace is made. `has_home_tab`: whether the tab is switched on in the app's settings."""

    request_url: str | None = None
    bot_token: str = "xoxb-stand-in"
    app_token: str = "xapp-stand-in"
    signing_secret: str = "stand-in-signing-secret"
    verification_token: str = "stand-in-verification-token"
    scopes: set[str] = field(default_factory=lambda: set(SCOPES))
    subscriptions: Collection[str] = SUBSCRIPTIONS
    has_home_tab: bool = True
    team_id: str = TEAM
    app_id: str = "A0STANDIN01"
    bot_id: str = "B0STANDIN01"
    bot_user_id: str = "U0STANDIN01"
    bot_name: str = "docent"

    def user(self) -> User:
        """Returns the bot user."""
        return User(self.bot_user_id, self.bot_name, self.bot_name.title(), self.team_id, is_bot=True)

    def bot_profile(self) -> dict[str, object]:
        """Returns the profile that Slack adds to messages of the app."""
        return {
            "id": self.bot_id,
            "app_id": self.app_id,
            "user_id": self.bot_user_id,
            "name": self.bot_name,
            "icons": {},
            "deleted": False,
            "updated": CREATED,
            "team_id": self.team_id,
        }

    def require_scope(self, *names: str) -> None:
        """Raises `missing_scope` when the app has none of these scopes."""
        if not self.scopes & set(names):
            raise SlackError("missing_scope", needed=",".join(names), provided=self.joined_scopes())

    def joined_scopes(self) -> str:
        """Returns the scopes as Slack lists them in headers and errors."""
        return ",".join(sorted(self.scopes))
