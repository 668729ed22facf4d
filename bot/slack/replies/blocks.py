"""Answers as Slack messages: text, sources, notice, cost, buttons. Nothing here is longer than Slack allows."""

import re

from agent.text import ELLIPSIS, shorten
from agent.translation.speech import say
from bot.slack.block_kit import (
    Block,
    Button,
    ContextBlock,
    LayoutMessage,
    OverflowMenu,
    SectionBlock,
    TextMessage,
    mrkdwn,
)
from bot.slack.channels import thread_menu
from bot.slack.interactions.feedback import feedback_form
from bot.slack.replies.closing import buttons, sources
from bot.slack.replies.reply import Answer
from bot.slack.replies.task_cards import bound_cards
from bot.slack.replies.text import markdown
from bot.slack.replies.text.markdown import escape
from bot.slack.replies.text.splitting import pack_blocks

NOTICE_LIMIT = 1_000
STEPS_LIMIT = 1_200  # characters of the texts of all steps
SECTION_LIMIT = 3_000  # characters of a section's text
FALLBACK_TEXT_LIMIT = 3_000  # chat.update refuses a text over 4,000
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
        blocks += [_context(part) for part in _format_closing(answer)]
        blocks += [feedback_form.build_plain_buttons(answer.turn_id)] if answer.has_feedback else []
        blocks += _build_clicks(answer)
    return {"blocks": blocks, "text": to_plain_text(text)}


def build_text(answer: Answer, text: str, *, is_last: bool, lead: str = "") -> TextMessage:
    """Builds the same without any block, and so without buttons."""
    closing = _format_closing(answer) if is_last else []
    return {"text": "\n\n".join(filter(None, [lead, _format_steps(answer), *markdown.to_mrkdwn(text), *closing]))}


def build_draft(text: str) -> LayoutMessage:
    """Builds the same for an answer that is still being written."""
    return {"blocks": [{"type": "markdown", "text": text}], "text": to_plain_text(text)}


def build_closing(answer: Answer) -> list[Block]:
    """Builds the blocks below the answer: sources, notice, cost, buttons."""
    blocks: list[Block] = [_context(part) for part in _format_closing(answer)]
    if answer.has_feedback:
        blocks.append(feedback_form.build_buttons(answer.turn_id))
    return blocks + _build_clicks(answer)


def to_plain_text(text: str) -> str:
    """Returns the text without Markdown and cut, for notifications, screen readers and Slack's search."""
    plain = markdown.to_plain_text(text)
    if len(plain) <= FALLBACK_TEXT_LIMIT:
        return plain
    return _HALF_ENTITY.sub("", plain[: FALLBACK_TEXT_LIMIT - 1]) + ELLIPSIS


def _format_steps(answer: Answer) -> str:
    return "\n".join(escape(card.to_line()) for card in bound_cards(answer.steps, STEPS_LIMIT))


def _format_closing(answer: Answer) -> list[str]:
    """Returns what stands below the answer, part by part, in Slack's markup."""
    parts = []
    if answer.sources:
        parts.append(sources.format_sources(answer.sources, answer.closing.dates))
    if answer.closest:
        parts.append(sources.format_closest(answer.closest))
    if answer.notice:
        parts.append(escape(shorten(answer.notice, NOTICE_LIMIT)))
    return [*parts, escape(answer.closing.cost)] if answer.closing.cost else parts


def _build_clicks(answer: Answer) -> list[Block]:
    """Builds the rows of buttons below an answer, without the thumbs; the menu of its thread ends the last."""
    closing = answer.closing
    blocks: list[Block] = []
    if closing.suggestions:
        blocks += [
            _context(say(buttons.SUGGESTED)),
            buttons.build_suggestions(answer.turn_id, closing.suggestions),
        ]
    tools: list[Button | OverflowMenu] = []
    if closing.place:
        tools += buttons.build_tools(answer.turn_id, closing.place, closing.session_key)
    tools += buttons.build_help(answer.turn_id, closing.help)
    if answer.has_menu:
        tools.append(thread_menu.build())
    return [*blocks, {"type": "actions", "elements": tools}] if tools else blocks


def _section(text: str) -> SectionBlock:
    return {"type": "section", "text": mrkdwn(text)}


def _context(text: str) -> ContextBlock:
    return {"type": "context", "elements": [mrkdwn(text)]}
