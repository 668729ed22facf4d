"""The parts of blocks: interactive elements, text objects, strings and lists.

Owns their documented fields and limits, and the collecting of problems in the words of Slack's messages. Promises
that a check adds to the problems and never raises. Does not know blocks: `check` does.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from bot.simulator.payloads import JsonObject


class Shape(NamedTuple):
    """The properties of one type of block or element."""

    required: frozenset[str]
    optional: frozenset[str]


def shape(required: str, optional: str = "") -> Shape:
    """Returns a shape from names separated by spaces."""
    return Shape(frozenset(required.split()), frozenset(optional.split()))


_SELECT = (
    "placeholder initial_option options option_groups focus_on_load confirm initial_options max_selected_items"
)
_PICKER = "placeholder initial_date initial_time initial_date_time focus_on_load confirm timezone"
ELEMENTS = {
    "button": shape("text", "url value style confirm accessibility_label agent_prompt visible_to_user_ids"),
    "feedback_buttons": shape("positive_button negative_button"),
    "icon_button": shape("icon text", "value confirm accessibility_label visible_to_user_ids"),
    "image": shape("alt_text", "image_url slack_file"),
    "overflow": shape("options", "confirm"),
    "static_select": shape("", _SELECT),
    "multi_static_select": shape("", _SELECT),
    "users_select": shape("", _SELECT + " initial_user"),
    "multi_users_select": shape("", _SELECT + " initial_users"),
    "conversations_select": shape(
        "", _SELECT + " initial_conversation default_to_current_conversation filter response_url_enabled"
    ),
    "channels_select": shape("", _SELECT + " initial_channel response_url_enabled"),
    "checkboxes": shape("options", _SELECT),
    "radio_buttons": shape("options", _SELECT),
    "datepicker": shape("", _PICKER),
    "timepicker": shape("", _PICKER),
    "datetimepicker": shape("", _PICKER),
    "plain_text_input": shape(
        "", "placeholder initial_value multiline min_length max_length focus_on_load dispatch_action_config"
    ),
}
INPUT_CHARS = 3_000  # of a field to write in
MOST_OPTIONS = {"overflow": 5, "checkboxes": 10, "radio_buttons": 10}
IN_ACTIONS = frozenset(ELEMENTS) - {"feedback_buttons", "icon_button", "image", "plain_text_input"}
IN_CONTEXT_ACTIONS = frozenset({"feedback_buttons", "icon_button"})


class Problems:
    """Slack's messages about one payload, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, problem: str, pointer: str) -> None:
        """Adds one message with the place it is about."""
        self.lines.append(f"[ERROR] {problem} [json-pointer:{pointer}]")


def fits(item: JsonObject, shape: Shape, common: str, at: str, problems: Problems) -> bool:
    """Returns whether the item has all required properties and, beside `common` ones, no unknown."""
    missing = sorted(name for name in shape.required if item.get(name) is None)
    unknown = sorted(item.keys() - shape.required - shape.optional - set(common.split()))
    for name in missing:
        problems.add(f"missing required field: {name}", at)
    for name in unknown:
        problems.add(f"invalid additional property: {name}", at)
    return not missing and not unknown


def check_element(element: object, at: str, kinds: frozenset[str], problems: Problems) -> None:
    """Checks one interactive element, which must be of one of these types."""
    kind = element.get("type") if isinstance(element, dict) else None
    if not isinstance(element, dict) or not isinstance(kind, str) or kind not in kinds:
        problems.add(f"unsupported type: {kind}", f"{at}/type")
        return
    if not fits(element, ELEMENTS[kind], "type action_id", at, problems):
        return
    check_string(element.get("action_id"), f"{at}/action_id", 255, problems)
    check_string(element.get("value"), f"{at}/value", 2_000, problems)
    check_string(element.get("url"), f"{at}/url", 3_000, problems)
    check_string(element.get("accessibility_label"), f"{at}/accessibility_label", 75, problems)
    if "text" in element:
        check_text(element["text"], f"{at}/text", 75, problems, plain_only=True)
    if element.get("style") not in (None, "primary", "danger"):
        problems.add(f"must be a valid enum value: {element['style']}", f"{at}/style")
    if kind == "feedback_buttons":
        _feedback_button(element["positive_button"], f"{at}/positive_button", problems)
        _feedback_button(element["negative_button"], f"{at}/negative_button", problems)
    if kind == "plain_text_input":
        _text_input(element, at, problems)
    options = element.get("options")
    if options is not None:
        for position, option in enumerate(
            list_items(options, f"{at}/options", MOST_OPTIONS.get(kind, 100), problems, fewest=1)
        ):
            _option(option, f"{at}/options/{position}", problems)


def _option(option: object, at: str, problems: Problems) -> None:
    if not isinstance(option, dict):
        problems.add("must provide an object", at)
    elif fits(option, shape("text value", "description url"), "", at, problems):
        check_text(option["text"], f"{at}/text", 75, problems)
        check_string(option["value"], f"{at}/value", 150, problems)


def _text_input(element: JsonObject, at: str, problems: Problems) -> None:
    most = element.get("max_length", INPUT_CHARS)
    if not isinstance(most, int) or not 0 < most <= INPUT_CHARS:
        problems.add(f"must be between 1 and {INPUT_CHARS}", f"{at}/max_length")
    else:
        check_string(element.get("initial_value"), f"{at}/initial_value", most, problems)


def _feedback_button(button: object, at: str, problems: Problems) -> None:
    if not isinstance(button, dict):
        problems.add("must provide an object", at)
    elif fits(button, shape("text value", "accessibility_label"), "", at, problems):
        check_text(button["text"], f"{at}/text", 75, problems, plain_only=True)
        check_string(button["value"], f"{at}/value", 2_000, problems)
        check_string(button.get("accessibility_label"), f"{at}/accessibility_label", 75, problems)


def check_text(text: object, at: str, most: int, problems: Problems, *, plain_only: bool = False) -> None:
    """Checks a text object of at most `most` characters."""
    kinds = ("plain_text",) if plain_only else ("plain_text", "mrkdwn")
    if not isinstance(text, dict) or text.get("type") not in kinds:
        problems.add(f"must provide a text object of type {' or '.join(kinds)}", at)
        return
    if not fits(text, shape("", "text"), "type emoji verbatim", at, problems):
        return
    if not isinstance(text.get("text"), str) or not text["text"]:
        problems.add("must be more than 0 characters", f"{at}/text")
    check_string(text.get("text"), f"{at}/text", most, problems)


def check_string(value: object, at: str, most: int, problems: Problems) -> None:
    """Checks an optional string of at most `most` characters."""
    if value is not None and not isinstance(value, str):
        problems.add("must provide a string", at)
    elif value is not None and len(value) > most:
        problems.add(f"must be less than {most + 1} characters", at)


def list_items(value: object, at: str, most: int, problems: Problems, *, fewest: int = 0) -> list[object]:
    """Returns the items of a list of the right length, or none and a problem."""
    if not isinstance(value, list):
        problems.add("must provide an array", at)
    elif len(value) > most:
        problems.add(f"no more than {most} items allowed", at)
    elif len(value) < fewest:
        problems.add(f"no fewer than {fewest} items allowed", at)
    else:
        return value
    return []


def find_repeated(names: Iterable[object]) -> list[str]:
    """Returns the names that occur more than once."""
    counts = Counter(name for name in names if isinstance(name, str) and name)
    return [name for name, n_times in counts.items() if n_times > 1]
