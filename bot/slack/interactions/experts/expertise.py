"""Who is an expert of a channel: the people and user groups that are set for it."""

import time
from collections.abc import Sequence

from agent.store.database import Transaction
from bot.slack.channels import channel_settings
from bot.slack.channels.channel_settings import ChannelSettings
from bot.slack.membership.directory import SlackDirectory

SECONDS = 2  # a form must be open three seconds after the click
GROUP = "S"  # with which the id of a user group begins


def load_settings(transaction: Transaction, *, team: str, channel: str) -> ChannelSettings:
    """Loads what is set for a channel."""
    history = channel_settings.load_history(transaction, team=team, channel=channel, limit=1)
    return channel_settings.apply(history[0].stored if history else None, ChannelSettings())


def is_expert(directory: SlackDirectory, experts: Sequence[str], user_id: str) -> bool:
    """Returns whether a person is one of the experts, by what was last read; raises
    :class:`agent.errors.ReplyError`."""
    if user_id in experts:
        return True
    groups = [id_ for id_ in experts if id_.startswith(GROUP)]
    if not groups:
        return False
    members = directory.groups(time.monotonic() + SECONDS)
    return any(user_id in members.get(group, ()) for group in groups)


def mention(experts: Sequence[str]) -> str:
    """Returns the mentions by which Slack notifies them.

    >>> mention(["U0ADA00001", "S0HR"])
    '<@U0ADA00001> <!subteam^S0HR>'
    """
    return " ".join(f"<!subteam^{id_}>" if id_.startswith(GROUP) else f"<@{id_}>" for id_ in experts)
