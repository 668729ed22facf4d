"""Cuts long answers into parts that Slack accepts."""

import re

# Slack allows 12,000 characters of markdown text in a message; the rest is for sources and notice.
PART_LIMIT = 9_800
FENCE_ROOM = 32  # for closing a code block and opening it again


def split_text(text: str, limit: int = PART_LIMIT) -> list[str]:
    """Splits the text into parts of at most ``limit`` characters, without a loss.

    Cuts between paragraphs, else lines, else sentences, else words. A code block that is cut is closed and opened
    again.
    """
    parts = []
    rest = text
    while len(rest) > limit:
        head, rest = _cut(rest, limit - FENCE_ROOM)
        if head.count("```") % 2:
            language = re.findall(r"```(?:([\w+-]{1,20})\n)?", head)[-1]
            head, rest = head + "\n```", f"```{language}\n{rest}"
        parts.append(head)
    return [*parts, rest]


def _cut(text: str, limit: int) -> tuple[str, str]:
    window = text[:limit]
    for boundary in ("\n\n", "\n", ". ", " "):
        at = window.rfind(boundary)
        if at > limit // 2:
            end = at + len(boundary)
            return text[:end].rstrip(), text[end:].lstrip("\n ") if boundary != "\n" else text[end:]
    return window, text[limit:]
