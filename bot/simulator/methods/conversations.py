"""conversations.*: reading channels and threads, page by page."""

from bot.simulator.delivery.events import EventBuilder
from bot.simulator.errors import SlackError
from bot.simulator.methods.arguments import CallArguments, make_cursor, method, paginate, read_cursor
from bot.simulator.methods.channels import READ_SCOPES, select_channels
from bot.simulator.payloads import MethodResponse
from bot.simulator.stores.directory import Channel, ChannelKind, Directory
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.message_store import MessageStore
from bot.simulator.stores.messages import SlackMessage

HISTORY_SCOPES = "channels:history groups:history im:history mpim:history"
WINDOW = "cursor inclusive include_all_metadata latest limit oldest"
NO_CHANNEL = {"channel": "channel_not_found"}


class ConversationMethods:
    """Channels and their messages, as far as the app may see them."""

    def __init__(
        self, app: InstalledApp, directory: Directory, messages: MessageStore, events: EventBuilder
    ) -> None:
        self._app, self._directory, self._messages, self._events = app, directory, messages, events

    def list_replies(self, args: CallArguments) -> MethodResponse:
        """Returns the root first, on every page, then replies from the oldest on; a reply's own ts gives that
        reply alone."""
        channel = self._find_readable(args)
        root = channel.messages.get(args.text("ts"))
        if root is None:
            raise SlackError("thread_not_found")
        limit = args.number("limit", 1000, most=1000)
        after = read_cursor(args.text("cursor"), "next_ts") if args.text("cursor") else ""
        window = [channel.messages[ts] for ts in channel.replies.get(root.ts, []) if _is_within(ts, args)]
        rest = [message for message in window if message.ts >= after]
        page = rest[: max(1, limit - 1)]
        next_cursor = make_cursor("next_ts", rest[len(page)].ts) if len(page) < len(rest) else ""
        return self._page([root, *page], args, next_cursor=next_cursor)

    def list_history(self, args: CallArguments) -> MethodResponse:
        """Returns messages newest first, without replies unless they were also sent to the channel."""
        channel = self._find_readable(args)
        limit = args.number("limit", 100, most=999)
        before = read_cursor(args.text("cursor"), "before_ts") if args.text("cursor") else ""
        messages = [
            message
            for message in sorted(channel.messages.values(), key=lambda message: message.ts, reverse=True)
            if (not message.thread_ts or message.is_broadcast)
            and _is_within(message.ts, args)
            and (not before or message.ts < before)
        ]
        next_cursor = make_cursor("before_ts", messages[limit - 1].ts) if len(messages) > limit else ""
        return {**self._page(messages[:limit], args, next_cursor=next_cursor), "pin_count": 0}

    def get_info(self, args: CallArguments) -> MethodResponse:
        """Returns one channel."""
        channel = self._directory.visible_channel(args.text("channel"))
        self._app.require_scope(f"{channel.scope}:read")
        info = channel.to_json(self._app.bot_user_id)
        if args.flag("include_locale"):
            info["locale"] = "en-GB"
        if args.flag("include_num_members"):
            info["num_members"] = len(channel.members)
        return {"channel": info}

    def list_members(self, args: CallArguments) -> MethodResponse:
        """Returns the ids of a channel's members."""
        channel = self._directory.visible_channel(args.text("channel"))
        self._app.require_scope(f"{channel.scope}:read")
        members, next_cursor = paginate(channel.members, args, default=100, most=1000)
        return {"members": members, "response_metadata": {"next_cursor": next_cursor}}

    def open_dm(self, args: CallArguments) -> MethodResponse:
        """Returns the direct message channel with one person."""
        channel = self._find_dm(args)
        info = channel.to_json(self._app.bot_user_id) if args.flag("return_im") else {"id": channel.id}
        return {"no_op": True, "already_open": True, "channel": info}

    def list_channels(self, args: CallArguments) -> MethodResponse:
        """Returns the public channels, and the private ones the app is in."""
        bot = self._app.bot_user_id
        channels = [
            channel
            for channel in select_channels(self._directory, args)
            if channel.kind == ChannelKind.PUBLIC or bot in channel.members
        ]
        for channel in channels:
            self._app.require_scope(f"{channel.scope}:read")
        page, next_cursor = paginate(channels, args, default=100, most=1000)
        infos = [channel.to_json(bot) | {"num_members": len(channel.members)} for channel in page]
        return {"channels": infos, "response_metadata": {"next_cursor": next_cursor}}

    def _find_dm(self, args: CallArguments) -> Channel:
        if args.text("channel"):
            channel = self._directory.visible_channel(args.text("channel"))
            if channel.kind != ChannelKind.IM:
                raise SlackError("method_not_supported_for_channel_type")
            return channel
        users = [user for user in args.text("users").split(",") if user]
        if not users:
            raise SlackError("users_list_not_supplied")
        if len(users) > 1:
            raise SlackError("method_not_supported_for_channel_type")
        user = self._directory.visible_user(users[0])
        if user.deleted:
            raise SlackError("user_disabled")
        return self._directory.open_dm(user.id)

    def _find_readable(self, args: CallArguments) -> Channel:
        channel = self._directory.visible_channel(args.text("channel"))
        self._app.require_scope(f"{channel.scope}:history")
        if self._app.bot_user_id not in channel.members:
            raise SlackError("not_in_channel")
        for name in ("oldest", "latest"):
            if not _is_ts(str(args.values.get(name) or "0")):
                raise SlackError(f"invalid_ts_{name}")
        return channel

    def _page(self, messages: list[SlackMessage], args: CallArguments, *, next_cursor: str) -> MethodResponse:
        with_payload = args.flag("include_all_metadata")
        payloads = [
            self._events.message(self._messages.age(message), with_payload=with_payload) for message in messages
        ]
        answer: MethodResponse = {"messages": payloads, "has_more": bool(next_cursor)}
        return answer | ({"response_metadata": {"next_cursor": next_cursor}} if next_cursor else {})


def _is_within(ts: str, args: CallArguments) -> bool:
    oldest, latest = _pad_ts(args.values.get("oldest")), _pad_ts(args.values.get("latest"))
    if args.flag("inclusive"):
        return (not oldest or ts >= oldest) and (not latest or ts <= latest)
    return (not oldest or ts > oldest) and (not latest or ts < latest)


def _is_ts(value: str) -> bool:
    return value.replace(".", "", 1).isdigit()


def _pad_ts(value: object) -> str:
    """Returns a bound as a full ts, so that "1712345678" and "1712345678.5" compare as numbers; "" for none."""
    if not value or str(value) == "0":
        return ""
    seconds, _, fraction = str(value).partition(".")
    return f"{seconds}.{fraction:0<6}"


METHODS = {
    "conversations.replies": method(
        ConversationMethods.list_replies,
        "channel ts",
        WINDOW,
        scopes=HISTORY_SCOPES,
        missing={"ts": "thread_not_found", **NO_CHANNEL},
    ),
    "conversations.history": method(
        ConversationMethods.list_history, "channel", WINDOW, scopes=HISTORY_SCOPES, missing=NO_CHANNEL
    ),
    "conversations.info": method(
        ConversationMethods.get_info,
        "channel",
        "include_locale include_num_members",
        scopes=READ_SCOPES,
        missing=NO_CHANNEL,
    ),
    "conversations.members": method(
        ConversationMethods.list_members,
        "channel",
        "cursor limit",
        scopes=READ_SCOPES,
        tier=4,
        missing=NO_CHANNEL,
    ),
    "conversations.open": method(
        ConversationMethods.open_dm,
        optional="channel return_im users prevent_creation",
        scopes="im:write mpim:write",
    ),
    "conversations.list": method(
        ConversationMethods.list_channels,
        optional="cursor exclude_archived limit team_id types",
        scopes=READ_SCOPES,
        tier=2,
    ),
}
