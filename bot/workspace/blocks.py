"""Block Kit as Slack judges it.

Owns the check of `blocks` and `view` payloads. Promises Slack's error codes and the shape of its messages
("[ERROR] ... [json-pointer:/blocks/0/text]"), every limit the documentation states for the blocks a message
of an assistant is made of, and a refusal of unknown types and unknown properties. Does not check colours,
emoji names, whether an image can be fetched, or the inner elements of rich text, cards and videos beyond
their required fields.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from bot.workspace import limits
from bot.workspace.errors import SlackError

Json = dict[str, Any]


class Shape(NamedTuple):
    required: frozenset[str]
    optional: frozenset[str]


def _shape(required: str, optional: str = "") -> Shape:
    return Shape(frozenset(required.split()), frozenset(optional.split()))


BLOCKS = {
    "section": _shape("", "text fields accessory expand"),
    "divider": _shape(""),
    "image": _shape("alt_text", "image_url slack_file title"),
    "actions": _shape("elements"),
    "context": _shape("elements"),
    "context_actions": _shape("elements"),
    "input": _shape("label element", "hint optional dispatch_action"),
    "header": _shape("text"),
    "markdown": _shape("text"),
    "rich_text": _shape("elements"),
    "table": _shape("rows", "column_settings"),
    "task_card": _shape("task_id title", "status details output sources"),
    "plan": _shape("title", "tasks plan_id"),
    "alert": _shape("text", "level"),
    "card": _shape("", "hero_image title subtitle icon slack_icon actions body subtext"),
    "carousel": _shape("elements"),
    "container": _shape(
        "child_blocks",
        "title rich_text_title subtitle icon width is_collapsible default_collapsed has_header_divider",
    ),
    "file": _shape("external_id source"),
    "video": _shape(
        "alt_text title thumbnail_url video_url",
        "author_name description provider_icon_url provider_name title_url",
    ),
}
_SELECT = (
    "placeholder initial_option options option_groups focus_on_load confirm initial_options max_selected_items"
)
_PICKER = "placeholder initial_date initial_time initial_date_time focus_on_load confirm timezone"
ELEMENTS = {
    "button": _shape("text", "url value style confirm accessibility_label agent_prompt visible_to_user_ids"),
    "feedback_buttons": _shape("positive_button negative_button"),
    "icon_button": _shape("icon text", "value confirm accessibility_label visible_to_user_ids"),
    "image": _shape("alt_text", "image_url slack_file"),
    "overflow": _shape("options", "confirm"),
    "static_select": _shape("", _SELECT),
    "multi_static_select": _shape("", _SELECT),
    "users_select": _shape("", _SELECT + " initial_user"),
    "multi_users_select": _shape("", _SELECT + " initial_users"),
    "conversations_select": _shape(
        "", _SELECT + " initial_conversation default_to_current_conversation filter response_url_enabled"
    ),
    "channels_select": _shape("", _SELECT + " initial_channel response_url_enabled"),
    "checkboxes": _shape("options", _SELECT),
    "radio_buttons": _shape("options", _SELECT),
    "datepicker": _shape("", _PICKER),
    "timepicker": _shape("", _PICKER),
    "datetimepicker": _shape("", _PICKER),
    "plain_text_input": _shape(
        "", "placeholder initial_value multiline min_length max_length focus_on_load dispatch_action_config"
    ),
}
IN_ACTIONS = frozenset(ELEMENTS) - {"feedback_buttons", "icon_button", "image", "plain_text_input"}
IN_CONTEXT_ACTIONS = frozenset({"feedback_buttons", "icon_button"})
TASK_STATUSES = ("pending", "in_progress", "complete", "error")
ALERT_LEVELS = ("default", "info", "warning", "error", "success")


def check(blocks: Any, *, most: int = limits.BLOCKS_PER_MESSAGE, too_many: str = "invalid_blocks") -> list[Json]:
    """The blocks, if Slack would take them; raises `SlackError` otherwise."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise SlackError("invalid_blocks_format")
    if len(blocks) > most:
        raise SlackError(too_many, f"[ERROR] no more than {most} items allowed [json-pointer:/blocks]")
    problems = _Problems()
    for position, block in enumerate(blocks):
        _block(block, f"/blocks/{position}", problems)
    named = [block["block_id"] for block in blocks if block.get("block_id")]
    for block_id in {name for name in named if named.count(name) > 1}:
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


class _Problems:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, problem: str, pointer: str) -> None:
        self.lines.append(f"[ERROR] {problem} [json-pointer:{pointer}]")


def _block(block: Json, at: str, problems: _Problems) -> None:
    kind = block.get("type")
    shape = BLOCKS.get(kind) if isinstance(kind, str) else None
    if shape is None:
        problems.add(f"unsupported type: {kind}", f"{at}/type")
        return
    if not _fits(block, shape, "type block_id", at, problems):
        return
    _string(block.get("block_id"), f"{at}/block_id", 255, problems)
    inner = _INNER.get(str(kind))
    if inner is not None:
        inner(block, at, problems)


def _fits(item: Json, shape: Shape, common: str, at: str, problems: _Problems) -> bool:
    missing = sorted(name for name in shape.required if item.get(name) is None)
    unknown = sorted(item.keys() - shape.required - shape.optional - set(common.split()))
    for name in missing:
        problems.add(f"missing required field: {name}", at)
    for name in unknown:
        problems.add(f"invalid additional property: {name}", at)
    return not missing and not unknown


def _section(block: Json, at: str, problems: _Problems) -> None:
    if block.get("text") is None and not block.get("fields"):
        problems.add("missing required field: text or fields", at)
    if block.get("text") is not None:
        _text(block["text"], f"{at}/text", 3_000, problems)
    _items(block.get("fields", []), f"{at}/fields", 10, problems)
    for position, field in enumerate(block.get("fields") or []):
        _text(field, f"{at}/fields/{position}", 2_000, problems)
    if block.get("accessory") is not None:
        _element(block["accessory"], f"{at}/accessory", frozenset(ELEMENTS) - IN_CONTEXT_ACTIONS, problems)


def _header(block: Json, at: str, problems: _Problems) -> None:
    _text(block["text"], f"{at}/text", 150, problems, plain_only=True)


def _image(block: Json, at: str, problems: _Problems) -> None:
    if not block.get("image_url") and not block.get("slack_file"):
        problems.add("missing required field: image_url or slack_file", at)
    _string(block.get("image_url"), f"{at}/image_url", 3_000, problems)
    _string(block.get("alt_text"), f"{at}/alt_text", 2_000, problems)


def _actions(block: Json, at: str, problems: _Problems) -> None:
    _elements(block["elements"], at, (25, IN_ACTIONS), problems)


def _context_actions(block: Json, at: str, problems: _Problems) -> None:
    _elements(block["elements"], at, (5, IN_CONTEXT_ACTIONS), problems)


def _context(block: Json, at: str, problems: _Problems) -> None:
    if not _items(block["elements"], f"{at}/elements", 10, problems, fewest=1):
        return
    for position, element in enumerate(block["elements"]):
        here = f"{at}/elements/{position}"
        if isinstance(element, dict) and element.get("type") == "image":
            _element(element, here, frozenset({"image"}), problems)
        else:
            _text(element, here, 3_000, problems)


def _markdown(block: Json, at: str, problems: _Problems) -> None:
    # Its length is judged over the whole message, and refused with another code.
    if not isinstance(block["text"], str) or not block["text"]:
        problems.add("must be more than 0 characters", f"{at}/text")


def _input(block: Json, at: str, problems: _Problems) -> None:
    _text(block["label"], f"{at}/label", 2_000, problems, plain_only=True)
    _element(block["element"], f"{at}/element", frozenset(ELEMENTS), problems)


def _rich_text(block: Json, at: str, problems: _Problems) -> None:
    known = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
    for position, element in enumerate(block["elements"]):
        if not isinstance(element, dict) or element.get("type") not in known or "elements" not in element:
            problems.add("invalid rich text element", f"{at}/elements/{position}")


def _table(block: Json, at: str, problems: _Problems) -> None:
    if not _items(block["rows"], f"{at}/rows", 100, problems, fewest=1):
        return
    for position, row in enumerate(block["rows"]):
        if not _items(row, f"{at}/rows/{position}", 20, problems, fewest=1):
            continue
        for column, cell in enumerate(row):
            if not isinstance(cell, dict) or cell.get("type") not in ("raw_text", "raw_number", "rich_text"):
                problems.add("unsupported type", f"{at}/rows/{position}/{column}/type")
    if n_characters(block["rows"]) > 10_000:
        problems.add("must be less than 10001 characters", f"{at}/rows")


def _task_card(block: Json, at: str, problems: _Problems) -> None:
    if block.get("status") is not None and block["status"] not in TASK_STATUSES:
        problems.add(f"must be a valid enum value: {block['status']}", f"{at}/status")


def _alert(block: Json, at: str, problems: _Problems) -> None:
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


def _elements(elements: Any, at: str, allowed: tuple[int, frozenset[str]], problems: _Problems) -> None:
    most, kinds = allowed
    if not _items(elements, f"{at}/elements", most, problems, fewest=1):
        return
    for position, element in enumerate(elements):
        _element(element, f"{at}/elements/{position}", kinds, problems)
    named = [element.get("action_id") for element in elements if isinstance(element, dict)]
    for action_id in {name for name in named if name and named.count(name) > 1}:
        problems.add(f"`action_id` {action_id!r} already exists for another action", f"{at}/elements")


def _element(element: Any, at: str, kinds: frozenset[str], problems: _Problems) -> None:
    kind = element.get("type") if isinstance(element, dict) else None
    if kind not in kinds:
        problems.add(f"unsupported type: {kind}", f"{at}/type")
        return
    if not _fits(element, ELEMENTS[str(kind)], "type action_id", at, problems):
        return
    _string(element.get("action_id"), f"{at}/action_id", 255, problems)
    _string(element.get("value"), f"{at}/value", 2_000, problems)
    _string(element.get("url"), f"{at}/url", 3_000, problems)
    _string(element.get("accessibility_label"), f"{at}/accessibility_label", 75, problems)
    if "text" in element:
        _text(element["text"], f"{at}/text", 75, problems, plain_only=True)
    if element.get("style") not in (None, "primary", "danger"):
        problems.add(f"must be a valid enum value: {element['style']}", f"{at}/style")
    if kind == "feedback_buttons":
        _feedback_button(element["positive_button"], f"{at}/positive_button", problems)
        _feedback_button(element["negative_button"], f"{at}/negative_button", problems)
    options = element.get("options")
    if options is not None:
        _items(options, f"{at}/options", 5 if kind == "overflow" else 100, problems, fewest=1)


def _feedback_button(button: Any, at: str, problems: _Problems) -> None:
    if not isinstance(button, dict):
        problems.add("must provide an object", at)
    elif _fits(button, _shape("text value", "accessibility_label"), "", at, problems):
        _text(button["text"], f"{at}/text", 75, problems, plain_only=True)
        _string(button["value"], f"{at}/value", 2_000, problems)
        _string(button.get("accessibility_label"), f"{at}/accessibility_label", 75, problems)


def _text(text: Any, at: str, most: int, problems: _Problems, *, plain_only: bool = False) -> None:
    kinds = ("plain_text",) if plain_only else ("plain_text", "mrkdwn")
    if not isinstance(text, dict) or text.get("type") not in kinds:
        problems.add(f"must provide a text object of type {' or '.join(kinds)}", at)
        return
    if not _fits(text, _shape("", "text"), "type emoji verbatim", at, problems):
        return
    if not isinstance(text.get("text"), str) or not text["text"]:
        problems.add("must be more than 0 characters", f"{at}/text")
    _string(text.get("text"), f"{at}/text", most, problems)


def _string(value: Any, at: str, most: int, problems: _Problems) -> None:
    if value is not None and not isinstance(value, str):
        problems.add("must provide a string", at)
    elif value is not None and len(value) > most:
        problems.add(f"must be less than {most + 1} characters", at)


def _items(value: Any, at: str, most: int, problems: _Problems, *, fewest: int = 0) -> bool:
    if not isinstance(value, list):
        problems.add("must provide an array", at)
    elif len(value) > most:
        problems.add(f"no more than {most} items allowed", at)
    elif len(value) < fewest:
        problems.add(f"no fewer than {fewest} items allowed", at)
    else:
        return True
    return False
