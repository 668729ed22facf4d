"""Cuts long answers into parts that Slack accepts."""

import re
from collections.abc import Sequence

from bot.slack.replies import markdown

# Slack allows 12,000 characters of markdown text in a message; the rest is for sources and notice.
PART_LIMIT = 9_800
FENCE_ROOM = 32  # for closing a code block and opening it again
HEADER_SHARE = 4  # a table's header is repeated if it takes at most this part of the limit


def split_text(text: str, limit: int = PART_LIMIT) -> list[str]:
    """Splits the text into parts of at most ``limit`` characters, without a loss.

    Cuts between paragraphs, else lines, else sentences, else words. A code block that is cut is closed and opened
    again; a table that is cut begins with its header again.
    """
    parts = []
    rest = text
    while len(rest) > limit:
        head, rest = _cut(rest, limit - FENCE_ROOM)
        if head.count("```") % 2:
            language = re.findall(r"```(?:([\w+-]{1,20})\n)?", head)[-1]
            head, rest = head + "\n```", f"```{language}\n{rest}"
        else:
            head, rest = _repeat_header(head, rest, limit // HEADER_SHARE)
        parts.append(head)
    return [*parts, rest]


def pack_blocks(blocks: Sequence[str], limit: int) -> list[str]:
    """Joins blocks of Slack's markup into as few texts of at most ``limit`` characters as their order allows."""
    packed: list[str] = []
    for block in blocks:
        for piece in _split_block(block, limit):
            if packed and len(packed[-1]) + len(piece) + 2 <= limit:
                packed[-1] += f"\n\n{piece}"
            else:
                packed.append(piece)
    return packed


def _split_block(block: str, limit: int) -> list[str]:
    """Splits a block that is too long, but no link in it: its label may hold a space."""
    parts = split_text(block, limit)
    for n, part in enumerate(parts[:-1]):
        opening = part.rfind("<")
        if opening > part.rfind(">") and opening > 0 and len(part) - opening + len(parts[n + 1]) <= limit:
            parts[n], parts[n + 1] = part[:opening], f"{part[opening:]} {parts[n + 1]}"
    return [part for part in parts if part.strip()]


def _cut(text: str, limit: int) -> tuple[str, str]:
    window = text[:limit]
    for boundary in ("\n\n", "\n", ". ", " "):
        at = window.rfind(boundary)
        if at > limit // 2:
            end = at + len(boundary)
            return text[:end].rstrip(), text[end:].lstrip("\n ") if boundary != "\n" else text[end:]
    return window, text[limit:]


def _repeat_header(head: str, rest: str, limit: int) -> tuple[str, str]:
    """Puts the two header lines of a table that was cut before its rest, if they take at most ``limit``."""
    lines = head.split("\n")
    whole = "\n".join([*lines, *rest.split("\n", 1)[:1]])
    for start, end in markdown.list_tables(whole):
        header = "\n".join(lines[start : start + 2])
        if end <= len(lines) or len(header) > limit:
            continue
        if len(lines) < start + 2 and start:  # cut within the header, which goes to the rest
            return "\n".join(lines[:start]).rstrip(), f"{header}\n{rest}"
        return head, f"{header}\n{rest}"
    return head, rest
