"""Cuts long answers into parts that Slack accepts."""

import re
from collections.abc import Sequence

from bot.slack.replies.text import markdown

# Slack allows 12,000 characters of markdown text in a message; the rest is for sources and notice.
PART_LIMIT = 9_800
FENCE_ROOM = 64  # for closing a code block and opening it again
_FENCE = re.compile(
    r"^(?P<indent>[ >]{0,12})(?P<fence>`{3,8}|~{3,8})(?P<language>[\w+-]{0,20})[ \t]*$", re.MULTILINE
)
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
        if opening := _find_open_fence(head):
            head, rest = f"{head}\n{opening['indent']}{opening['fence']}", f"{opening[0]}\n{rest}"
        else:
            head, rest = _repeat_header(head, rest, limit // HEADER_SHARE)
        parts.append(head)
    return [*parts, rest]


def _find_open_fence(text: str) -> re.Match[str] | None:
    """Returns the line that opens the code block in which the text ends; None where it ends outside."""
    opening: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opening is None:
            opening = fence
        elif fence["fence"].startswith(opening["fence"]) and not fence["language"]:
            opening = None
    return opening


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
    if block.startswith("```"):
        return split_text(block, limit)
    parts = []
    rest = block
    while len(rest) > limit:
        head, after = _cut(rest, limit)
        opening = head.rfind("<")
        if opening > max(head.rfind(">"), 0):
            head, after = rest[:opening].rstrip(), rest[opening:]
        parts.append(head)
        rest = after
    return [part for part in [*parts, rest] if part.strip()]


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
