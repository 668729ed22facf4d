"""Answers as Slack blocks: text, sources, notice, feedback buttons. Nothing here is longer than Slack allows."""

import re
from collections.abc import Sequence

from agent.text import shorten
from agent.types import CitedPassage
from bot.slack import feedback_form
from bot.slack.block_kit import Block, ContextBlock, LayoutMessage
from bot.slack.replies.output_filter import escape_url, is_web_url
from bot.slack.replies.reply import Answer

SOURCES_LIMIT = 1_800  # characters of the list of sources; sources that are left out are counted
FALLBACK_TEXT_LIMIT = 3_000  # chat.update refuses a text over 4,000
TITLE_LIMIT = 120
URL_LIMIT = 800
PDF_PAGE = re.compile(r"#page=(\d+)$")


def build_message(answer: Answer, text: str, *, is_last: bool) -> LayoutMessage:
    """Builds the arguments of chat.postMessage or chat.update for one part of the answer."""
    blocks: list[Block] = [{"type": "markdown", "text": text}] if text else []
    return {"blocks": blocks + (build_closing(answer) if is_last else []), "text": to_plain_text(text)}


def build_draft(text: str) -> LayoutMessage:
    """Builds the same for an answer that is still being written."""
    return {"blocks": [{"type": "markdown", "text": text}], "text": to_plain_text(text)}


def build_closing(answer: Answer) -> list[Block]:
    """Builds the blocks below the answer: sources, notice, feedback buttons."""
    blocks: list[Block] = []
    if answer.sources:
        blocks.append(_context(_format_sources(answer.sources)))
    if answer.closest:
        blocks.append(_context(_format_closest(answer.closest)))
    if answer.notice:
        blocks.append(_context(_escape(answer.notice)))
    if answer.has_feedback:
        blocks.append(feedback_form.build_buttons(answer.turn_id))
    return blocks


def to_markdown(blocks: Sequence[Block]) -> str:
    """Joins the text of the blocks, without layout and buttons."""
    texts = []
    for block in blocks:
        if block["type"] == "markdown":
            texts.append(block["text"])
        elif block["type"] == "context":
            texts.append(block["elements"][0]["text"])
    return "\n\n".join(text for text in texts if text)


def group_by_page(sources: Sequence[CitedPassage]) -> list[tuple[str, str, str]]:
    """Returns (``[1][3]``, title, url) of each page, in the order in which pages are first cited."""
    pages: dict[tuple[str, str], list[int]] = {}
    for source in sources:
        pages.setdefault((_title(source), source.passage.url), []).append(source.n)
    return [("".join(f"[{n}]" for n in sorted(ns)), title, url) for (title, url), ns in pages.items()]


def to_plain_text(text: str) -> str:
    """Strips Markdown and cuts the text, for notifications and for clients without blocks."""
    text = re.sub(r"\[(\[\d+\])\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\[([^\[\]]*)\]\(([^)]*)\)", r"\1", text)
    text = _escape(re.sub(r"[*_`#]{1,3}", "", text).strip())
    return shorten(text, FALLBACK_TEXT_LIMIT)


def _format_sources(sources: Sequence[CitedPassage]) -> str:
    text = "*Sources:*"
    pages = group_by_page(sources)
    for index, (marks, title, url) in enumerate(pages):
        line = f"  {marks} {_link(url, title)}"
        if len(text) + len(line) > SOURCES_LIMIT:
            return f"{text}  … and {len(pages) - index} more"
        text += line
    return text


def _format_closest(sources: Sequence[CitedPassage]) -> str:
    pages = {source.passage.url: _title(source) for source in reversed(sources)}
    return "*Closest documents:*  " + "  ·  ".join(_link(url, title) for url, title in reversed(pages.items()))


def _title(source: CitedPassage) -> str:
    """Returns the document's title, with the page if it is a PDF."""
    page = PDF_PAGE.search(source.passage.url)
    return f"{source.passage.title}, p. {page[1]}" if page else source.passage.title


def _link(url: str, title: str) -> str:
    label = _escape(title[:TITLE_LIMIT]) or url[:TITLE_LIMIT]
    is_linked = is_web_url(url) and len(url) < URL_LIMIT
    return f"<{escape_url(url)}|{label.replace('|', '¦')}>" if is_linked else label


def _context(text: str) -> ContextBlock:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
