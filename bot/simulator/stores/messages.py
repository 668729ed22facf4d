"""A message as people see it.

Owns `SlackMessage` and `MessageStream`: frozen snapshots that stay true to the moment they were read. Promises
that `plain` is what a person can see. Does not store messages: `message_store` does.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.simulator.payloads import JsonObject

# In the order a person reads them.
VISIBLE_KEYS = (
    "title",
    "text",
    "fields",
    "elements",
    "accessory",
    "positive_button",
    "negative_button",
    "rows",
    "tasks",
    "child_blocks",
    "details",
    "output",
    "sources",
    "alt_text",
)
INLINE_TYPES = frozenset({"rich_text_section", "rich_text_preformatted", "rich_text_quote"})


class StreamState(StrEnum):
    """The life of a stream."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    EXPIRED = "expired"
    STOPPED_BY_USER = "stopped_by_user"


@dataclass(frozen=True)
class MessageStream:
    """What a message has beside its text because it was streamed; `tasks` by id."""

    state: StreamState
    started_at: float
    recipient_user_id: str | None = None
    display_mode: str = "timeline"
    plan_title: str = ""
    tasks: Mapping[str, JsonObject] = field(default_factory=dict)
    n_appends: int = 0


@dataclass(frozen=True)
class SlackMessage:
    """One version of a message. `markdown` is what came as `markdown_text` or as stream chunks; `blocks` carry
    generated ids."""

    channel: str
    ts: str
    text: str = ""
    user: str | None = None
    bot_id: str | None = None
    thread_ts: str | None = None
    blocks: tuple[JsonObject, ...] = ()
    markdown: str = ""
    attachments: tuple[JsonObject, ...] = ()
    metadata: JsonObject | None = None
    edited: JsonObject | None = None
    stream: MessageStream | None = None
    ephemeral_to: str | None = None
    subtype: str = ""
    client_msg_id: str = ""
    is_broadcast: bool = False
    username: str = ""
    reactions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: tuple[JsonObject, ...] = ()

    @property
    def streaming_state(self) -> StreamState | None:
        """The state of its stream; None for a message that was never streamed."""
        return self.stream.state if self.stream else None

    @property
    def plain(self) -> str:
        """All a person can see. `text` beside blocks is a notification's text only, so it is left out then."""
        parts = [self.markdown, *_visible([*self.all_blocks(with_markdown=False), *self.attachments])]
        if not any(parts):
            parts = [self.text]
        return "\n".join(part for part in parts if part)

    def all_blocks(self, *, with_markdown: bool = True) -> list[JsonObject]:
        """Returns the blocks as Slack reads them back: markdown turned into rich text, tasks into cards."""
        blocks = []
        if self.markdown and with_markdown:
            blocks.append(rich_text(self.markdown))
        if self.stream and self.stream.plan_title:
            blocks.append({"type": "plan", "title": self.stream.plan_title, "tasks": self._cards()})
        elif self.stream:
            blocks.extend(self._cards())
        return [*blocks, *self.blocks]

    def _cards(self) -> list[JsonObject]:
        tasks = self.stream.tasks if self.stream else {}
        return [
            {
                "type": "task_card",
                "task_id": task["id"],
                **{k: v for k, v in task.items() if k not in ("id", "type")},
            }
            for task in tasks.values()
        ]


def rich_text(text: str) -> JsonObject:
    """Returns a rich text block of one plain section."""
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "block_id": "rt", "elements": [section]}


def assign_ids(blocks: Iterable[JsonObject], ids: Iterator[int]) -> tuple[JsonObject, ...]:
    """Returns the blocks with the `block_id` and `action_id` Slack makes up where the app gave none."""
    return tuple(_with_ids(block, ids) for block in blocks)


def interactive_elements(blocks: Iterable[JsonObject]) -> Iterator[tuple[JsonObject, JsonObject]]:
    """Yields each interactive element with the block it is in."""
    for block in blocks:
        inner = block.get("elements") if block.get("type") in ("actions", "context_actions") else None
        single = block.get("accessory") or block.get("element")
        for element in itertools.chain(inner or [], [single] if single else []):
            yield block, element


def _with_ids(block: JsonObject, ids: Iterator[int]) -> JsonObject:
    if not block.get("block_id"):
        block = {**block, "block_id": f"b{next(ids):04x}"}
    if block["type"] in ("actions", "context_actions"):
        return {**block, "elements": [_with_action_id(element, ids) for element in block["elements"]]}
    for place in ("accessory", "element"):
        if isinstance(block.get(place), dict):
            return {**block, place: _with_action_id(block[place], ids)}
    return block


def _with_action_id(element: JsonObject, ids: Iterator[int]) -> JsonObject:
    if element.get("action_id") or element["type"] == "image":
        return element
    return {**element, "action_id": f"a{next(ids):04x}"}


def _visible(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, list | tuple):
        for item in node:
            yield from _visible(item)
    elif isinstance(node, dict) and node.get("type") in INLINE_TYPES:
        yield "".join(_inline(part) for part in node["elements"])
    elif isinstance(node, dict):
        for key in VISIBLE_KEYS:
            if key in node:
                yield from _visible(node[key])


def _inline(part: JsonObject) -> str:
    mention = part.get("user_id") or part.get("channel_id")
    return f"<@{mention}>" if mention else str(part.get("text") or part.get("url") or part.get("name") or "")
