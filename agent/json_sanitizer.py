"""Makes JSON that both Postgres and every provider accept."""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, overload

from agent import secrets
from agent.hidden_characters import strip_invisible
from agent.prompting import embedded_instructions

MAX_DEPTH = 100  # levels of nesting; what lies deeper becomes text
MAX_DEEP_CHARS = 1_000  # of that text
MAX_REMEMBERED_CHARS = 4_000  # of a text; a passage has about 1,000
LEFT_OUT = "[…]"  # in the place of sentences that instruct a model


@overload
def clean(value: str, depth: int = 0) -> str: ...
@overload
def clean(value: dict[str, Any], depth: int = 0) -> dict[str, Any]: ...
@overload
def clean(value: object, depth: int = 0) -> Any: ...
def clean(value: object, depth: int = 0) -> Any:
    """Returns JSON without NUL, lone surrogates, infinite numbers and endless nesting.

    Models and tools may send all of these; Postgres and providers refuse them.

    >>> clean({"n": float("inf"), "text": "a\\x00b"})
    {'n': 'inf', 'text': 'ab'}
    """
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if depth > MAX_DEPTH:
        return clean(str(value)[:MAX_DEEP_CHARS])
    if isinstance(value, Mapping):
        return {clean(str(key)): clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def clean_shown(value: dict[str, Any]) -> dict[str, Any]:
    """Returns the same for what a model is to read: also without characters that nobody sees, without secrets, and
    without sentences that instruct a model.

    What a model wrote is left to :func:`clean`: a provider may have signed it.

    >>> clean_shown({"note": "ign\u200bore\U000e0041"})
    {'note': 'ignore'}
    """
    return {_strip(key): _strip(item) for key, item in clean(value).items()}


@overload
def _strip(value: str) -> str: ...
@overload
def _strip(value: object) -> Any: ...
def _strip(value: object) -> Any:
    if isinstance(value, str):
        return _strip_text(value) if len(value) <= MAX_REMEMBERED_CHARS else _strip_text.__wrapped__(value)
    if isinstance(value, dict):
        return {_strip(key): _strip(item) for key, item in value.items()}
    return [_strip(item) for item in value] if isinstance(value, list) else value


@lru_cache(maxsize=1_000)  # passages: 1 MB; they recur, and most are returned as they came
def _strip_text(text: str) -> str:
    return secrets.redact(embedded_instructions.take_out(strip_invisible(text), LEFT_OUT))
