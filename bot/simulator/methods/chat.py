"""chat.*: posting, changing and deleting messages."""

from bot.simulator import limits
from bot.simulator.delivery.events import EventBuilder
from bot.simulator.errors import SlackError
from bot.simulator.messaging.messenger import Messenger
from bot.simulator.methods.arguments import CallArguments, method
from bot.simulator.methods.content import find_writable_channel, read_content, read_metadata
from bot.simulator.payloads import MethodResponse
from bot.simulator.people import sharing
from bot.simulator.stores.directory import Directory
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.message_store import MessageChanges, MessageStore
from bot.simulator.stores.messages import SlackMessage, StreamState
from bot.simulator.stores.timestamps import Timestamps

STYLE = "icon_emoji icon_url username link_names parse as_user"


class ChatMethods:
    """Messages of the app."""

    def __init__(
        self,
        app: InstalledApp,
        *,
        directory: Directory,
        messages: MessageStore,
        messenger: Messenger,
        events: EventBuilder,
        timestamps: Timestamps,
    ) -> None:
        self._app, self._directory, self._messages = app, directory, messages
        self._messenger, self._events, self._timestamps = messenger, events, timestamps

    def post_message(self, args: CallArguments) -> MethodResponse:
        """Posts a message, cut off at 40,000 characters."""
        channel = find_writable_channel(self._app, self._directory, args.text("channel"))
        content = read_content(args)
        is_truncated = len(content["text"]) > limits.CHARS_PER_POST
        content["text"] = content["text"][: limits.CHARS_PER_POST]
        is_broadcast = args.flag("reply_broadcast")
        message = SlackMessage(
            channel.id,
            "",
            user=self._app.bot_user_id,
            bot_id=self._app.bot_id,
            thread_ts=args.text("thread_ts") or None,
            metadata=read_metadata(args),
            is_broadcast=is_broadcast,
            subtype="thread_broadcast" if is_broadcast and args.text("thread_ts") else "",
            username=args.text("username"),
            **content,
        )
        message = self._messenger.post(channel, message)
        answer: MethodResponse = {"channel": channel.id, "ts": message.ts}
        answer["message"] = self._events.message(message)
        if is_truncated:
            answer["response_metadata"] = {"warnings": ["message_truncated"]}
        return answer

    def post_ephemeral(self, args: CallArguments) -> MethodResponse:
        """Posts a message that one member sees."""
        channel = find_writable_channel(self._app, self._directory, args.text("channel"))
        content = read_content(args)
        if len(content["text"]) > limits.CHARS_PER_POST:
            raise SlackError("msg_too_long")
        if args.text("user") not in channel.members:
            raise SlackError("user_not_in_channel")
        message = SlackMessage(
            channel.id,
            "",
            user=self._app.bot_user_id,
            bot_id=self._app.bot_id,
            thread_ts=args.text("thread_ts") or None,
            ephemeral_to=args.text("user"),
            username=args.text("username"),
            **content,
        )
        return {"message_ts": self._messenger.post_ephemeral(message).ts}

    def update(self, args: CallArguments) -> MethodResponse:
        """Changes a message of the app.

        Text alone removes blocks, attachments alone keep them; absent metadata stays, `{}` removes it.
        """
        message = self._find_own(args, refusal="cant_update_message")
        if message.streaming_state == StreamState.IN_PROGRESS:
            raise SlackError("streaming_state_conflict")
        content = read_content(args)
        if len(content["text"]) > limits.CHARS_PER_UPDATE:
            raise SlackError("msg_too_long")
        changes = MessageChanges(
            text=content["text"],
            markdown=content["markdown"],
            blocks=content["blocks"],
            attachments=content["attachments"],
            stream=None,
        )
        if not args.text("text") and not content["markdown"]:
            changes["text"] = message.text
            if "blocks" not in args:
                changes["blocks"], changes["markdown"] = message.blocks, message.markdown
                changes["stream"] = message.stream
        if "attachments" not in args and not args.text("text"):
            changes["attachments"] = message.attachments
        if "metadata" in args:
            changes["metadata"] = read_metadata(args)
        if not content["blocks"] or message.edited:
            changes["edited"] = {"user": self._app.bot_user_id, "ts": self._timestamps.make()}
        message = self._messenger.update(message, **changes)
        answer = {"channel": message.channel, "ts": message.ts, "text": message.text}
        return {**answer, "message": self._events.message(message)}

    def delete(self, args: CallArguments) -> MethodResponse:
        """Deletes a message of the app."""
        message = self._find_own(args, refusal="cant_delete_message")
        if message.streaming_state == StreamState.IN_PROGRESS:
            raise SlackError("cant_delete_message")
        self._messenger.delete(message)
        return {"channel": message.channel, "ts": message.ts}

    def get_permalink(self, args: CallArguments) -> MethodResponse:
        """Returns the address of a message."""
        channel = self._directory.visible_channel(args.text("channel"))
        message = channel.messages.get(args.text("message_ts"))
        if message is None:
            raise SlackError("message_not_found")
        return {"channel": channel.id, "permalink": sharing.permalink(message, self._app.domain)}

    def _find_own(self, args: CallArguments, *, refusal: str) -> SlackMessage:
        channel = self._directory.visible_channel(args.text("channel"))
        message = self._messages.find_posted(channel, args.text("ts"))
        if message.bot_id != self._app.bot_id:
            raise SlackError(refusal)
        return message


METHODS = {
    "chat.postMessage": method(
        ChatMethods.post_message,
        "channel",
        "text blocks attachments markdown_text thread_ts reply_broadcast unfurl_links unfurl_media metadata "
        f"mrkdwn container_id current_draft_last_updated_ts {STYLE}",
        scopes="chat:write",
        tier=limits.PER_CHANNEL,
    ),
    "chat.postEphemeral": method(
        ChatMethods.post_ephemeral,
        "channel user",
        f"text blocks attachments markdown_text thread_ts {STYLE}",
        scopes="chat:write",
        tier=4,
    ),
    "chat.update": method(
        ChatMethods.update,
        "channel ts",
        "text blocks attachments markdown_text metadata reply_broadcast as_user link_names parse file_ids "
        "unfurled_attachments",
        scopes="chat:write",
    ),
    "chat.delete": method(ChatMethods.delete, "channel ts", "as_user", scopes="chat:write"),
    "chat.getPermalink": method(ChatMethods.get_permalink, "channel message_ts", tier=5),
}
