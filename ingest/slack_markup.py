"""Reads Slack's markup (mrkdwn) as a person reads it: mentions, links and escaped characters as plain text.

Owns the syntax ``<…>`` and Slack's three entities. Code and emphasis are left as they are; writing markup is
:mod:`bot.slack.blocks`.
"""

import re
from collections.abc import Callable

from agent.hidden_characters import strip_invisible

Mention = Callable[[str, str], str]  # by a person's id and the label Slack gives, maybe empty: what is shown

_TOKEN = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")


def to_text(text: str, mention: Mention = lambda user, label: f"@{user}") -> str:
    """Replaces markup by what Slack shows, without invisible characters; people are shown as ``mention`` says.

    >>> to_text("<@U1> see <#C1|general> or <https://a.example|the page> &amp; <!here>")
    '@U1 see #general or the page (https://a.example) & @here'
    """
    text = _TOKEN.sub(lambda token: _read(token, mention), strip_invisible(text).replace("\r", ""))
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def find_people(text: str) -> list[str]:
    """Returns the ids of everybody who is mentioned.

    >>> find_people("<@U1>, ask <@U2|ann> in <#C1>")
    ['U1', 'U2']
    """
    return [token[2] for token in _TOKEN.finditer(text) if token[1] == "@"]


def format_link(address: str, label: str) -> str:
    """Returns a link as text: its label and the address, once where they are the same."""
    address = address.removeprefix("mailto:").removeprefix("tel:")
    return address if not label or label == address or address.endswith(f"//{label}") else f"{label} ({address})"


def _read(token: re.Match[str], mention: Mention) -> str:
    """Reads ``<@U1>``, ``<#C1|name>``, ``<!here>``, ``<!subteam^S1|@name>``, ``<url|label>`` and the like."""
    kind, target, label = token[1], token[2], token[3] or ""
    if kind == "@":
        return mention(target, label)
    if kind == "#":
        return f"#{label or target}"
    if kind == "!":
        return label or f"@{target.split('^')[-1]}"
    return format_link(target, label)
