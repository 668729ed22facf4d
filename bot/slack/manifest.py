"""The app manifest: what Slack is told of Docent, for "From a manifest" at api.slack.com/apps.

Owns the scopes and the events, each of which the code uses: tests compare them with what is called and heard.
Written after https://docs.slack.dev/reference/app-manifest and https://github.com/slackapi/manifest-schema;
`agent_view` takes the place of `assistant_view`, which new apps may not have any more.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from agent.errors import UserError

EVENTS_PATH = "/slack/events"
COMMAND = "/ask"
NAME = "Docent"
NAME_CHARS = 35
COMMAND_CHARS = 32

SCOPES = (
    "app_mentions:read",  # app_mention
    "assistant:write",  # agent_view; assistant.threads.setStatus, .setSuggestedPrompts
    "channels:history",  # message.channels; conversations.replies
    "chat:write",  # chat.*, agents.sessions.setStatus, agent_session_stopped
    "commands",  # /ask
    "groups:history",  # message.groups; conversations.replies
    "im:history",  # message.im; conversations.replies
    "im:write",  # conversations.open, for an answer to /ask that comes too late for its response URL
)
APP_TOKEN_SCOPE = "connections:write"  # of the app-level token, which no manifest makes
EVENTS = (
    "agent_session_stopped",
    "app_home_opened",
    "app_mention",
    "message.channels",
    "message.groups",
    "message.im",
)

DESCRIPTION = "Answers questions from your company's own documents, with sources."
LONG_DESCRIPTION = (
    "Mention me in a channel, write to me directly, or use the command for an answer that only you see. "
    "I search the company's documents and answer from what I find, with links to the sources. In a thread you may "
    "ask on without mentioning me. Press the thumbs below an answer to say whether it helped."
)
PROMPT_TITLE_CHARS = 75


def to_prompts(prompts: Sequence[str]) -> list[dict[str, str]]:
    """Suggested prompts as Slack takes them: a button's title, and the whole text that it sends."""
    return [{"title": text[:PROMPT_TITLE_CHARS], "message": text} for text in prompts]


def build(
    *, url: str | None = None, name: str = NAME, command: str = COMMAND, prompts: Sequence[str] = ()
) -> dict[str, Any]:
    """The manifest: for Socket Mode, or with ``url`` for HTTP.

    ``prompts`` are questions that the documents answer. Raises :class:`UserError` for what Slack would refuse.
    """
    _require(name, command)
    address = {"request_url": _events_url(url)} if url else {}
    return {
        "display_information": {
            "name": name,
            "description": DESCRIPTION,
            "long_description": LONG_DESCRIPTION,
            "background_color": "#1f3a5f",
        },
        "features": {
            "agent_view": {
                "agent_description": DESCRIPTION,
                "suggested_prompts": to_prompts(prompts),
            },
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name, "always_online": True},
            "slash_commands": [
                {
                    "command": command,
                    **({"url": _events_url(url)} if url else {}),
                    "description": "Ask the documents; only you see the answer",
                    "usage_hint": "your question",
                    "should_escape": False,
                }
            ],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**address, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **address},
            "org_deploy_enabled": False,
            "socket_mode_enabled": url is None,
            "token_rotation_enabled": False,
        },
    }


def _require(name: str, command: str) -> None:
    if not 0 < len(name) <= NAME_CHARS:
        raise UserError(f"--name has {len(name)} characters; Slack takes 1 to {NAME_CHARS}.")
    is_one_word = command == command.lower() and not any(c.isspace() for c in command)
    if not (command.startswith("/") and 1 < len(command) <= COMMAND_CHARS and is_one_word):
        raise UserError(
            f"--command '{command}' is none for Slack: '/' and one word in lower case, up to {COMMAND_CHARS} "
            "characters, such as /ask."
        )


def _events_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise UserError(f"--url '{url}' is not the public address of the web process: https://your.host")
    return url.rstrip("/").removesuffix(EVENTS_PATH) + EVENTS_PATH
