"""What the bot is doing, as task cards: one card for each tool call of a turn.

Owns their words. Promises plain text within Slack's limits: what a model put into its arguments is shown without
links, mentions or secrets.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.turn.events import ToolFinished, ToolStarted
from agent.types import CitedPassage
from bot.slack.replies.output_filter import OutputFilter, is_web_url

TEXT_LIMIT = 240  # Slack: 256 characters for each text of a card
N_SOURCES = 4
TITLES = {
    "search_docs": ("Searching the documents", "Searched the documents"),
    "read_document": ("Reading a document", "Read a document"),
    "list_documents": ("Listing the documents", "Listed the documents"),
    "thread_history": ("Reading this thread", "Read this thread"),
    "current_time": ("Looking at the clock", "Looked at the clock"),
}


@dataclass(frozen=True)
class TaskCard:
    """One card. ``details`` says what is asked for, ``output`` what came of it."""

    id: str
    title: str
    status: str = "in_progress"
    details: str = ""
    output: str = ""
    sources: tuple[tuple[str, str], ...] = ()  # (url, title)

    def chunk(self, *, is_first: bool) -> dict[str, Any]:
        """The ``task_update`` of a stream; details are sent once, for Slack adds them to those it has."""
        chunk: dict[str, Any] = {"type": "task_update", "id": self.id, "title": self.title, "status": self.status}
        if is_first and self.details:
            chunk["details"] = self.details
        if self.output:
            chunk["output"] = self.output
        if self.sources:
            chunk["sources"] = [{"type": "url", "url": url, "text": text} for url, text in self.sources]
        return chunk


def open_card(number: int, event: ToolStarted) -> TaskCard:
    """The card of a tool that runs now, the turn's ``number``-th; a model's ids need not differ."""
    title, _ = TITLES.get(event.name, (f"Using {_words(event.name)}", ""))
    return TaskCard(f"step_{number}", title, details=_details(event.arguments))


def close_card(step: TaskCard, event: ToolFinished) -> TaskCard:
    """The same card when it has run."""
    _, title = TITLES.get(event.name, ("", f"Used {_words(event.name)}"))
    if event.is_error:
        return replace(step, title=title, status="error", output="This did not work; going on without it.")
    pages = {source.passage.document_id: source.passage for source in event.sources}
    links = [(passage.url, passage.title[:TEXT_LIMIT] or passage.url) for passage in pages.values()]
    return replace(
        step,
        title=title,
        status="complete",
        output=_found(event.name, event.sources, len(pages)),
        sources=tuple((url, text) for url, text in links if is_web_url(url))[:N_SOURCES],
    )


def _found(name: str, sources: Sequence[CitedPassage], n_pages: int) -> str:
    if not sources:
        return "Nothing found" if name == "search_docs" else ""
    passages = "1 passage" if len(sources) == 1 else f"{len(sources)} passages"
    return f"{passages} from " + ("1 document" if n_pages == 1 else f"{n_pages} documents")


def _details(arguments: Mapping[str, Any]) -> str:
    if not arguments:
        return ""
    query = arguments.get("query")
    text = query if isinstance(query, str) else json.dumps(dict(arguments), ensure_ascii=False, default=str)
    nothing_known = OutputFilter(lambda n: None, lambda url: False)
    text = " ".join(nothing_known.whole(text).split())
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


def _words(name: str) -> str:
    """A tool's name, which a model may have made up."""
    return " ".join(re.sub(r"[\W_]+", " ", name[:60]).split()) or "a tool"
