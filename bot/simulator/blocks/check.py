"""Block Kit as Slack checks it.

Owns the check of `blocks`. Promises Slack's error codes and the shape of its messages
("[ERROR] ... [json-pointer:/blocks/0/text]"), every limit the documentation states for the blocks a message
of an assistant consists of, and a refusal of unknown types and unknown properties. Does not check colours,
emoji names, whether an image can be fetched, or the inner elements of rich text, cards and videos beyond
their required fields.
"""

from collections.abc import Collection, Sequence

from bot.simulator import limits
from bot.simulator.blocks import tables
from bot.simulator.blocks.elements import (
    ELEMENTS,
    IN_ACTIONS,
    IN_CONTEXT_ACTIONS,
    Problems,
    check_element,
    check_string,
    check_text,
    find_repeated,
    fits,
    list_items,
    shape,
)
from bot.simulator.errors import SlackError
from bot.simulator.payloads import JsonObject

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
# Beside messages; Slack's reference says of each block where it may stand.
IN_VIEWS = frozenset(
    ["actions", "context", "divider", "header", "image", "input", "rich_text", "section", "video", "alert"]
)
TASK_STATUSES = ("pending", "in_progress", "complete", "error")
ALERT_LEVELS = ("default", "info", "warning", "error", "success")


def check_blocks(
    blocks: object,
    *,
    most: int = limits.BLOCKS_PER_MESSAGE,
    too_many: str = "invalid_blocks",
    allowed: Collection[str] = tuple(BLOCKS),
) -> list[JsonObject]:
    """Returns the blocks, if Slack would take them; raises `SlackError` otherwise."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise SlackError("invalid_blocks_format")
    if len(blocks) > most:
        raise SlackError(too_many, f"[ERROR] no more than {most} items allowed [json-pointer:/blocks]")
    problems = Problems()
    for position, block in enumerate(blocks):
        if isinstance(block.get("type"), str) and block["type"] in BLOCKS and block["type"] not in allowed:
            problems.add(f"unsupported type: {block['type']}", f"/blocks/{position}/type")
        else:
            _block(block, f"/blocks/{position}", problems)
    for block_id in find_repeated(block.get("block_id") for block in blocks):
        problems.add(f"`block_id` {block_id!r} already exists for another block", "/blocks")
    if problems.lines:
        raise SlackError("invalid_blocks", *problems.lines)
    if "markdown" in allowed:  # of a message; of a view its size counts as a whole
        check_length(blocks)
        check_tables(blocks)
    return blocks


def check_length(blocks: Sequence[JsonObject]) -> None:
    """Raises `msg_blocks_too_long` when the text of all blocks together is more than a message holds."""
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if markdown > limits.CHARS_PER_MARKDOWN or count_characters(blocks) > limits.CHARS_PER_MESSAGE_BLOCKS:
        raise SlackError("msg_blocks_too_long")


def check_tables(blocks: Sequence[JsonObject], markdown: str = "") -> None:
    """Raises `invalid_blocks` for tables of blocks, and of Markdown that was streamed, beyond what Slack shows."""
    problems = Problems()
    tables.check_markdown(markdown, "/markdown_text", problems)
    streamed: list[JsonObject] = [{"type": "markdown", "text": markdown}] if markdown else []
    if tables.count_characters([*streamed, *blocks]) > limits.CHARS_PER_MESSAGE_TABLES:
        problems.add(f"must be less than {limits.CHARS_PER_MESSAGE_TABLES + 1} characters", "/blocks")
    if problems.lines:
        raise SlackError("invalid_blocks", *problems.lines)


def count_characters(node: object) -> int:
    """Returns the length of every `text` in it together."""
    if isinstance(node, dict):
        own = len(node["text"]) if isinstance(node.get("text"), str) else 0
        return own + sum(count_characters(value) for value in node.values() if isinstance(value, dict | list))
    if isinstance(node, list | tuple):
        return sum(count_characters(item) for item in node)
    return 0


def _block(block: JsonObject, at: str, problems: Problems) -> None:
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


def _section(block: JsonObject, at: str, problems: Problems) -> None:
    if block.get("text") is None and not block.get("fields"):
        problems.add("missing required field: text or fields", at)
    if block.get("text") is not None:
        check_text(block["text"], f"{at}/text", 3_000, problems)
    fields = list_items(block.get("fields") or [], f"{at}/fields", 10, problems)
    for position, field in enumerate(fields):
        check_text(field, f"{at}/fields/{position}", 2_000, problems)
    if block.get("accessory") is not None:
        check_element(block["accessory"], f"{at}/accessory", frozenset(ELEMENTS) - IN_CONTEXT_ACTIONS, problems)


def _header(block: JsonObject, at: str, problems: Problems) -> None:
    check_text(block["text"], f"{at}/text", 150, problems, plain_only=True)


def _image(block: JsonObject, at: str, problems: Problems) -> None:
    if not block.get("image_url") and not block.get("slack_file"):
        problems.add("missing required field: image_url or slack_file", at)
    check_string(block.get("image_url"), f"{at}/image_url", 3_000, problems)
    check_string(block.get("alt_text"), f"{at}/alt_text", 2_000, problems)


def _actions(block: JsonObject, at: str, problems: Problems) -> None:
    _elements(block["elements"], at, (25, IN_ACTIONS), problems)


def _context_actions(block: JsonObject, at: str, problems: Problems) -> None:
    _elements(block["elements"], at, (5, IN_CONTEXT_ACTIONS), problems)


def _context(block: JsonObject, at: str, problems: Problems) -> None:
    items = list_items(block["elements"], f"{at}/elements", 10, problems, fewest=1)
    for position, element in enumerate(items):
        here = f"{at}/elements/{position}"
        if isinstance(element, dict) and element.get("type") == "image":
            check_element(element, here, frozenset({"image"}), problems)
        else:
            check_text(element, here, 3_000, problems)


def _markdown(block: JsonObject, at: str, problems: Problems) -> None:
    # Its length is checked over the whole message, and refused with another code.
    if not isinstance(block["text"], str) or not block["text"]:
        problems.add("must be more than 0 characters", f"{at}/text")
    else:
        tables.check_markdown(block["text"], f"{at}/text", problems)


def _input(block: JsonObject, at: str, problems: Problems) -> None:
    check_text(block["label"], f"{at}/label", 2_000, problems, plain_only=True)
    check_element(block["element"], f"{at}/element", frozenset(ELEMENTS), problems)


def _rich_text(block: JsonObject, at: str, problems: Problems) -> None:
    known = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")
    for position, element in enumerate(list_items(block["elements"], f"{at}/elements", 1_000, problems)):
        inner = element.get("elements") if isinstance(element, dict) and element.get("type") in known else None
        if not isinstance(inner, list) or not all(isinstance(part, dict) for part in inner):
            problems.add("invalid rich text element", f"{at}/elements/{position}")


def _task_card(block: JsonObject, at: str, problems: Problems) -> None:
    if block.get("status") is not None and block["status"] not in TASK_STATUSES:
        problems.add(f"must be a valid enum value: {block['status']}", f"{at}/status")


def _alert(block: JsonObject, at: str, problems: Problems) -> None:
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
    "table": tables.check_table,
    "task_card": _task_card,
    "alert": _alert,
}


def _elements(elements: object, at: str, allowed: tuple[int, frozenset[str]], problems: Problems) -> None:
    most, kinds = allowed
    items = list_items(elements, f"{at}/elements", most, problems, fewest=1)
    for position, element in enumerate(items):
        check_element(element, f"{at}/elements/{position}", kinds, problems)
    for action_id in find_repeated(element.get("action_id") for element in items if isinstance(element, dict)):
        problems.add(f"`action_id` {action_id!r} already exists for another action", f"{at}/elements")
