"""conversations.*: reading channels and threads, page by page."""

from typing import TYPE_CHECKING

from bot.simulator.delivery.events import message_wire
from bot.simulator.errors import SlackError
from bot.simulator.methods.arguments import Args, cursor, method, need_scope, page, read_cursor
from bot.simulator.methods.identity import READS, of_types
from bot.simulator.stores.directory import Channel
from bot.simulator.stores.messages import Json, Message

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace


def replies(workspace: "Workspace", args: Args) -> Json:
    """The root first, on every page, then replies from the oldest on; a reply's own ts gives that reply alone."""
    channel = _readable(workspace, args)
    root = channel.messages.get(args.text("ts"))
    if root is None:
        raise SlackError("thread_not_found")
    limit = args.number("limit", 1000, most=1000)
    after = read_cursor(args.text("cursor"), "next_ts") if args.text("cursor") else ""
    found = [channel.messages[ts] for ts in channel.replies.get(root.ts, []) if _is_within(ts, args)]
    left = [message for message in found if message.ts >= after]
    shown = left[: max(1, limit - 1)]
    more = left[len(shown)].ts if len(shown) < len(left) else ""
    return _messages(workspace, [root, *shown], args, next_cursor=cursor("next_ts", more) if more else "")


def history(workspace: "Workspace", args: Args) -> Json:
    """Newest first, without replies unless they were also sent to the channel."""
    channel = _readable(workspace, args)
    limit = args.number("limit", 100, most=999)
    before = read_cursor(args.text("cursor"), "before_ts") if args.text("cursor") else ""
    found = [
        message
        for message in sorted(channel.messages.values(), key=lambda message: message.ts, reverse=True)
        if (not message.thread_ts or message.is_broadcast)
        and _is_within(message.ts, args)
        and (not before or message.ts < before)
    ]
    more = found[limit - 1].ts if len(found) > limit else ""
    next_cursor = cursor("before_ts", more) if more else ""
    answer = _messages(workspace, found[:limit], args, next_cursor=next_cursor)
    return answer | {"pin_count": 0}


def info(workspace: "Workspace", args: Args) -> Json:
    channel = workspace.directory.channel(args.text("channel"))
    need_scope(workspace, f"{channel.scope}:read")
    wire = channel.wire(workspace.bot_user_id)
    if args.flag("include_locale"):
        wire["locale"] = "en-GB"
    return {"channel": wire | ({"num_members": len(channel.members)} if args.flag("include_num_members") else {})}


def members(workspace: "Workspace", args: Args) -> Json:
    channel = workspace.directory.channel(args.text("channel"))
    need_scope(workspace, f"{channel.scope}:read")
    some, next_cursor = page(channel.members, args, default=100, most=1000)
    return {"members": some, "response_metadata": {"next_cursor": next_cursor}}


def open_dm(workspace: "Workspace", args: Args) -> Json:
    if args.text("channel"):
        channel = workspace.directory.channel(args.text("channel"))
        if channel.kind != "im":
            raise SlackError("method_not_supported_for_channel_type")
    else:
        users = [user for user in args.text("users").split(",") if user]
        if not users:
            raise SlackError("users_list_not_supplied")
        if len(users) > 1:
            raise SlackError("method_not_supported_for_channel_type")
        user = workspace.directory.user(users[0])
        if user.deleted:
            raise SlackError("user_disabled")
        channel = workspace.directory.dm_with(user.id)
    wire = channel.wire(workspace.bot_user_id)
    return {"no_op": True, "already_open": True, "channel": wire if args.flag("return_im") else {"id": channel.id}}


def list_channels(workspace: "Workspace", args: Args) -> Json:
    bot = workspace.bot_user_id
    visible = [c for c in of_types(workspace, args) if c.kind == "public" or bot in c.members]
    for channel in visible:
        need_scope(workspace, f"{channel.scope}:read")
    channels, next_cursor = page(visible, args, default=100, most=1000)
    wires = [channel.wire(bot) | {"num_members": len(channel.members)} for channel in channels]
    return {"channels": wires, "response_metadata": {"next_cursor": next_cursor}}


def _readable(workspace: "Workspace", args: Args) -> Channel:
    channel = workspace.directory.channel(args.text("channel"))
    need_scope(workspace, f"{channel.scope}:history")
    if workspace.bot_user_id not in channel.members:
        raise SlackError("not_in_channel")
    for name in ("oldest", "latest"):
        if not _is_ts(str(args.given.get(name) or "0")):
            raise SlackError(f"invalid_ts_{name}")
    return channel


def _is_within(ts: str, args: Args) -> bool:
    oldest, latest = _padded(args.given.get("oldest")), _padded(args.given.get("latest"))
    if args.flag("inclusive"):
        return (not oldest or ts >= oldest) and (not latest or ts <= latest)
    return (not oldest or ts > oldest) and (not latest or ts < latest)


def _messages(workspace: "Workspace", found: list[Message], args: Args, *, next_cursor: str) -> Json:
    with_payload = args.flag("include_all_metadata")
    messages = [
        message_wire(workspace, workspace.store.settled(message), with_payload=with_payload) for message in found
    ]
    answer: Json = {"messages": messages, "has_more": bool(next_cursor)}
    return answer | ({"response_metadata": {"next_cursor": next_cursor}} if next_cursor else {})


def _is_ts(value: str) -> bool:
    return value.replace(".", "", 1).isdigit()


def _padded(value: object) -> str:
    """A bound as a full ts, so that "1712345678" and "1712345678.5" compare as numbers would; "" for none."""
    if not value or str(value) == "0":
        return ""
    seconds, _, fraction = str(value).partition(".")
    return f"{seconds}.{fraction:0<6}"


HISTORY = "channels:history groups:history im:history mpim:history"
WINDOW = "cursor inclusive include_all_metadata latest limit oldest"
NO_CHANNEL = {"channel": "channel_not_found"}
METHODS = {
    "conversations.replies": method(
        replies, "channel ts", WINDOW, scopes=HISTORY, missing={"ts": "thread_not_found", **NO_CHANNEL}
    ),
    "conversations.history": method(history, "channel", WINDOW, scopes=HISTORY, missing=NO_CHANNEL),
    "conversations.info": method(
        info, "channel", "include_locale include_num_members", scopes=READS, missing=NO_CHANNEL
    ),
    "conversations.members": method(members, "channel", "cursor limit", scopes=READS, tier=4, missing=NO_CHANNEL),
    "conversations.open": method(
        open_dm, optional="channel return_im users prevent_creation", scopes="im:write mpim:write"
    ),
    "conversations.list": method(
        list_channels, optional="cursor exclude_archived limit team_id types", scopes=READS, tier=2
    ),
}
