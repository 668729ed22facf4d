"""Installing and managing the app: oauth, auth.revoke, auth.teams.list, apps.manifest, tooling."""

import json
import secrets
from collections.abc import Callable

from bot.simulator.errors import SlackError
from bot.simulator.methods.arguments import CallArguments, TokenKind, method, paginate
from bot.simulator.payloads import MethodResponse
from bot.simulator.stores.installations import Installations
from bot.simulator.stores.installed_app import InstalledApp

CONFIG_SECONDS = 12 * 60 * 60


class InstallingMethods:
    """The app's installation in one workspace, and its manifest, which all share."""

    def __init__(
        self,
        app: InstalledApp,
        installations: Installations,
        uninstall: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._app, self._installations, self._uninstall, self._clock = app, installations, uninstall, clock

    def exchange(self, args: CallArguments) -> MethodResponse:
        """Returns a token for a code, or for a refresh token."""
        client = (args.text("client_id"), args.text("client_secret"))
        if args.text("grant_type") == "refresh_token":
            return self._installations.refresh(*client, args.text("refresh_token"))
        return self._installations.exchange(*client, args.text("code"), args.text("redirect_uri"))

    def revoke(self, args: CallArguments) -> MethodResponse:
        """Revokes the token, the only one there is: so the app is uninstalled."""
        if not args.flag("test"):
            self._uninstall()
        return {"revoked": not args.flag("test")}

    def list_teams(self, args: CallArguments) -> MethodResponse:
        """Returns the workspaces of the organisation in which the app is."""
        own = [{"id": self._app.team_id, "name": self._app.team_name}] if self._app.has_access else []
        teams, next_cursor = paginate(own, args, default=100, most=1000)
        return {"teams": teams, "response_metadata": {"next_cursor": next_cursor}}

    def export_manifest(self, args: CallArguments) -> MethodResponse:
        """Returns the app's manifest."""
        self._check_app(args)
        return {"manifest": self._app.manifest}

    def validate_manifest(self, args: CallArguments) -> MethodResponse:
        """Checks a manifest."""
        self._read_manifest(args)
        return {"errors": []}

    def update_manifest(self, args: CallArguments) -> MethodResponse:
        """Replaces the app's manifest."""
        self._check_app(args)
        before, manifest = self._list_scopes(self._app.manifest), self._read_manifest(args)
        self._app.manifest = manifest
        return {"app_id": self._app.app_id, "permissions_updated": self._list_scopes(manifest) != before}

    def rotate_tokens(self, args: CallArguments) -> MethodResponse:
        """Returns new configuration tokens for a refresh token, which serves once."""
        if args.text("refresh_token") != self._app.config_refresh_token:
            raise SlackError("invalid_refresh_token")
        self._app.config_token = f"xoxe.xoxp-{secrets.token_hex(8)}"
        self._app.config_refresh_token = f"xoxe-{secrets.token_hex(8)}"
        now = int(self._clock())
        return {
            "token": self._app.config_token,
            "refresh_token": self._app.config_refresh_token,
            "team_id": self._app.team_id,
            "iat": now,
            "exp": now + CONFIG_SECONDS,
        }

    def _check_app(self, args: CallArguments) -> None:
        if args.text("app_id") != self._app.app_id:
            raise SlackError("invalid_app_id")

    def _read_manifest(self, args: CallArguments) -> dict[str, object]:
        try:
            manifest = json.loads(args.text("manifest"))
        except ValueError:
            raise SlackError("invalid_manifest") from None
        if not isinstance(manifest, dict):
            raise SlackError("invalid_manifest")
        faults = [
            {"message": "must provide an object", "pointer": f"/{name}"}
            for name in ("display_information",)
            if not isinstance(manifest.get(name), dict)
        ]
        if faults:
            raise SlackError("invalid_manifest", errors=faults)
        return manifest

    @staticmethod
    def _list_scopes(manifest: dict[str, object]) -> object:
        oauth = manifest.get("oauth_config")
        return oauth.get("scopes") if isinstance(oauth, dict) else None


METHODS = {
    "oauth.v2.access": method(
        InstallingMethods.exchange,
        optional="client_id client_secret code redirect_uri grant_type refresh_token",
        token=TokenKind.NONE,
        tier=4,
    ),
    "auth.revoke": method(InstallingMethods.revoke, optional="test"),
    "auth.teams.list": method(InstallingMethods.list_teams, optional="cursor limit include_icon", tier=2),
    "apps.manifest.export": method(InstallingMethods.export_manifest, "app_id", token=TokenKind.CONFIG, tier=1),
    "apps.manifest.validate": method(
        InstallingMethods.validate_manifest, "manifest", optional="app_id", token=TokenKind.CONFIG
    ),
    "apps.manifest.update": method(
        InstallingMethods.update_manifest, "app_id manifest", token=TokenKind.CONFIG, tier=1
    ),
    "tooling.tokens.rotate": method(
        InstallingMethods.rotate_tokens, "refresh_token", token=TokenKind.NONE, tier=5
    ),
}
