"""What a model puts into its calls: as it is read, and as any provider takes it back."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from agent.types import Message

MOST_CALLS = 64  # of one message; what is beyond it is dropped
ARGUMENTS_LIMIT, SHOWN_OF_IT = 8_000, 200  # characters
DEEPEST = 50  # levels of nesting
NOT_JSON = "_not_a_json_object"


def acceptable(calls: Sequence[Message], position: int, known: set[str]) -> list[Message]:
    """The calls as any provider takes them back: ids that differ, names of few characters, arguments that are a
    JSON object. What is lost by it stands in the model call's response."""
    found: list[Message] = []
    for index, call in enumerate(calls[:MOST_CALLS]):
        given = call.get("function") or {}
        id_ = str(call.get("id") or "")
        if not id_ or id_ in known:
            id_ = f"call_{position}_{index}"
        known = known | {id_}
        name = re.sub(r"[^A-Za-z0-9_-]", "_", str(given.get("name") or "unknown"))[:64]
        function = {**given, "name": name, "arguments": _json_object(given.get("arguments"))}
        found.append({**call, "id": id_, "type": "function", "function": function})
    return found


def parsed(call: Message) -> Any:
    """The call's arguments, parsed where they are JSON."""
    given = call["function"].get("arguments")
    try:
        return _read(given) if given else {}
    except (ValueError, RecursionError):
        return given


def _json_object(given: Any) -> str:
    text = given if isinstance(given, str) else json.dumps(given or {})
    if len(text) > ARGUMENTS_LIMIT:
        return json.dumps({NOT_JSON: text[:SHOWN_OF_IT], "why": "they are too long"})
    try:
        is_object = isinstance(_read(text or "{}"), dict)
    except (ValueError, RecursionError):
        is_object = False
    return (text or "{}") if is_object else json.dumps({NOT_JSON: text[:SHOWN_OF_IT]})


def _read(text: str) -> Any:
    """JSON as every reader takes it: no NaN, no number too large, not nested without end; raises ValueError."""
    depth = most = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        most = max(most, depth)
    if most > DEEPEST:
        raise ValueError("nested too deeply")
    return json.loads(text, parse_constant=_no_number, parse_float=_finite)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)
