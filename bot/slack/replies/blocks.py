"""An answer as Slack messages: parts within Slack's limits, sources, notice, feedback buttons."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agent.types import CitedPassage
from bot.slack.replies.output_filter import escape_url, is_web_url

# Slack: markdown text of a message may have 12,000 characters together; the rest is for sources and notice.
PART_LIMIT = 9_800
SOURCES_LIMIT = 1_800  # characters of the list of sources; what is left out is counted
FALLBACK_TEXT_LIMIT = 3_000  # chat.update refuses a text over 4,000
FENCE_ROOM = 32  # for closing a code block and opening it again
PAGE_OF_PDF = re.compile(r"#page=(\d+)$")
FEEDBACK_ACTION = "docent_feedback"

Block = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What is delivered: Markdown that is safe to show, the sources it cites, and a sentence about it.

    ``closest`` are documents to name where nothing is cited.
    """

    turn_id: UUID
    text: str
    sources: Sequence[CitedPassage] = ()
    notice: str = ""
    has_feedback: bool = True
    closest: Sequence[CitedPassage] = ()


def parts(text: str, limit: int = PART_LIMIT) -> list[str]:
    """The text in pieces of at most ``limit`` characters, nothing left out.

    Cuts between paragraphs, else lines, else sentences, else words; a code block that is cut is closed and
    opened again.
    """
    pieces = []
    rest = text
    while len(rest) > limit:
        head, rest = _cut(rest, limit - FENCE_ROOM)
        if head.count("```") % 2:
            language = re.findall(r"```(?:([\w+-]{1,20})\n)?", head)[-1]
            head, rest = head + "\n```", f"```{language}\n{rest}"
        pieces.append(head)
    return [*pieces, rest]


def build_message(answer: Answer, text: str, *, is_last: bool) -> dict[str, Any]:
    """Arguments of chat.postMessage or chat.update for one part of the answer."""
    blocks: list[Block] = [{"type": "markdown", "text": text}] if text else []
    return {"blocks": blocks + (build_closing(answer) if is_last else []), "text": to_plain_text(text)}


def build_closing(answer: Answer) -> list[Block]:
    """What stands below the answer: sources, notice, feedback buttons."""
    blocks: list[Block] = []
    if answer.sources:
        blocks.append(_context(_sources(answer.sources)))
    if answer.closest:
        blocks.append(_context(_closest(answer.closest)))
    if answer.notice:
        blocks.append(_context(_escape(answer.notice)))
    if answer.has_feedback:
        blocks.append(_feedback(answer.turn_id))
    return blocks


def to_markdown(blocks: Sequence[Block]) -> str:
    """A message's text and what stands below it, without layout."""
    texts = [b["text"] if b["type"] == "markdown" else b["elements"][0].get("text", "") for b in blocks]
    return "\n\n".join(text for text in texts if isinstance(text, str) and text)


def group_by_page(sources: Sequence[CitedPassage]) -> list[tuple[str, str, str]]:
    """(``[1][3]``, title, url) of each page, in the order they are first cited."""
    pages: dict[tuple[str, str], list[int]] = {}
    for source in sources:
        pages.setdefault((_label(source), source.passage.url), []).append(source.n)
    return [("".join(f"[{n}]" for n in sorted(ns)), title, url) for (title, url), ns in pages.items()]


def to_plain_text(text: str) -> str:
    """The text for notifications and for clients without blocks: no Markdown, bounded."""
    text = re.sub(r"\[(\[\d+\])\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\[([^\[\]]*)\]\(([^)]*)\)", r"\1", text)
    text = _escape(re.sub(r"[*_`#]{1,3}", "", text).strip())
    return text if len(text) <= FALLBACK_TEXT_LIMIT else text[: FALLBACK_TEXT_LIMIT - 1] + "…"


def _cut(text: str, limit: int) -> tuple[str, str]:
    window = text[:limit]
    for boundary in ("\n\n", "\n", ". ", " "):
        at = window.rfind(boundary)
        if at > limit // 2:
            end = at + len(boundary)
            return text[:end].rstrip(), text[end:].lstrip("\n ") if boundary != "\n" else text[end:]
    return window, text[limit:]


def _sources(sources: Sequence[CitedPassage]) -> str:
    text = "*Sources:*"
    pages = group_by_page(sources)
    for index, (marks, title, url) in enumerate(pages):
        line = f"  {marks} {_link(url, title)}"
        if len(text) + len(line) > SOURCES_LIMIT:
            return f"{text}  … and {len(pages) - index} more"
        text += line
    return text


def _closest(sources: Sequence[CitedPassage]) -> str:
    pages = {source.passage.url: _label(source) for source in reversed(sources)}
    return "*Closest documents:*  " + "  ·  ".join(_link(url, title) for url, title in reversed(pages.items()))


def _label(source: CitedPassage) -> str:
    """The title, with the page of a PDF."""
    page = PAGE_OF_PDF.search(source.passage.url)
    return f"{source.passage.title}, p. {page[1]}" if page else source.passage.title


def _link(url: str, title: str) -> str:
    label = _escape(title[:120]) or url[:120]
    return f"<{escape_url(url)}|{label.replace('|', '¦')}>" if is_web_url(url) and len(url) < 800 else label


def _context(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}


def _feedback(turn_id: UUID) -> Block:
    def button(label: str, value: str) -> dict[str, Any]:
        text = {"type": "plain_text", "text": label}
        return {"text": text, "value": f"{value}:{turn_id}", "accessibility_label": label}

    return {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": FEEDBACK_ACTION,
                "positive_button": button("Good answer", "up"),
                "negative_button": button("Bad answer", "down"),
            }
        ],
    }


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
