"""Installations by OAuth: the workspaces that may install the app, and the codes that they were given.

Promises that a code serves once, for ten minutes, for the redirect URL for which it was made; and the errors of
`oauth.v2.access`. Leaves out users' tokens, PKCE and OpenID.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.simulator.errors import SlackError
from bot.simulator.stores.installed_app import InstalledApp

CODE_SECONDS = 600.0


@dataclass
class InstallationCode:
    """A code, which Slack gave to an installer's browser."""

    app: InstalledApp
    installer: str
    redirect_uri: str
    scopes: tuple[str, ...]
    issued_at: float
    is_used: bool = False


class Installations:
    """One app in several workspaces; the caller of any method holds a lock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.apps: list[InstalledApp] = []
        self._codes: dict[str, InstallationCode] = {}

    def find_problem(self, client_id: str, redirect_uri: str, scopes: Sequence[str]) -> str:
        """Returns why Slack's page would not ask the installer; "" where it does."""
        app = self.apps[0]
        if client_id != app.client_id:
            return "invalid_client_id"
        if not any(redirect_uri.startswith(url) for url in app.redirect_urls):
            return "bad_redirect_uri"
        return "" if scopes and all(scopes) else "invalid_scope"

    def grant(self, team_id: str, installer: str, redirect_uri: str, scopes: Sequence[str]) -> str:
        """Returns the code for an installation that somebody allowed."""
        app = next(app for app in self.apps if app.team_id == team_id)
        code = secrets.token_hex(16)
        self._codes[code] = InstallationCode(app, installer, redirect_uri, tuple(scopes), self._clock())
        return code

    def exchange(self, client_id: str, secret: str, code: str, redirect_uri: str) -> dict[str, object]:
        """Installs the app; returns the answer with its token."""
        self._check_client(client_id, secret)
        found = self._codes.get(code)
        if found is None:
            raise SlackError("invalid_code")
        if found.is_used:
            raise SlackError("code_already_used")
        if self._clock() - found.issued_at > CODE_SECONDS:
            raise SlackError("invalid_code")
        if redirect_uri != found.redirect_uri:
            raise SlackError("bad_redirect_uri")
        found.is_used = True
        found.app.install(found.scopes, self._clock())
        return self._answer(found.app) | {"authed_user": {"id": found.installer}}

    def refresh(self, client_id: str, secret: str, refresh_token: str) -> dict[str, object]:
        """Gives a new token for one that expires."""
        self._check_client(client_id, secret)
        app = next((one for one in self.apps if refresh_token and one.refresh_token == refresh_token), None)
        if app is None or not app.is_installed:
            raise SlackError("invalid_refresh_token")
        app.refresh(self._clock())
        return self._answer(app)

    def _check_client(self, client_id: str, secret: str) -> None:
        if client_id != self.apps[0].client_id:
            raise SlackError("invalid_client_id")
        if secret != self.apps[0].client_secret:
            raise SlackError("bad_client_secret")

    def _answer(self, app: InstalledApp) -> dict[str, object]:
        expiring: dict[str, object] = {}
        if app.expires_at is not None:
            seconds = int(app.expires_at - self._clock())
            expiring = {"refresh_token": app.refresh_token, "expires_in": seconds}
        team = None if app.is_enterprise_install else {"id": app.team_id, "name": app.team_name}
        return {
            "app_id": app.app_id,
            "access_token": app.bot_token,
            "token_type": "bot",
            "scope": app.joined_scopes(),
            "bot_user_id": app.bot_user_id,
            "team": team,
            "enterprise": app.enterprise,
            "is_enterprise_install": app.is_enterprise_install,
            **expiring,
        }
