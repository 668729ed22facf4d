"""The app as the workspace has installed it.

Owns its ids, tokens, scopes and subscriptions. They may change while the workspace runs, as an administrator may
change them in Slack. A token that was good once is known as revoked or expired, and not as unknown.
"""

import secrets
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
        "app_uninstalled",
        "tokens_revoked",
        "team_access_granted",
        "team_access_revoked",
    ]
)
ROTATED_SECONDS = 12 * 60 * 60  # for which a token lives where the app's tokens are rotated


@dataclass
class InstalledApp:
    """`request_url` set: events go there over HTTP; None: over Socket Mode. The signing secret is read once, when
    the workspace is made. `has_home_tab`: whether the tab is switched on in the app's settings.

    With an `enterprise_id` the workspace is one of an organisation of Enterprise Grid; `is_enterprise_install`:
    the app is in all of that, and `has_access` to this workspace of it. `rotates_tokens`: new tokens expire after
    twelve hours, unless they are refreshed.
    """

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
    team_name: str = "Stand-in"
    domain: str = "stand-in"
    client_id: str = "1000.2000"
    client_secret: str = "stand-in-client-secret"
    redirect_urls: Collection[str] = ()
    enterprise_id: str | None = None
    is_enterprise_install: bool = False
    rotates_tokens: bool = False
    is_installed: bool = True
    has_access: bool = True
    refresh_token: str = ""
    expires_at: float | None = None
    config_token: str = "xoxe.xoxp-stand-in"
    config_refresh_token: str = "xoxe-stand-in"
    manifest: dict[str, object] = field(default_factory=dict)
    _past: dict[str, str] = field(default_factory=dict)  # tokens that are good no more, with Slack's code for each

    @property
    def enterprise(self) -> dict[str, object] | None:
        """The organisation, as interactions and installations name it."""
        return {"id": self.enterprise_id, "name": "Stand-in Organisation"} if self.enterprise_id else None

    def install(self, scopes: Collection[str], now: float) -> None:
        """Gives the app a new token, with these scopes; the one before is revoked."""
        self._end_token("token_revoked")
        self.is_installed, self.scopes = True, set(scopes)
        self._issue(now)

    def refresh(self, now: float) -> None:
        """Gives the app a new token for its refresh token, which serves once; the old one lives to its end."""
        del self._past[self.refresh_token]
        self._past[self.bot_token] = ""
        self._issue(now)

    def uninstall(self) -> None:
        """Takes the app out of the workspace: its token is good no more."""
        self._end_token("account_inactive")
        self.is_installed = False

    def knows(self, token: str) -> bool:
        """Returns whether this is or was a token of the app here."""
        return bool(token) and (
            token in self._past or token in (self.bot_token, self.app_token, self.config_token)
        )

    def find_fault(self, token: str, now: float) -> str:
        """Returns Slack's code for a bot's token that is good no more; "" for one that is, or was never one."""
        if token == self.bot_token and self.is_installed:
            return "token_expired" if self.expires_at is not None and self.expires_at <= now else ""
        return self._past.get(token, "")

    def is_bots(self, token: str) -> bool:
        """Returns whether this is a token of the bot."""
        return bool(token) and (token == self.bot_token or self._past.get(token) == "")

    def _issue(self, now: float) -> None:
        kind = "xoxe.xoxb" if self.rotates_tokens else "xoxb"
        self.bot_token = f"{kind}-{secrets.token_hex(12)}"
        self.refresh_token = f"xoxe-{secrets.token_hex(12)}" if self.rotates_tokens else ""
        self.expires_at = now + ROTATED_SECONDS if self.rotates_tokens else None
        if self.refresh_token:
            self._past[self.refresh_token] = "not_allowed_token_type"

    def _end_token(self, code: str) -> None:
        if self.bot_token:
            self._past[self.bot_token] = code
        for token, fault in self._past.items():
            if not fault:
                self._past[token] = code
        self.bot_token = ""

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

    def require_access(self) -> None:
        """Raises `team_access_not_granted` where the organisation has taken the app out of this workspace."""
        if not self.has_access:
            raise SlackError("team_access_not_granted")

    def require_scope(self, *names: str) -> None:
        """Raises `missing_scope` when the app has none of these scopes."""
        if not self.scopes & set(names):
            raise SlackError("missing_scope", needed=",".join(names), provided=self.joined_scopes())

    def joined_scopes(self) -> str:
        """Returns the scopes as Slack lists them in headers and errors."""
        return ",".join(sorted(self.scopes))
