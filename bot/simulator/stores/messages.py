"""A message, as people see it and as Slack's JSON tells it.

Owns `Message` and `Stream`: frozen snapshots that stay true to the moment they were read. Promises that
`plain` is what a person can see, and that `wire` has the shape of Slack's message object. Does not keep
messages: `state` does.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
StreamState = Literal["in_progress", "completed", "expired", "stopped_by_user"]

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


@dataclass(frozen=True)
class Stream:
    state: StreamState
    started_at: float
    recipient_user_id: str | None = None
    display_mode: str = "timeline"
    plan_title: str = ""
    tasks: Mapping[str, Json] = field(default_factory=dict)
    n_appends: int = 0


@dataclass(frozen=True)
class Message:
    """`markdown` is what came as `markdown_text` or as stream chunks; `blocks` carry generated ids."""

    channel: str
    ts: str
    text: str = ""
    user: str | None = None
    bot_id: str | None = None
    thread_ts: str | None = None
    blocks: tuple[Json, ...] = ()
    markdown: str = ""
    attachments: tuple[Json, ...] = ()
    metadata: Json | None = None
    edited: Json | None = None
    stream: Stream | None = None
    ephemeral_to: str | None = None
    subtype: str = ""
    client_msg_id: str = ""
    is_broadcast: bool = False
    username: str = ""
    reactions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def streaming_state(self) -> StreamState | None:
        return self.stream.state if self.stream else None

    @property
    def plain(self) -> str:
        """All a person can see. `text` beside blocks is a notification's text only, so it is left out then."""
        shown = [self.markdown, *_visible([*self.all_blocks(with_markdown=False), *self.attachments])]
        if not any(shown):
            shown = [self.text]
        return "\n".join(part for part in shown if part)

    def all_blocks(self, *, with_markdown: bool = True) -> list[Json]:
        """The blocks as Slack reads them back: markdown turned into rich text, tasks into cards."""
        blocks = []
        if self.markdown and with_markdown:
            blocks.append(rich_text(self.markdown))
        if self.stream and self.stream.plan_title:
            blocks.append({"type": "plan", "title": self.stream.plan_title, "tasks": self._cards()})
        elif self.stream:
            blocks.extend(self._cards())
        return [*blocks, *self.blocks]

    def _cards(self) -> list[Json]:
        tasks = self.stream.tasks if self.stream else {}
        return [
            {
                "type": "task_card",
                "task_id": task["id"],
                **{k: v for k, v in task.items() if k not in ("id", "type")},
            }
            for task in tasks.values()
        ]


def rich_text(text: str) -> Json:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "block_id": "rt", "elements": [section]}


def with_ids(blocks: Iterable[Json], ids: Iterator[int]) -> tuple[Json, ...]:
    """The blocks with the `block_id` and `action_id` Slack makes up where the app gave none."""
    done = []
    for given in blocks:
        block = given if given.get("block_id") else {**given, "block_id": f"b{next(ids):04x}"}
        if block["type"] in ("actions", "context_actions"):
            done.append({**block, "elements": [_with_action_id(element, ids) for element in block["elements"]]})
        elif isinstance(block.get("accessory"), dict):
            done.append({**block, "accessory": _with_action_id(block["accessory"], ids)})
        elif isinstance(block.get("element"), dict):
            done.append({**block, "element": _with_action_id(block["element"], ids)})
        else:
            done.append(block)
    return tuple(done)


def elements_of(blocks: Iterable[Json]) -> Iterator[tuple[Json, Json]]:
    """Each interactive element with the block it stands in."""
    for block in blocks:
        inner = block.get("elements") if block.get("type") in ("actions", "context_actions") else None
        one = block.get("accessory") or block.get("element")
        for element in itertools.chain(inner or [], [one] if one else []):
            yield block, element


def _with_action_id(element: Json, ids: Iterator[int]) -> Json:
    if element.get("action_id") or element["type"] == "image":
        return element
    return {**element, "action_id": f"a{next(ids):04x}"}


def _visible(node: Any) -> Iterator[str]:
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


def _inline(part: Json) -> str:
    mention = part.get("user_id") or part.get("channel_id")
    return f"<@{mention}>" if mention else str(part.get("text") or part.get("url") or part.get("name") or "")
