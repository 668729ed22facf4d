"""Who the app is and who works here: auth, api, apps, users, team, bots."""

from typing import TYPE_CHECKING

from bot.simulator.errors import SlackError
from bot.simulator.methods.arguments import Args, method, need_scope, page
from bot.simulator.stores.directory import Channel
from bot.simulator.stores.messages import Json

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace


def auth_test(workspace: "Workspace", args: Args) -> Json:
    return {
        "url": "https://stand-in.slack.com/",
        "team": "Stand-in",
        "user": workspace.directory.bot.name,
        "team_id": workspace.team_id,
        "user_id": workspace.bot_user_id,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": False,
    }


def api_test(workspace: "Workspace", args: Args) -> Json:
    given = {name: value for name, value in args.given.items() if name != "token"}
    if args.text("error"):
        raise SlackError(args.text("error"), args=given)
    return {"args": given}


def open_connection(workspace: "Workspace", args: Args) -> Json:
    return {"url": workspace.sockets.ticket_url()}


def user_info(workspace: "Workspace", args: Args) -> Json:
    user = workspace.directory.user(args.text("user"))
    return {"user": user.wire(with_email=_sees_email(workspace), with_locale=args.flag("include_locale"))}


def list_users(workspace: "Workspace", args: Args) -> Json:
    users, next_cursor = page(list(workspace.directory.users.values()), args, default=1000, most=1000)
    sees_email, with_locale = _sees_email(workspace), args.flag("include_locale")
    return {
        "members": [user.wire(with_email=sees_email, with_locale=with_locale) for user in users],
        "cache_ts": int(workspace.clock()),
        "response_metadata": {"next_cursor": next_cursor},
    }


def user_conversations(workspace: "Workspace", args: Args) -> Json:
    """Of another user, the app sees the conversations it shares with them, and all public ones."""
    user_id = workspace.directory.user(args.text("user", workspace.bot_user_id)).id
    bot = workspace.bot_user_id
    shared = [
        channel
        for channel in of_types(workspace, args)
        if user_id in channel.members and (channel.kind == "public" or bot in channel.members)
    ]
    for channel in shared:
        need_scope(workspace, f"{channel.scope}:read")
    channels, next_cursor = page(shared, args, default=100, most=1000)
    wires = [channel.wire(bot) for channel in channels]
    return {"channels": wires, "response_metadata": {"next_cursor": next_cursor}}


def of_types(workspace: "Workspace", args: Args) -> list[Channel]:
    """The channels `types` and `exclude_archived` leave, in the order they were made."""
    kinds = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}
    wanted = [name.strip() for name in args.text("types", "public_channel").split(",")]
    if not set(wanted) <= kinds.keys():
        raise SlackError("invalid_types")
    chosen = {kinds[name] for name in wanted}
    return [
        channel
        for channel in workspace.directory.channels.values()
        if channel.kind in chosen and not (channel.is_archived and args.flag("exclude_archived"))
    ]


def team_info(workspace: "Workspace", args: Args) -> Json:
    if args.text("team", workspace.team_id) != workspace.team_id:
        raise SlackError("team_not_found")
    team = {"id": workspace.team_id, "name": "Stand-in", "domain": "stand-in", "email_domain": "example.com"}
    return {"team": team | {"url": "https://stand-in.slack.com/", "icon": {}}}


def bot_info(workspace: "Workspace", args: Args) -> Json:
    if args.text("bot", workspace.bot_id) == workspace.bot_id:
        profile = workspace.bot_profile()
        return {"bot": {k: v for k, v in profile.items() if k != "team_id"}}
    user_id = "U" + args.text("bot")[1:]
    found = workspace.directory.users.get(user_id)
    if found is None or not found.is_bot:
        raise SlackError("bot_not_found")
    return {
        "bot": {"id": args.text("bot"), "deleted": False, "name": found.name, "user_id": found.id, "icons": {}}
    }


def _sees_email(workspace: "Workspace") -> bool:
    return "users:read.email" in workspace.scopes


READS = "channels:read groups:read im:read mpim:read"
METHODS = {
    "auth.test": method(auth_test, tier=5),
    "api.test": method(api_test, optional="error", tier=4, token="none"),
    "apps.connections.open": method(open_connection, token="app"),
    "users.info": method(
        user_info, "user", "include_locale", scopes="users:read", tier=4, missing={"user": "user_not_found"}
    ),
    "users.list": method(list_users, optional="cursor include_locale limit team_id", scopes="users:read", tier=2),
    "users.conversations": method(
        user_conversations, optional="cursor exclude_archived limit team_id types user", scopes=READS
    ),
    "team.info": method(team_info, optional="team domain include_slackbot_availability", scopes="team:read"),
    "bots.info": method(bot_info, optional="bot team_id", scopes="users:read"),
}
