"""assistant.threads.* and agents.sessions.*: what a thread shows beside its messages."""

from typing import TYPE_CHECKING

from bot.simulator import limits
from bot.simulator.errors import SlackError, invalid_arguments
from bot.simulator.methods.arguments import Args, method
from bot.simulator.stores.directory import Channel
from bot.simulator.stores.messages import Json

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace

SESSION_STATUSES = ("active", "processing", "suspended", "closed")


def set_status(workspace: "Workspace", args: Args) -> Json:
    key = _thread(workspace, args)
    loading = args.json("loading_messages", error="invalid_arguments") or []
    if not isinstance(loading, list) or not all(isinstance(line, str) and line for line in loading):
        raise invalid_arguments("must provide an array of strings [json-pointer:/loading_messages]")
    if len(loading) > limits.LOADING_MESSAGES:
        most = limits.LOADING_MESSAGES
        raise invalid_arguments(f"no more than {most} items allowed [json-pointer:/loading_messages]")
    workspace.threads.show(key, args.text("status"), tuple(loading))
    workspace.changed()
    return {}


def set_title(workspace: "Workspace", args: Args) -> Json:
    workspace.threads.set_title(_thread(workspace, args), args.text("title"))
    workspace.changed()
    return {}


def set_prompts(workspace: "Workspace", args: Args) -> Json:
    channel = _channel(workspace, args)
    prompts = args.json("prompts", error="invalid_arguments")
    if not isinstance(prompts, list) or not 0 < len(prompts) <= limits.SUGGESTED_PROMPTS:
        most = limits.SUGGESTED_PROMPTS
        raise invalid_arguments(f"must provide between 1 and {most} items [json-pointer:/prompts]")
    for prompt in prompts:
        if not isinstance(prompt, dict) or not prompt.get("title") or not prompt.get("message"):
            raise invalid_arguments("missing required field: title or message [json-pointer:/prompts]")
    key = _thread(workspace, args) if args.text("thread_ts") else (channel.id, "")
    workspace.threads.suggest(key, prompts)
    workspace.changed()
    return {}


def set_session_status(workspace: "Workspace", args: Args) -> Json:
    channel = _channel(workspace, args)
    if args.text("status") not in SESSION_STATUSES:
        raise SlackError("invalid_status")
    if not args.text("thread_ts"):
        raise SlackError("thread_ts_required")
    if "initiator_user_id" in args:
        workspace.directory.user(args.text("initiator_user_id"))
    _check_title(args)
    title = args.text("title") if "title" in args else None
    session = workspace.threads.set_session((channel.id, args.text("thread_ts")), args.text("status"), title)
    workspace.changed()
    return {"status": session.status, "agent_status": session.status, "title": session.title}


def rename_session(workspace: "Workspace", args: Args) -> Json:
    channel = _channel(workspace, args)
    if not args.text("thread_ts"):
        raise SlackError("thread_ts_required")
    key = (channel.id, args.text("thread_ts"))
    if key not in workspace.threads.sessions:
        raise SlackError("session_not_found")
    _check_title(args)
    workspace.threads.rename_session(key, args.text("title"))
    workspace.changed()
    return {"title": args.text("title")}


def _channel(workspace: "Workspace", args: Args) -> Channel:
    channel = workspace.directory.channel(args.text("channel_id"))
    if workspace.bot_user_id not in channel.members:
        raise SlackError("channel_not_found", detail="Invalid channel_id")
    return channel


def _thread(workspace: "Workspace", args: Args) -> tuple[str, str]:
    channel = _channel(workspace, args)
    if args.text("thread_ts") not in channel.messages:
        raise SlackError("invalid_thread_ts", detail="Thread not found")
    return channel.id, args.text("thread_ts")


def _check_title(args: Args) -> None:
    if len(args.text("title")) > limits.SESSION_TITLE_CHARS:
        raise invalid_arguments("must be less than 201 characters [json-pointer:/title]")


LOOK = "icon_emoji icon_url username"
METHODS = {
    "assistant.threads.setStatus": method(
        set_status,
        "channel_id thread_ts status",
        f"loading_messages {LOOK}",
        scopes="chat:write assistant:write",
        tier=5,
    ),
    "assistant.threads.setTitle": method(
        set_title, "channel_id thread_ts title", scopes="assistant:write", tier=4
    ),
    "assistant.threads.setSuggestedPrompts": method(
        set_prompts, "channel_id prompts", "thread_ts title", scopes="assistant:write", tier=4
    ),
    "agents.sessions.setStatus": method(
        set_session_status,
        "channel_id status",
        f"thread_ts title initiator_user_id {LOOK}",
        scopes="chat:write",
    ),
    "agents.sessions.rename": method(rename_session, "channel_id title", "thread_ts", scopes="chat:write"),
}
