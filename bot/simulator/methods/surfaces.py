"""reactions.* and views.*."""

import re
from typing import TYPE_CHECKING

from bot.simulator.errors import SlackError
from bot.simulator.methods.arguments import Args, method
from bot.simulator.people.interactions import react
from bot.simulator.stores.messages import Json, Message

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace

EMOJI_NAME = re.compile(r"[a-z0-9_+'\-]+(::skin-tone-[2-6])?")


def add_reaction(workspace: "Workspace", args: Args) -> Json:
    react(workspace, _reactable(workspace, args), workspace.bot_user_id, args.text("name"), is_added=True)
    return {}


def remove_reaction(workspace: "Workspace", args: Args) -> Json:
    if not args.text("channel") or not args.text("timestamp"):
        raise SlackError("no_item_specified")
    react(workspace, _reactable(workspace, args), workspace.bot_user_id, args.text("name"), is_added=False)
    return {}


def open_view(workspace: "Workspace", args: Args) -> Json:
    trigger = args.text("trigger_id") or args.text("interactivity_pointer")
    view = workspace.views.open(trigger, args.json("view", error="invalid_arguments"))
    workspace.changed()
    return {"view": view}


def publish_view(workspace: "Workspace", args: Args) -> Json:
    workspace.directory.user(args.text("user_id"))
    view = args.json("view", error="invalid_arguments")
    published = workspace.views.publish(args.text("user_id"), view, args.text("hash") or None)
    workspace.changed()
    return {"view": published}


def _reactable(workspace: "Workspace", args: Args) -> Message:
    channel = workspace.directory.channel(args.text("channel"))
    if not EMOJI_NAME.fullmatch(args.text("name")):
        raise SlackError("invalid_name")
    if not args.text("timestamp").replace(".", "", 1).isdigit():
        raise SlackError("bad_timestamp")
    message = channel.messages.get(args.text("timestamp"))
    if message is None:
        raise SlackError("message_not_found")
    return message


METHODS = {
    "reactions.add": method(add_reaction, "channel name timestamp", scopes="reactions:write"),
    "reactions.remove": method(
        remove_reaction, "name", "channel timestamp file file_comment", scopes="reactions:write", tier=2
    ),
    "views.open": method(open_view, "view", "trigger_id interactivity_pointer", tier=4),
    "views.publish": method(publish_view, "user_id view", "hash", tier=4),
}
