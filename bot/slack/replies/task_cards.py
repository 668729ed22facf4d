"""Tool calls as task cards: one card for each tool call of a turn.

Their words come from the tools. Promises plain text within Slack's limits: arguments, which a model wrote, are
shown without links, mentions and secrets.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.text import shorten
from agent.translation.speech import say, say_plural
from agent.turn.events import ToolFinished, ToolStarted
from agent.types import CitedPassage
from bot.slack.block_kit import TaskCardBlock, TaskUpdate, rich_text
from bot.slack.replies.output_filter import clean_arguments, clean_label, is_web_url

TEXT_LIMIT = 240  # Slack: 256 characters for each text of a card
MAX_SOURCES = 4


class CardStatus(StrEnum):
    """Slack's states of a task."""

    IN_PROGRESS = "in_progress"
    COMPLETE = "complete"
    ERROR = "error"


@dataclass(frozen=True)
class TaskCard:
    """One card. ``details`` says what is asked for, ``output`` what the call returned."""

    id: str
    title: str
    status: CardStatus = CardStatus.IN_PROGRESS
    details: str = ""
    output: str = ""
    sources: tuple[tuple[str, str], ...] = ()  # (url, title)

    def to_chunk(self, *, is_first: bool) -> TaskUpdate:
        """Returns the ``task_update`` of a stream. Details are sent once, because Slack appends them."""
        chunk: TaskUpdate = {"type": "task_update", "id": self.id, "title": self.title, "status": self.status}
        if is_first and self.details:
            chunk["details"] = self.details
        if self.output:
            chunk["output"] = self.output
        if self.sources:
            chunk["sources"] = [{"type": "url", "url": url, "text": text} for url, text in self.sources]
        return chunk

    def to_block(self) -> TaskCardBlock:
        """Returns the card of a message that does not stream."""
        block: TaskCardBlock = {
            "type": "task_card",
            "task_id": self.id,
            "title": self.title,
            "status": self.status,
        }
        if self.details:
            block["details"] = rich_text(self.details)
        if self.output:
            block["output"] = rich_text(self.output)
        if self.sources:
            block["sources"] = [{"type": "url", "url": url, "text": text} for url, text in self.sources]
        return block

    def to_line(self) -> str:
        """Returns the card as a line of plain text."""
        about = " ".join(filter(None, [f"({self.details})" if self.details else "", self.output]))
        return f"{self.title} {about}".strip()


def open_card(number: int, event: ToolStarted) -> TaskCard:
    """Returns the card of a call that begins, the ``number``-th of the turn: ids of a model may repeat."""
    return TaskCard(f"step_{number}", clean_label(say(event.labels.running)), details=_details(event.arguments))


def close_card(card: TaskCard, event: ToolFinished) -> TaskCard:
    """Returns the card with what its call returned."""
    title = clean_label(say(event.labels.done))
    if event.is_error:
        return replace(
            card, title=title, status=CardStatus.ERROR, output=say("This did not work; going on without it.")
        )
    pages = {source.passage.document_id: source.passage for source in event.sources}
    links = [(passage.url, clean_label(passage.title)[:TEXT_LIMIT] or passage.url) for passage in pages.values()]
    return replace(
        card,
        title=title,
        status=CardStatus.COMPLETE,
        output=_count(event.sources, len(pages)) if event.sources else say(event.labels.nothing),
        sources=tuple((url, text) for url, text in links if is_web_url(url))[:MAX_SOURCES],
    )


def stop_card(card: TaskCard) -> TaskCard:
    """Returns the card as it stays when the turn ends: a call that still ran was stopped."""
    return (
        replace(card, status=CardStatus.ERROR, output=say("Stopped."))
        if card.status == CardStatus.IN_PROGRESS
        else card
    )


def bound_cards(cards: Sequence[TaskCard], limit: int) -> list[TaskCard]:
    """Returns the cards, the last of which keep their texts as far as ``limit`` characters go."""
    bounded: list[TaskCard] = []
    for card in reversed(cards):
        limit -= len(card.details) + len(card.output) + sum(len(title) for _, title in card.sources)
        bounded.insert(0, card if limit >= 0 else replace(card, details="", output="", sources=()))
    return bounded


def _count(sources: Sequence[CitedPassage], n_documents: int) -> str:
    passages = say_plural("{n} passage", "{n} passages", len(sources))
    documents = say_plural("{n} document", "{n} documents", n_documents)
    return say("{passages} from {documents}", passages=passages, documents=documents)


def _details(arguments: Mapping[str, object]) -> str:
    if not arguments:
        return ""
    query = arguments.get("query")
    text = query if isinstance(query, str) else json.dumps(dict(arguments), ensure_ascii=False, default=str)
    return shorten(" ".join(clean_arguments(text).split()), TEXT_LIMIT)
