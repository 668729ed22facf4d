"""files.getUploadURLExternal and files.completeUploadExternal: a file that the app adds to a conversation.

Promises that nothing is shared before its content came, and that the message of a file has the subtype
`file_share`. Slack shares it a moment after the call; here it is there at once. Does not know several channels.
"""

from bot.simulator import limits
from bot.simulator.errors import SlackError, invalid_arguments
from bot.simulator.messaging.messenger import Messenger
from bot.simulator.methods.arguments import CallArguments, method
from bot.simulator.methods.content import find_writable_channel
from bot.simulator.payloads import JsonObject, MethodResponse
from bot.simulator.stores.directory import Directory
from bot.simulator.stores.files import FileStore
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.messages import SlackMessage


class FileMethods:
    """Uploads of the app."""

    def __init__(self, app: InstalledApp, *, directory: Directory, files: FileStore, messenger: Messenger) -> None:
        self._app, self._directory, self._files, self._messenger = app, directory, files, messenger

    def get_upload_url(self, args: CallArguments) -> MethodResponse:
        """Returns where to post the content, and the file's id."""
        if not args.text("filename"):
            raise SlackError("invalid_arguments")
        n_bytes = _size(args.values.get("length"))
        file = self._files.announce(args.text("filename"), n_bytes)
        return {"upload_url": self._files.upload_url(file), "file_id": file.id}

    def complete_upload(self, args: CallArguments) -> MethodResponse:
        """Shares files, in a conversation if one is named."""
        entries = args.json("files", error="invalid_arguments")
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries) or not entries:
            raise invalid_arguments("must provide an array [json-pointer:/files]")
        place = args.text("channel_id")
        channel = find_writable_channel(self._app, self._directory, place) if place else None
        files = [self._share(entry) for entry in entries]
        if channel:
            message = SlackMessage(
                channel.id,
                "",
                text=args.text("initial_comment"),
                user=self._app.bot_user_id,
                bot_id=self._app.bot_id,
                thread_ts=args.text("thread_ts") or None,
                subtype="file_share",
                files=tuple(files),
            )
            self._messenger.post(channel, message)
        return {"files": files}

    def _share(self, entry: JsonObject) -> JsonObject:
        return self._files.share(str(entry.get("id")), str(entry.get("title") or ""), self._app.bot_user_id)


def _size(length: object) -> int:
    try:
        n_bytes = int(str(length))
    except ValueError:
        raise SlackError("invalid_arguments") from None
    if not 0 < n_bytes <= limits.UPLOAD_BYTES:
        raise SlackError("invalid_arguments")
    return n_bytes


METHODS = {
    "files.getUploadURLExternal": method(
        FileMethods.get_upload_url, "filename length", "alt_txt snippet_type", scopes="files:write", tier=4
    ),
    "files.completeUploadExternal": method(
        FileMethods.complete_upload,
        "files",
        "channel_id channels thread_ts initial_comment",
        scopes="files:write",
        tier=4,
    ),
}
