"""The arguments a model puts into its calls: how they are read, and how any provider takes them back.

Promises that calls which were rewritten here are accepted by every provider, however malformed they came. What is
lost by it is still in the model call's recorded response.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import cast

from agent.types import JsonValue, MessageToolCall

MAX_CALLS = 64  # of one message; further ones are dropped
MAX_ARGUMENTS_CHARS, EXCERPT_CHARS = 8_000, 200  # longer arguments are replaced by an excerpt
MAX_DEPTH = 50  # levels of nesting
MAX_NAME_CHARS = 64
NOT_JSON = "_not_a_json_object"


def normalise(calls: Sequence[MessageToolCall], position: int, known: set[str]) -> list[MessageToolCall]:
    """Rewrites calls so that any provider takes them back: unique ids, plain names, arguments that are an object.

    ``known`` are the ids of earlier calls; a call whose id is missing or known gets one from ``position``.
    """
    normalised: list[MessageToolCall] = []
    for index, call in enumerate(calls[:MAX_CALLS]):
        function = cast("Mapping[str, object] | None", call.get("function")) or {}
        id_ = str(call.get("id") or "")
        if not id_ or id_ in known:
            id_ = f"call_{position}_{index}"
        known = known | {id_}
        name = re.sub(r"[^A-Za-z0-9_-]", "_", str(function.get("name") or "unknown"))[:MAX_NAME_CHARS]
        own = {**function, "name": name, "arguments": _normalise_arguments(function.get("arguments"))}
        normalised.append(cast(MessageToolCall, {**call, "id": id_, "type": "function", "function": own}))
    return normalised


def parse(call: MessageToolCall) -> JsonValue:
    """Returns the call's arguments, parsed where they are JSON.

    >>> function = {"name": "search_docs", "arguments": '{"query": "leave"}'}
    >>> parse({"id": "c1", "type": "function", "function": function})
    {'query': 'leave'}
    """
    arguments = call["function"].get("arguments")
    try:
        return parse_text(arguments) if arguments else {}
    except (ValueError, RecursionError):
        return arguments


def _normalise_arguments(arguments: object) -> str:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    if len(text) > MAX_ARGUMENTS_CHARS:
        return json.dumps({NOT_JSON: text[:EXCERPT_CHARS], "why": "they are too long"})
    try:
        is_object = isinstance(parse_text(text or "{}"), dict)
    except (ValueError, RecursionError):
        is_object = False
    return (text or "{}") if is_object else json.dumps({NOT_JSON: text[:EXCERPT_CHARS]})


def parse_text(text: str) -> JsonValue:
    """Parses JSON as every reader takes it: no NaN, finite numbers, bounded nesting; raises ValueError."""
    depth = deepest = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise ValueError("nested too deeply")
    value: JsonValue = json.loads(text, parse_constant=_reject_number, parse_float=_parse_float)
    return value


def _reject_number(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


def _parse_float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _reject_number(text)
