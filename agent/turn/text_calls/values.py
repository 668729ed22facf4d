"""The calls in a piece of JSON or Python, whichever names their parts have."""

import ast
import json
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from agent.prompting.json_sanitizer import clean
from agent.tools import arguments
from agent.types import JsonValue

_NAME_KEYS = ("name", "tool", "tool_name", "function", "function_name", "recipient_name", "action", "command")
ARGUMENT_KEYS = (
    "arguments", "parameters", "args", "input", "params", "tool_input", "action_input", "tool_arguments", "kwargs"
)  # fmt: skip
_WRAPPERS = ("tool_calls", "tool_call", "function_call", "function", "calls", "tool_uses", "action", "tool")
KEYS = frozenset({*_NAME_KEYS, *ARGUMENT_KEYS, *_WRAPPERS, "type", "id"})
CLOSING = re.compile(
    r"(?:\s|</?\|?/?[\w▁｜|:-]{1,40}\|?>|<｜[^<>]{1,40}｜>|\[/[A-Z_]{1,20}\]|[`~*,;)\]])*\Z", re.IGNORECASE
)
_CALLED = re.compile(r"(?:[A-Za-z_]\w{0,63}\.){0,3}?([A-Za-z_]\w{0,63})(?:\.call)?\(")
_PYTHON_PART = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[()\[\]{}]", re.DOTALL)  # strings, brackets
JSON_START = re.compile(r"[\[{]")


@dataclass(frozen=True)
class WrittenCall:
    """One call as it is written; ``arguments`` may be anything."""

    name: str
    arguments: JsonValue


def read_value(value: JsonValue, names: Container[str]) -> Iterator[WrittenCall]:
    """Reads the calls in decoded JSON."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from read_value(item, names)
        return
    if not isinstance(value, Mapping):
        return
    for key in _WRAPPERS:
        inner = value.get(key)
        if isinstance(inner, Mapping | list):
            yield from read_value(inner, names)
            return
    name = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
    given = next((key for key in ARGUMENT_KEYS if key in value), None)
    if isinstance(name, str):
        plain = clean_name(name)
        if given:
            yield WrittenCall(plain, _open(value[given]))
        elif plain in names:
            rest = {key: item for key, item in value.items() if key not in KEYS}
            yield WrittenCall(plain, rest)
    elif len(value) == 1 and next(iter(value)) in names:
        ((key, item),) = value.items()
        yield WrittenCall(key, _open(item))


def read_python(code: str, names: Container[str]) -> Iterator[WrittenCall]:
    """Reads ``search_docs(query="leave")``, alone, in a list, or in a program."""
    position = 0
    while called := next((match for match in _CALLED.finditer(code, position) if match[1] in names), None):
        position = find_python_end(code, called.end() - 1)
        if not position:
            return
        yield WrittenCall(called[1], _read_keywords(code[called.end() - 1 : position]))


def find_python_end(code: str, position: int) -> int:
    """Returns where the bracket that opens at the position is closed; 0 where it is not."""
    depth = 0
    for part in _PYTHON_PART.finditer(code, position):
        depth += (part[0] in "([{") - (part[0] in ")]}")
        if depth == 0:
            return part.end()
    return 0


def _read_keywords(code: str) -> JsonValue:
    """Returns the arguments in brackets by their names; their text where some have none, or are no literals."""
    try:
        call = ast.parse(f"f{code}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            return code
        given: JsonValue = clean({str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords})
        return given
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return code


def decode(text: str, position: int) -> tuple[JsonValue, int]:
    """Returns the JSON at or after the position, and its end; (None, 0) where there is none."""
    start = JSON_START.search(text, position)
    if not start:
        return None, 0
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(text, start.start())
    except (ValueError, RecursionError):
        return None, 0
    return value, end


def _open(value: JsonValue) -> JsonValue:
    """Opens arguments that are written as a text of JSON."""
    if not isinstance(value, str):
        return {} if value is None else value
    try:
        return arguments.parse_text(value) if value.strip() else {}
    except (ValueError, RecursionError):
        return value


def read_literal(text: str) -> JsonValue:
    """Returns a parameter's value: JSON where it is, else the text."""
    stripped = text.strip()
    if stripped[:1] in ("{", "[") or re.fullmatch(r"-?\d+(?:\.\d+)?|true|false|null", stripped):
        return _open(stripped)
    return stripped


def clean_name(name: str) -> str:
    return name.removeprefix("functions.").removeprefix("default_api.").strip()
