"""Block Kit as Slack judges it.

Owns the check of `blocks` and `view` payloads. Promises Slack's error codes and the shape of its messages
("[ERROR] ... [json-pointer:/blocks/0/text]"), every limit the documentation states for the blocks a message
of an assistant is made of, and a refusal of unknown types and unknown properties. Does not check colours,
emoji names, whether an image can be fetched, or the inner elements of rich text, cards and videos beyond
their required fields.
"""

from collections.abc import Sequence
from typing import Any

from bot.simulator import limits
from bot.simulator.blocks.elements import (
    ELEMENTS,
    IN_ACTIONS,
    IN_CONTEXT_ACTIONS,
    Problems,
    check_element,
    check_items,
    check_string,
    check_text,
    fits,
    repeated,
    shape,
)
from bot.simulator.errors import SlackError

Json = dict[str, Any]


BLOCKS = {
    "section": shape("", "text fields accessory expand"),
    "divider": shape(""),
    "image": shape("alt_text", "image_url slack_file title"),
    "actions": shape("elements"),
    "context": shape("elements"),
    "context_actions": shape("elements"),
    "input": shape("label element", "hint optional dispatch_action"),
    "header": shape("text"),
    "markdown": shape("text"),
    "rich_text": shape("elements"),
    "table": shape("rows", "column_settings"),
    "task_card": shape("task_id title", "status details output sources"),
    "plan": shape("title", "tasks plan_id"),
    "alert": shape("text", "level"),
    "card": shape("", "hero_image title subtitle icon slack_icon actions body subtext"),
    "carousel": shape("elements"),
    "container": shape(
        "child_blocks",
        "title rich_text_title subtitle icon width is_collapsible default_collapsed has_header_divider",
    ),
    "file": shape("external_id source"),
    "video": shape(
        "alt_text title thumbnail_url video_url",
        "author_name description provider_icon_url provider_name title_url",
    ),
}
TASK_STATUSES = ("pending", "in_progress", "complete", "error")
ALERT_LEVELS = ("default", "info", "warning", "error", "success")


def check(blocks: Any, *, most: int = limits.BLOCKS_PER_MESSAGE, too_many: str = "invalid_blocks") -> list[Json]:
    """The blocks, if Slack would take them; raises `SlackError` otherwise."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise SlackError("invalid_blocks_format")
    if len(blocks) > most:
        raise SlackError(too_many, f"[ERROR] no more than {most} items allowed [json-pointer:/blocks]")
    problems = Problems()
    for position, block in enumerate(blocks):
        _block(block, f"/blocks/{position}", problems)
    for block_id in repeated(block.get("block_id") for block in blocks):
        problems.add(f"`block_id` {block_id!r} already exists for another block", "/blocks")
    if problems.lines:
        raise SlackError("invalid_blocks", *problems.lines)
    check_length(blocks)
    return blocks


def check_length(blocks: Sequence[Json]) -> None:
    """Raises `msg_blocks_too_long` when the text of all blocks together is more than a message holds."""
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if markdown > limits.CHARS_PER_MARKDOWN or n_characters(blocks) > limits.CHARS_PER_MESSAGE_BLOCKS:
        raise SlackError("msg_blocks_too_long")


def n_characters(node: Any) -> int:
    if isinstance(node, dict):
        own = len(node["text"]) if isinstance(node.get("text"), str) else 0
        return own + sum(n_characters(value) for value in node.values() if isinstance(value, dict | list))
    if isinstance(node, list | tuple):
        return sum(n_characters(item) for item in node)
    return 0


def _block(block: Json, at: str, problems: Problems) -> None:
    kind = block.get("type")
    shape = BLOCKS.get(kind) if isinstance(kind, str) else None
    if shape is None:
        problems.add(f"unsupported type: {kind}", f"{at}/type")
        return
    if not fits(block, shape, "type block_id", at, problems):
        return
    check_string(block.get("block_id"), f"{at}/block_id", 255, problems)
    inner = _INNER.get(str(kind))
    if inner is not None:
        inner(block, at, problems)


def _section(block: Json, at: str, problems: Problems) -> None:
    if block.get("text") is None and not block.get("fields"):
        problems.add("missing required field: text or fields", at)
    if block.get("text") is not None:
        check_text(block["text"], f"{at}/text", 3_000, problems)
    fields = block.get("fields") or []
    if check_items(fields, f"{at}/fields", 10, problems):
        for position, field in enumerate(fields):
            check_text(field, f"{at}/fields/{position}", 2_000, problems)
    if block.get("accessory") is not None:
        check_element(block["accessory"], f"{at}/accessory", frozenset(ELEMENTS) - IN_CONTEXT_ACTIONS, problems)


def _header(block: Json, at: str, problems: Problems) -> None:
    check_text(block["text"], f"{at}/text", 150, problems, plain_only=True)


def _image(block: Json, at: str, problems: Problems) -> None:
    if not block.get("image_url") and not block.get("slack_file"):
        problems.add("missing required field: image_url or slack_file", at)
    check_string(block.get("image_url"), f"{at}/image_url", 3_000, problems)
    check_string(block.get("alt_text"), f"{at}/alt_text", 2_000, problems)


def _actions(block: Json, at: str, problems: Problems) -> None:
    _elements(block["elements"], at, (25, IN_ACTIONS), problems)


def _context_actions(block: Json, at: str, problems: Problems) -> None:
    _elements(block["elements"], at, (5, IN_CONTEXT_ACTIONS), problems)


def _context(block: Json, at: str, problems: Problems) -> None:
    if not check_items(block["elements"], f"{at}/elements", 10, problems, fewest=1):
        return
    for position, element in enumerate(block["elements"]):
        here = f"{at}/elements/{position}"
        if isinstance(element, dict) and element.get("type") == "image":
            check_element(element, here, frozenset({"image"}), problems)
        else:
            check_text(element, here, 3_000, problems)


def _markdown(block: Json, at: str, problems: Problems) -> None:
    # Its length is judged over the whole message, and refused with another code.
    if not isinstance(block["text"], str) or not block["text"]:
        problems.add("must be more than 0 characters", f"{at}/text")


def _input(block: Json, at: str, problems: Problems) -> None:
    check_text(block["label"], f"{at}/label", 2_000, problems, plain_only=True)
    check_element(block["element"], f"{at}/element", frozenset(ELEMENTS), problems)


def _rich_text(block: Json, at: str, problems: Problems) -> None:
    known = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")
    if not check_items(block["elements"], f"{at}/elements", 1_000, problems):
        return
    for position, element in enumerate(block["elements"]):
        inner = element.get("elements") if isinstance(element, dict) and element.get("type") in known else None
        if not isinstance(inner, list) or not all(isinstance(part, dict) for part in inner):
            problems.add("invalid rich text element", f"{at}/elements/{position}")


def _table(block: Json, at: str, problems: Problems) -> None:
    if not check_items(block["rows"], f"{at}/rows", 100, problems, fewest=1):
        return
    for position, row in enumerate(block["rows"]):
        if not check_items(row, f"{at}/rows/{position}", 20, problems, fewest=1):
            continue
        for column, cell in enumerate(row):
            if not isinstance(cell, dict) or cell.get("type") not in ("raw_text", "raw_number", "rich_text"):
                problems.add("unsupported type", f"{at}/rows/{position}/{column}/type")
    if n_characters(block["rows"]) > 10_000:
        problems.add("must be less than 10001 characters", f"{at}/rows")


def _task_card(block: Json, at: str, problems: Problems) -> None:
    if block.get("status") is not None and block["status"] not in TASK_STATUSES:
        problems.add(f"must be a valid enum value: {block['status']}", f"{at}/status")


def _alert(block: Json, at: str, problems: Problems) -> None:
    if block.get("level") is not None and block["level"] not in ALERT_LEVELS:
        problems.add(f"must be a valid enum value: {block['level']}", f"{at}/level")


_INNER = {
    "section": _section,
    "header": _header,
    "image": _image,
    "actions": _actions,
    "context": _context,
    "context_actions": _context_actions,
    "markdown": _markdown,
    "input": _input,
    "rich_text": _rich_text,
    "table": _table,
    "task_card": _task_card,
    "alert": _alert,
}


def _elements(elements: Any, at: str, allowed: tuple[int, frozenset[str]], problems: Problems) -> None:
    most, kinds = allowed
    if not check_items(elements, f"{at}/elements", most, problems, fewest=1):
        return
    for position, element in enumerate(elements):
        check_element(element, f"{at}/elements/{position}", kinds, problems)
    for action_id in repeated(element.get("action_id") for element in elements if isinstance(element, dict)):
        problems.add(f"`action_id` {action_id!r} already exists for another action", f"{at}/elements")
