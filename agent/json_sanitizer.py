"""JSON as everybody takes it: what a model or a tool may send and neither Postgres nor a provider accepts."""

import math
from collections.abc import Mapping
from typing import Any

DEEPEST, DEEPEST_CHARS = 100, 1_000  # levels of JSON that are kept as such, and what of the rest


def clean(value: Any, depth: int = 0) -> Any:
    """Neither Postgres nor a provider takes NUL or lone surrogates in JSON text; a model may send both, and
    JSON nested without end, of which the deepest is kept as text."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if depth > DEEPEST:
        return clean(str(value)[:DEEPEST_CHARS])
    if isinstance(value, Mapping):
        return {clean(str(key)): clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
