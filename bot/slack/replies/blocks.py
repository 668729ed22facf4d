"""Answers as Slack messages: text, sources, notice, feedback buttons. Nothing here is longer than Slack allows."""

import re
from collections.abc import Sequence

from agent.text import ELLIPSIS, shorten
from agent.types import CitedPassage
from bot.slack import feedback_form
from bot.slack.block_kit import Block, ContextBlock, LayoutMessage, SectionBlock, TextMessage, mrkdwn
from bot.slack.channels import thread_menu
from bot.slack.replies import markdown
from bot.slack.replies.markdown import escape
from bot.slack.replies.output_filter import clean_label, escape_url, is_web_url
from bot.slack.replies.reply import Answer
from bot.slack.replies.splitting import pack_blocks
from bot.slack.replies.task_cards import bound_cards
from ingest.documents.chunking import HEADING_SEPARATOR

SOURCES_LIMIT = 1_800  # characters of a list of documents; those that are left out are counted
NOTICE_LIMIT = 1_000
STEPS_LIMIT = 1_200  # characters of the texts of all steps
SECTION_LIMIT = 3_000  # characters of a section's text
FALLBACK_TEXT_LIMIT = 3_000  # chat.update refuses a text over 4,000
TITLE_LIMIT = 120
URL_LIMIT = 800
PDF_PAGE = re.compile(r"#page=(\d+)$")
_HALF_ENTITY = re.compile(r"&[a-z]{0,3}$")


def build_message(answer: Answer, text: str, *, is_last: bool, lead: str = "") -> LayoutMessage:
    """Builds the arguments of chat.postMessage or chat.update for one part of the answer.

    ``lead`` is a line in Slack's markup above it.
    """
    blocks: list[Block] = [_context(lead)] if lead else []
    blocks += [card.to_block() for card in bound_cards(answer.steps, STEPS_LIMIT)]
    if text:
        blocks.append({"type": "markdown", "text": text})
    return {"blocks": blocks + (build_closing(answer) if is_last else []), "text": to_plain_text(text)}


def build_sections(answer: Answer, text: str, *, is_last: bool, lead: str = "") -> LayoutMessage:
    """Builds the same of the oldest kinds of blocks alone: sections, with tables as code, and ordinary buttons."""
    blocks: list[Block] = [_context(lead)] if lead else []
    blocks += [_context(_format_steps(answer))] if answer.steps else []
    blocks += [_section(section) for section in pack_blocks(markdown.to_mrkdwn(text), SECTION_LIMIT)]
    if is_last:
        blocks += [_context(line) for line in _format_closing(answer)]
        blocks += [feedback_form.build_plain_buttons(answer.turn_id)] if answer.has_feedback else []
        blocks += [thread_menu.build()] if answer.has_menu else []
    return {"blocks": blocks, "text": to_plain_text(text)}


def build_text(answer: Answer, text: str, *, is_last: bool, lead: str = "") -> TextMessage:
    """Builds the same without any block, and so without buttons."""
    closing = _format_closing(answer) if is_last else []
    return {"text": "\n\n".join(filter(None, [lead, _format_steps(answer), *markdown.to_mrkdwn(text), *closing]))}


def build_draft(text: str) -> LayoutMessage:
    """Builds the same for an answer that is still being written."""
    return {"blocks": [{"type": "markdown", "text": text}], "text": to_plain_text(text)}


def build_closing(answer: Answer) -> list[Block]:
    """Builds the blocks below the answer: sources, notice, feedback buttons."""
    blocks: list[Block] = [_context(line) for line in _format_closing(answer)]
    if answer.has_feedback:
        blocks.append(feedback_form.build_buttons(answer.turn_id))
    if answer.has_menu:
        blocks.append(thread_menu.build())
    return blocks


def group_by_page(sources: Sequence[CitedPassage]) -> list[tuple[str, str, str]]:
    """Returns (``[1][3]``, title, url) of each page, in the order in which pages are first cited."""
    pages: dict[tuple[str, str], list[int]] = {}
    for source in sources:
        pages.setdefault((_title(source), source.passage.url), []).append(source.n)
    return [("".join(f"[{n}]" for n in sorted(ns)), title, url) for (title, url), ns in pages.items()]


def to_plain_text(text: str) -> str:
    """Returns the text without Markdown and cut, for notifications, screen readers and Slack's search."""
    plain = markdown.to_plain_text(text)
    if len(plain) <= FALLBACK_TEXT_LIMIT:
        return plain
    return _HALF_ENTITY.sub("", plain[: FALLBACK_TEXT_LIMIT - 1]) + ELLIPSIS


def _format_steps(answer: Answer) -> str:
    return "\n".join(escape(card.to_line()) for card in bound_cards(answer.steps, STEPS_LIMIT))


def _format_closing(answer: Answer) -> list[str]:
    """Returns what stands below the answer, line by line, in Slack's markup."""
    lines = []
    if answer.sources:
        pages = group_by_page(answer.sources)
        items = [f"  {marks} {_link(url, title)}" for marks, title, url in pages]
        lines.append(_join_bounded("*Sources:*", items))
    if answer.closest:
        first = {source.passage.url.partition("#")[0]: source for source in reversed(answer.closest)}
        links = [_link(source.passage.url, _title(source)) for source in reversed(first.values())]
        items = [("  ·  " if position else "  ") + link for position, link in enumerate(links)]
        lines.append(_join_bounded("*Closest documents:*", items))
    if answer.notice:
        lines.append(escape(shorten(answer.notice, NOTICE_LIMIT)))
    return lines


def _join_bounded(text: str, items: Sequence[str]) -> str:
    for position, item in enumerate(items):
        if len(text) + len(item) > SOURCES_LIMIT:
            return f"{text}  … and {len(items) - position} more"
        text += item
    return text


def _title(source: CitedPassage) -> str:
    """Returns the document's title, with the page if it is a PDF, or the section that the link opens."""
    passage = source.passage
    if page := PDF_PAGE.search(passage.url):
        return f"{clean_label(passage.title)}, p. {page[1]}"
    section = clean_label(passage.heading_path.rpartition(HEADING_SEPARATOR)[2])
    title = clean_label(passage.title)
    return f"{title} › {section}" if section and "#" in passage.url else title


def _link(url: str, title: str) -> str:
    label = escape(title[:TITLE_LIMIT] or clean_label(url)[:TITLE_LIMIT])
    is_linked = is_web_url(url) and len(url) < URL_LIMIT
    return f"<{escape_url(url)}|{label.replace('|', '¦')}>" if is_linked else label


def _section(text: str) -> SectionBlock:
    return {"type": "section", "text": mrkdwn(text)}


def _context(text: str) -> ContextBlock:
    return {"type": "context", "elements": [mrkdwn(text)]}
