"""reactions.* and views.*."""

import re

from bot.simulator.errors import SlackError
from bot.simulator.messaging.messenger import Messenger
from bot.simulator.methods.arguments import CallArguments, method
from bot.simulator.payloads import MethodResponse
from bot.simulator.stores.changes import Changes
from bot.simulator.stores.directory import Directory
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.messages import SlackMessage
from bot.simulator.stores.views import ViewStore

EMOJI_NAME = re.compile(r"[a-z0-9_+'\-]+(::skin-tone-[2-6])?")


class SurfaceMethods:
    """Reactions of the app, its modals and Home tabs."""

    def __init__(
        self,
        app: InstalledApp,
        *,
        directory: Directory,
        views: ViewStore,
        messenger: Messenger,
        changes: Changes,
    ) -> None:
        self._app, self._directory, self._views = app, directory, views
        self._messenger, self._changes = messenger, changes

    def add_reaction(self, args: CallArguments) -> MethodResponse:
        """Adds a reaction of the app to a message."""
        self._react(args, is_added=True)
        return {}

    def remove_reaction(self, args: CallArguments) -> MethodResponse:
        """Removes a reaction of the app."""
        if not args.text("channel") or not args.text("timestamp"):
            raise SlackError("no_item_specified")
        self._react(args, is_added=False)
        return {}

    def open_view(self, args: CallArguments) -> MethodResponse:
        """Opens a modal for the person of the trigger."""
        trigger = args.text("trigger_id") or args.text("interactivity_pointer")
        view = self._views.open(trigger, args.json("view", error="invalid_arguments"))
        self._changes.notify()
        return {"view": view}

    def publish_view(self, args: CallArguments) -> MethodResponse:
        """Replaces a person's Home tab."""
        user = self._directory.visible_user(args.text("user_id"))
        view = args.json("view", error="invalid_arguments")
        published = self._views.publish(user.id, view, args.text("hash") or None)
        self._changes.notify()
        return {"view": published}

    def _react(self, args: CallArguments, *, is_added: bool) -> None:
        message = self._find_message(args)
        self._messenger.react(message, self._app.bot_user_id, args.text("name"), is_added=is_added)

    def _find_message(self, args: CallArguments) -> SlackMessage:
        channel = self._directory.visible_channel(args.text("channel"))
        if not EMOJI_NAME.fullmatch(args.text("name")):
            raise SlackError("invalid_name")
        if not args.text("timestamp").replace(".", "", 1).isdigit():
            raise SlackError("bad_timestamp")
        message = channel.messages.get(args.text("timestamp"))
        if message is None:
            raise SlackError("message_not_found")
        return message


METHODS = {
    "reactions.add": method(SurfaceMethods.add_reaction, "channel name timestamp", scopes="reactions:write"),
    "reactions.remove": method(
        SurfaceMethods.remove_reaction,
        "name",
        "channel timestamp file file_comment",
        scopes="reactions:write",
        tier=2,
    ),
    "views.open": method(SurfaceMethods.open_view, "view", "trigger_id interactivity_pointer", tier=4),
    "views.publish": method(SurfaceMethods.publish_view, "user_id view", "hash", tier=4),
}
