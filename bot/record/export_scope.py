"""What an export may contain: asks Slack which channels are public, and the tools what they return."""

from functools import cache

import bot.settings
from agent import observability
from agent.errors import ReplyError
from bot.record.export import ExportScope
from bot.slack.client import SlackClient
from bot.slack.installation import origin
from tools import registry


def build(slack: SlackClient | None) -> ExportScope:
    """Builds the scope of the settings. Without a client of Slack no channel is known to be public."""
    settings = bot.settings.load()
    every = registry.find_tools(settings.own_tools)
    names = frozenset(name for name, tool in every.items() if tool.only_passages)
    if slack is None:
        return ExportScope(lambda channel: False, names)
    return ExportScope(cache(lambda channel: is_public(slack, channel)), names)


def is_public(slack: SlackClient, channel: str) -> bool:
    """Returns whether every full member of the workspace may read the channel, and nobody else."""
    try:
        identity = slack.identify()
        found = slack.call("conversations.info", is_repeatable=True, channel=channel)["channel"]
    except ReplyError as error:
        observability.log.warning("channel_not_known", error=str(error))
        return False
    is_shared = any(found.get(name) for name in ("is_shared", "is_ext_shared", "is_pending_ext_shared"))
    is_open = bool(found.get("is_channel")) and not found.get("is_private") and not is_shared
    installed = identity.get("enterprise_id") if identity.get("is_enterprise_install") else identity.get("team_id")
    return is_open and origin.is_open_to_all(found, str(installed or ""))
