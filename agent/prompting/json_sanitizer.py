"""Makes JSON that both Postgres and every provider accept."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, cast, overload

from agent import secrets
from agent.hidden_characters import strip_invisible
from agent.prompting import embedded_instructions

MAX_DEPTH = 100  # levels of nesting; what lies deeper becomes text
MAX_DEEP_CHARS = 1_000  # of that text
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
    cleaned = clean(value)
    texts = list(dict.fromkeys(_list_texts(cleaned)))
    stripped = [embedded_instructions.take_out(strip_invisible(text), LEFT_OUT) for text in texts]
    shown, _ = secrets.mask_all(stripped)
    return cast("dict[str, Any]", _replace(cleaned, dict(zip(texts, shown, strict=True))))


def _list_texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _list_texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _list_texts(item)


def _replace(value: object, shown: Mapping[str, str]) -> object:
    if isinstance(value, str):
        return shown[value]
    if isinstance(value, dict):
        return {shown[key]: _replace(item, shown) for key, item in value.items()}
    return [_replace(item, shown) for item in value] if isinstance(value, list) else value
