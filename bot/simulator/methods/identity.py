"""The app's identity and the people of the workspace: auth, api, apps, users, team, bots."""

from collections.abc import Callable

from bot.simulator.delivery.sockets import SocketHub
from bot.simulator.errors import SlackError
from bot.simulator.methods.arguments import CallArguments, TokenKind, method, paginate
from bot.simulator.methods.channels import READ_SCOPES, SCOPE_OF_KIND, list_kinds, select_channels
from bot.simulator.payloads import JsonObject, MethodResponse
from bot.simulator.stores.directory import ChannelKind, Directory, User
from bot.simulator.stores.installed_app import InstalledApp


class IdentityMethods:
    """The app, the team and its users."""

    def __init__(
        self, app: InstalledApp, directory: Directory, sockets: SocketHub, clock: Callable[[], float]
    ) -> None:
        self._app, self._directory, self._sockets, self._clock = app, directory, sockets, clock

    def test_auth(self, args: CallArguments) -> MethodResponse:
        """Returns the identity behind the token."""
        return {
            "url": f"https://{self._app.domain}.slack.com/",
            "team": self._app.team_name,
            "user": self._app.bot_name,
            "team_id": self._app.team_id,
            "user_id": self._app.bot_user_id,
            "bot_id": self._app.bot_id,
            **({"enterprise_id": self._app.enterprise_id} if self._app.enterprise_id else {}),
            "is_enterprise_install": self._app.is_enterprise_install,
        }

    def test_api(self, args: CallArguments) -> MethodResponse:
        """Returns the arguments, or the error they ask for."""
        values = {name: value for name, value in args.values.items() if name != "token"}
        if args.text("error"):
            raise SlackError(args.text("error"), args=values)
        return {"args": values}

    def open_connection(self, args: CallArguments) -> MethodResponse:
        """Returns a URL for Socket Mode."""
        return {"url": self._sockets.issue_ticket_url()}

    def get_user(self, args: CallArguments) -> MethodResponse:
        """Returns one user."""
        user = self._directory.visible_user(args.text("user"))
        return {"user": self._describe(user, args)}

    def list_users(self, args: CallArguments) -> MethodResponse:
        """Returns all users."""
        self._require_team(args)
        users, next_cursor = paginate(list(self._directory.users.values()), args, default=1000, most=1000)
        return {
            "members": [self._describe(user, args) for user in users],
            "cache_ts": int(self._clock()),
            "response_metadata": {"next_cursor": next_cursor},
        }

    def list_user_channels(self, args: CallArguments) -> MethodResponse:
        """Returns a user's conversations: those the app shares with them, and all public ones."""
        self._require_team(args)
        bot = self._app.bot_user_id
        for kind in list_kinds(args):  # whether there is such a channel or not
            self._app.require_scope(f"{SCOPE_OF_KIND[kind]}:read")
        user_id = self._directory.visible_user(args.text("user", bot)).id
        shared = [
            channel
            for channel in select_channels(self._directory, args)
            if user_id in channel.members and (channel.kind == ChannelKind.PUBLIC or bot in channel.members)
        ]
        channels, next_cursor = paginate(shared, args, default=100, most=1000)
        infos = [channel.to_json(bot) for channel in channels]
        return {"channels": infos, "response_metadata": {"next_cursor": next_cursor}}

    def get_team(self, args: CallArguments) -> MethodResponse:
        """Returns the team."""
        if args.text("team", self._app.team_id) != self._app.team_id:
            raise SlackError("team_not_found")
        team = {"id": self._app.team_id, "name": self._app.team_name, "domain": self._app.domain}
        url = f"https://{self._app.domain}.slack.com/"
        return {"team": {**team, "email_domain": "example.com", "url": url, "icon": {}}}

    def list_groups(self, args: CallArguments) -> MethodResponse:
        """Returns the user groups."""
        self._require_team(args)
        groups: list[JsonObject] = []
        for id_, users in self._directory.groups.items():
            group: JsonObject = {
                "id": id_,
                "team_id": self._app.team_id,
                "is_usergroup": True,
                "handle": id_.lower(),
            }
            groups.append(group | ({"users": list(users)} if args.flag("include_users") else {}))
        return {"usergroups": groups}

    def get_bot(self, args: CallArguments) -> MethodResponse:
        """Returns the app's bot, or another one."""
        bot_id = args.text("bot", self._app.bot_id)
        if bot_id == self._app.bot_id:
            profile = self._app.bot_profile()
            return {"bot": {key: value for key, value in profile.items() if key != "team_id"}}
        user = self._directory.users.get("U" + bot_id[1:])
        if user is None or not user.is_bot:
            raise SlackError("bot_not_found")
        return {"bot": {"id": bot_id, "deleted": False, "name": user.name, "user_id": user.id, "icons": {}}}

    def _describe(self, user: User, args: CallArguments) -> dict[str, object]:
        with_locale, enterprise_id = args.flag("include_locale"), self._app.enterprise_id
        return user.to_json(with_email=self._sees_email(), with_locale=with_locale, enterprise_id=enterprise_id)

    def _require_team(self, args: CallArguments) -> None:
        """Requires an app that is in a whole organisation to name one of its workspaces."""
        if not self._app.is_enterprise_install:
            return
        if not args.text("team_id"):
            raise SlackError("missing_argument")
        if args.text("team_id") != self._app.team_id:
            raise SlackError("team_access_not_granted")

    def _sees_email(self) -> bool:
        return "users:read.email" in self._app.scopes


METHODS = {
    "auth.test": method(IdentityMethods.test_auth, tier=5),
    "api.test": method(IdentityMethods.test_api, optional="error", tier=4, token=TokenKind.NONE),
    "apps.connections.open": method(IdentityMethods.open_connection, token=TokenKind.APP),
    "users.info": method(
        IdentityMethods.get_user,
        "user",
        "include_locale",
        scopes="users:read",
        tier=4,
        missing={"user": "user_not_found"},
    ),
    "users.list": method(
        IdentityMethods.list_users, optional="cursor include_locale limit team_id", scopes="users:read", tier=2
    ),
    "users.conversations": method(
        IdentityMethods.list_user_channels,
        optional="cursor exclude_archived limit team_id types user",
        scopes=READ_SCOPES,
    ),
    "team.info": method(
        IdentityMethods.get_team, optional="team domain include_slackbot_availability", scopes="team:read"
    ),
    "usergroups.list": method(
        IdentityMethods.list_groups,
        optional="include_count include_disabled include_users team_id",
        scopes="usergroups:read",
        tier=2,
    ),
    "bots.info": method(IdentityMethods.get_bot, optional="bot team_id", scopes="users:read"),
}
