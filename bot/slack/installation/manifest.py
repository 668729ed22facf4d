"""The app manifest, which sets up the Slack app: for "From a manifest" at api.slack.com/apps.

Owns the scopes and the events. Tests compare them with the methods that are called and the events that are
handled. Follows https://docs.slack.dev/reference/app-manifest and https://github.com/slackapi/manifest-schema;
uses `agent_view`, because new apps cannot have `assistant_view`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict
from urllib.parse import urlsplit

from agent.errors import UserError
from bot.slack.block_kit import Prompt
from bot.slack.installation.origin import OF_ORGANISATIONS
from bot.slack.membership import changes

EVENTS_PATH = "/slack/events"
COMMAND = "/ask"
DOCENT_COMMAND = "/docent"
NAME = "Docent"
SHORTCUT = "docent_ask_about_message"
SHORTCUT_NAME = "Ask Docent about this"  # Slack allows 24 characters
SHORTCUT_NAME_OF_OTHERS = "Ask about this"  # where the app has another name
NAME_CHARS = 35
COMMAND_CHARS = 32

SCOPES = (
    "app_mentions:read",  # app_mention
    "assistant:write",  # agent_view; assistant.threads.setStatus, .setSuggestedPrompts
    "channels:history",  # message.channels; conversations.history, .replies
    "channels:read",  # users.conversations, conversations.members; member_joined_channel, channel_shared
    "chat:write",  # chat.*, agents.sessions.setStatus, agent_session_stopped
    "commands",  # /ask, /docent, the shortcut at messages
    "files:read",  # text files of a question
    "files:write",  # files.getUploadURLExternal, .completeUploadExternal: long tables
    "groups:history",  # message.groups; conversations.history, .replies
    "groups:read",  # the same of private channels
    "im:history",  # message.im; conversations.history, .replies
    "im:read",  # users.conversations
    "im:write",  # conversations.open, for an answer to /ask after its response URL expired
    "mpim:history",  # message.mpim; conversations.history, .replies
    "mpim:read",  # users.conversations, conversations.members
    "reactions:read",  # reaction_added
    "usergroups:read",  # usergroups.list; subteam_members_changed
    "users:read",  # users.info, users.list; user_change
    "users:read.email",  # addresses, for documents that name their readers by them
)
# What is missing without a scope that an app from an earlier manifest lacks; everything else works.
OPTIONAL_SCOPES = {
    "files:read": "text files of questions are not read",
    "files:write": "long tables come without a file of the whole",
    "reactions:read": "the emoji of DOCENT_ASK_EMOJI asks nothing",
}
EVENTS = (
    "agent_session_stopped",
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "reaction_added",
    "tokens_revoked",
    *(event for event in changes.EVENTS if event not in {*changes.NO_SUBSCRIPTION, *OF_ORGANISATIONS}),
)

DESCRIPTION = "Answers questions from your company's own documents, with sources."
LONG_DESCRIPTION = (
    "Mention me in a channel, write to me directly, or use the command, or the shortcut at a message, for an "
    "answer that only you see. I search the company's documents and answer from what I find, with links to the "
    "sources. In a thread you may ask on without mentioning me. Press the thumbs below an answer to say whether "
    "it helped."
)
PROMPT_TITLE_CHARS = 75


class DisplayInformation(TypedDict):
    """How Slack presents the app."""

    name: str
    description: str
    long_description: str
    background_color: str


class AgentView(TypedDict):
    """The bot's place in Slack's list of agents."""

    agent_description: str
    suggested_prompts: list[Prompt]


class AppHome(TypedDict):
    """The tabs of the app's page in Slack."""

    home_tab_enabled: bool
    messages_tab_enabled: bool
    messages_tab_read_only_enabled: bool


class BotUser(TypedDict):
    """The bot as a member of the workspace."""

    display_name: str
    always_online: bool


class CommandEntry(TypedDict):
    """A slash command; ``url`` only for HTTP."""

    command: str
    url: NotRequired[str]
    description: str
    usage_hint: str
    should_escape: bool


class ShortcutEntry(TypedDict):
    """An entry of the menu of every message."""

    name: str
    type: str
    callback_id: str
    description: str


class Features(TypedDict):
    """What the app shows."""

    agent_view: AgentView
    app_home: AppHome
    bot_user: BotUser
    shortcuts: list[ShortcutEntry]
    slash_commands: list[CommandEntry]


class BotScopes(TypedDict):
    """What the bot's token may do."""

    bot: list[str]


class OauthConfig(TypedDict):
    """What the app asks for when it is installed; ``redirect_urls`` only where many workspaces install it."""

    redirect_urls: NotRequired[list[str]]
    scopes: BotScopes


class EventSubscriptions(TypedDict):
    """The events that Slack sends; ``request_url`` only for HTTP."""

    request_url: NotRequired[str]
    bot_events: list[str]


class Interactivity(TypedDict):
    """Where clicks and forms are sent; ``request_url`` only for HTTP."""

    is_enabled: bool
    request_url: NotRequired[str]


class AppSettings(TypedDict):
    """How Slack reaches the app."""

    event_subscriptions: EventSubscriptions
    interactivity: Interactivity
    org_deploy_enabled: bool
    socket_mode_enabled: bool
    token_rotation_enabled: bool


class Manifest(TypedDict):
    """The whole manifest."""

    display_information: DisplayInformation
    features: Features
    oauth_config: OauthConfig
    settings: AppSettings


def to_prompts(texts: Sequence[str]) -> list[Prompt]:
    """Returns suggested prompts: a title for the button, and the whole text that it sends."""
    return [{"title": text[:PROMPT_TITLE_CHARS], "message": text} for text in texts]


@dataclass(frozen=True)
class Distribution:
    """How many workspaces install the app: where Slack leads back to, whether organisations of Enterprise Grid may
    install it for all of theirs, and whether tokens expire and are renewed."""

    redirect_uri: str = ""
    is_for_organisations: bool = False
    rotates_tokens: bool = False


ONE_WORKSPACE = Distribution()


def build(
    *,
    url: str | None = None,
    name: str = NAME,
    command: str = COMMAND,
    docent_command: str = DOCENT_COMMAND,
    prompts: Sequence[str] = (),
    distribution: Distribution = ONE_WORKSPACE,
) -> Manifest:
    """Builds the manifest: for Socket Mode, or with ``url`` for HTTP.

    ``prompts`` are questions that the documents answer. Raises :class:`UserError` for values that Slack would
    refuse.
    """
    _check(name, command, docent_command)
    if (distribution.is_for_organisations or distribution.rotates_tokens) and not distribution.redirect_uri:
        raise UserError("--organisations and --rotate-tokens are for installing by OAuth: set SLACK_REDIRECT_URI.")
    events_url = _events_url(url) if url else None
    return {
        "display_information": {
            "name": name,
            "description": DESCRIPTION,
            "long_description": LONG_DESCRIPTION,
            "background_color": "#1f3a5f",
        },
        "features": _features(name, [_ask(command), _control(docent_command)], prompts, events_url),
        "oauth_config": _oauth_config(distribution),
        "settings": _settings(events_url, distribution),
    }


def _oauth_config(distribution: Distribution) -> OauthConfig:
    scopes: BotScopes = {"bot": list(SCOPES)}
    if not distribution.redirect_uri:
        return {"scopes": scopes}
    return {"redirect_urls": [distribution.redirect_uri], "scopes": scopes}


def _ask(command: str) -> CommandEntry:
    return {
        "command": command,
        "description": "Ask the documents; only you see the answer",
        "usage_hint": "your question",
        "should_escape": False,
    }


def _control(command: str) -> CommandEntry:
    return {
        "command": command,
        "description": "Status, settings of this channel, sync, mute, help",
        "usage_hint": "status | settings | sync | mute | help",
        "should_escape": True,  # people and groups that are mentioned come with their ids
    }


def _features(
    name: str, commands: Sequence[CommandEntry], prompts: Sequence[str], events_url: str | None
) -> Features:
    if events_url:
        commands = [{**entry, "url": events_url} for entry in commands]
    shortcut: ShortcutEntry = {
        "name": SHORTCUT_NAME if name == NAME else SHORTCUT_NAME_OF_OTHERS,
        "type": "message",
        "callback_id": SHORTCUT,
        "description": "Ask the documents about a message; only you see the answer",
    }
    return {
        "agent_view": {"agent_description": DESCRIPTION, "suggested_prompts": to_prompts(prompts)},
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "bot_user": {"display_name": name, "always_online": True},
        "shortcuts": [shortcut],
        "slash_commands": [*commands],
    }


def _settings(events_url: str | None, distribution: Distribution) -> AppSettings:
    of_organisations = OF_ORGANISATIONS if distribution.is_for_organisations else ()
    subscriptions: EventSubscriptions = {"bot_events": [*EVENTS, *of_organisations]}
    interactivity: Interactivity = {"is_enabled": True}
    if events_url:
        subscriptions["request_url"] = interactivity["request_url"] = events_url
    return {
        "event_subscriptions": subscriptions,
        "interactivity": interactivity,
        "org_deploy_enabled": distribution.is_for_organisations,
        "socket_mode_enabled": events_url is None,
        "token_rotation_enabled": distribution.rotates_tokens,
    }


def _check(name: str, command: str, docent_command: str) -> None:
    if not 0 < len(name) <= NAME_CHARS:
        raise UserError(f"--name has {len(name)} characters; Slack allows 1 to {NAME_CHARS}.")
    _check_command("--command", command, COMMAND)
    _check_command("DOCENT_COMMAND", docent_command, DOCENT_COMMAND)
    if command == docent_command:
        raise UserError(
            f"--command and DOCENT_COMMAND are both '{command}': one asks, the other shows status and settings. "
            "Give one of them another name."
        )


def _check_command(where: str, command: str, example: str) -> None:
    is_one_word = command == command.lower() and not any(c.isspace() for c in command)
    if not (command.startswith("/") and 1 < len(command) <= COMMAND_CHARS and is_one_word):
        raise UserError(
            f"{where} '{command}' is not valid: Slack requires '/' and one word in lower case, at most "
            f"{COMMAND_CHARS} characters, such as {example}."
        )


def _events_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise UserError(f"--url '{url}' is not the public address of the web process, such as https://your.host")
    return url.rstrip("/").removesuffix(EVENTS_PATH) + EVENTS_PATH
