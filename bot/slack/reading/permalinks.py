"""Addresses of messages of Slack, as people copy them, and whether one leads into the own workspace.

Another workspace may have a channel of the same id: an address names its workspace by the host alone.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.slack.client import SlackClient, SlackRefused

_PERMALINK = re.compile(
    r"https://(?P<host>[a-z0-9.-]{1,80}\.slack\.com)/archives/(?P<channel>[CDG][A-Z0-9]{1,30})/p(?P<ts>\d{7,18})"
    r"(?:\?[^\s<>|)]{0,200})?"
)


@dataclass(frozen=True)
class Permalink:
    """The address of a message: its workspace's host, its channel and its ts."""

    host: str
    channel: str
    ts: str

    @property
    def key(self) -> tuple[str, str]:
        """Returns what tells the message from others of its workspace."""
        return self.channel, self.ts


def find(text: str) -> list[Permalink]:
    """Finds the messages of Slack that a text links to, each once.

    >>> find("See https://acme.slack.com/archives/C0HELP/p1712345678000200?thread_ts=1.2&cid=C0HELP")
    [Permalink(host='acme.slack.com', channel='C0HELP', ts='1712345678.000200')]
    """
    found = (
        Permalink(m["host"], m["channel"], f"{m['ts'][:-6]}.{m['ts'][-6:]}") for m in _PERMALINK.finditer(text)
    )
    return list(dict.fromkeys(found))


def remove(text: str) -> str:
    """Returns the text without links to messages of Slack: what is searched for."""
    return " ".join(_PERMALINK.sub(" ", text).split())


def is_own(slack: SlackClient, link: Permalink, deadline: float | None = None) -> bool:
    """Returns whether a link leads into the workspace of the client's token.

    The workspaces of an organisation have several hosts, and a workspace may get another one: of a host that is
    not its own, Slack is asked for the message's address. Raises :class:`agent.errors.ReplyError`.
    """
    if link.host == urlsplit(str(slack.identify().get("url") or "")).hostname:
        return True
    try:
        told = slack.call(
            "chat.getPermalink",
            is_repeatable=True,
            deadline=deadline,
            channel=link.channel,
            message_ts=link.ts,
        )
    except SlackRefused as error:
        if error.is_transient:
            raise
        return False
    return link.host == urlsplit(str(told.get("permalink") or "")).hostname
