"""assistant.threads.* and agents.sessions.*: what a thread has beside its messages."""

from bot.simulator import limits
from bot.simulator.errors import SlackError, invalid_arguments
from bot.simulator.methods.arguments import CallArguments, method
from bot.simulator.payloads import MethodResponse
from bot.simulator.stores.changes import Changes
from bot.simulator.stores.directory import Channel, Directory
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.threads import ThreadKey, ThreadStore

SESSION_STATUSES = ("active", "processing", "suspended", "closed")
LOOK = "icon_emoji icon_url username"


class AgentMethods:
    """Statuses, titles, prompts and sessions of threads."""

    def __init__(self, app: InstalledApp, directory: Directory, threads: ThreadStore, changes: Changes) -> None:
        self._app, self._directory, self._threads, self._changes = app, directory, threads, changes

    def set_status(self, args: CallArguments) -> MethodResponse:
        """Shows a status line until the app writes, or clears it."""
        key = self._find_thread(args)
        loading = args.json("loading_messages", error="invalid_arguments") or []
        if not isinstance(loading, list) or not all(isinstance(line, str) and line for line in loading):
            raise invalid_arguments("must provide an array of strings [json-pointer:/loading_messages]")
        if len(loading) > limits.LOADING_MESSAGES:
            most = limits.LOADING_MESSAGES
            raise invalid_arguments(f"no more than {most} items allowed [json-pointer:/loading_messages]")
        self._threads.set_status(key, args.text("status"), tuple(loading))
        self._changes.notify()
        return {}

    def set_title(self, args: CallArguments) -> MethodResponse:
        """Gives a thread a title."""
        self._threads.set_title(self._find_thread(args), args.text("title"))
        self._changes.notify()
        return {}

    def set_prompts(self, args: CallArguments) -> MethodResponse:
        """Suggests prompts in a thread, or in the direct messages as a whole."""
        channel = self._find_channel(args)
        prompts = args.json("prompts", error="invalid_arguments")
        if not isinstance(prompts, list) or not 0 < len(prompts) <= limits.SUGGESTED_PROMPTS:
            most = limits.SUGGESTED_PROMPTS
            raise invalid_arguments(f"must provide between 1 and {most} items [json-pointer:/prompts]")
        for prompt in prompts:
            if not isinstance(prompt, dict) or not prompt.get("title") or not prompt.get("message"):
                raise invalid_arguments("missing required field: title or message [json-pointer:/prompts]")
        key = self._find_thread(args) if args.text("thread_ts") else (channel.id, "")
        self._threads.set_prompts(key, prompts)
        self._changes.notify()
        return {}

    def set_session_status(self, args: CallArguments) -> MethodResponse:
        """Moves the session of a thread to a status."""
        channel = self._find_channel(args)
        if args.text("status") not in SESSION_STATUSES:
            raise SlackError("invalid_status")
        if not args.text("thread_ts"):
            raise SlackError("thread_ts_required")
        if "initiator_user_id" in args:
            self._directory.visible_user(args.text("initiator_user_id"))
        _check_title(args)
        title = args.text("title") if "title" in args else None
        session = self._threads.set_session((channel.id, args.text("thread_ts")), args.text("status"), title)
        self._changes.notify()
        return {"status": session.status, "agent_status": session.status, "title": session.title}

    def rename_session(self, args: CallArguments) -> MethodResponse:
        """Gives the session of a thread a title."""
        channel = self._find_channel(args)
        if not args.text("thread_ts"):
            raise SlackError("thread_ts_required")
        key = (channel.id, args.text("thread_ts"))
        if key not in self._threads.sessions:
            raise SlackError("session_not_found")
        _check_title(args)
        self._threads.rename_session(key, args.text("title"))
        self._changes.notify()
        return {"title": args.text("title")}

    def _find_channel(self, args: CallArguments) -> Channel:
        channel = self._directory.visible_channel(args.text("channel_id"))
        if self._app.bot_user_id not in channel.members:
            raise SlackError("channel_not_found", detail="Invalid channel_id")
        return channel

    def _find_thread(self, args: CallArguments) -> ThreadKey:
        channel = self._find_channel(args)
        if args.text("thread_ts") not in channel.messages:
            raise SlackError("invalid_thread_ts", detail="Thread not found")
        return channel.id, args.text("thread_ts")


def _check_title(args: CallArguments) -> None:
    most = limits.SESSION_TITLE_CHARS
    if len(args.text("title")) > most:
        raise invalid_arguments(f"must be less than {most + 1} characters [json-pointer:/title]")


METHODS = {
    "assistant.threads.setStatus": method(
        AgentMethods.set_status,
        "channel_id thread_ts status",
        f"loading_messages {LOOK}",
        scopes="chat:write assistant:write",
        tier=5,
    ),
    "assistant.threads.setTitle": method(
        AgentMethods.set_title, "channel_id thread_ts title", scopes="assistant:write", tier=4
    ),
    "assistant.threads.setSuggestedPrompts": method(
        AgentMethods.set_prompts, "channel_id prompts", "thread_ts title", scopes="assistant:write", tier=4
    ),
    "agents.sessions.setStatus": method(
        AgentMethods.set_session_status,
        "channel_id status",
        f"thread_ts title initiator_user_id {LOOK}",
        scopes="chat:write",
    ),
    "agents.sessions.rename": method(
        AgentMethods.rename_session, "channel_id title", "thread_ts", scopes="chat:write"
    ),
}
