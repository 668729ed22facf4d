"""Takes secrets out of texts and of JSON; says where a text that is being written may be about to have one."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, overload

from agent.hidden_characters import strip_invisible
from agent.secrets import patterns, rules

MASK = "(secret)"
_BETWEEN = "\n\x00\n"  # two texts that are looked at together: nothing goes on beyond it


def redact(text: str, replacement: str = MASK, *, after: str = "") -> str:
    """Replaces whatever looks like a secret; the words before a password stay.

    ``after`` is what stands before the text, has been looked at already, and may say what a value in it is.
    """
    return mask(text, replacement, after=after)[0]


def mask(text: str, replacement: str = MASK, *, after: str = "") -> tuple[str, int]:
    """Returns the text without secrets, and how many there were. Characters that nobody sees hide none.

    >>> mask("The password is hunter2, see https://me:s3cret@git.example.")
    ('The password is (secret) see https://me:(secret)@git.example.', 2)
    """
    if not text:
        return "", 0
    seen = after + strip_invisible(text)
    parts: list[str] = []
    position, n = len(after), 0
    for start, end in sorted(_find(seen)):
        if end <= position:
            continue
        if start >= position or not n:  # else it goes on where the last one ends
            parts += [seen[position : max(start, position)], replacement]
            n += 1
        position = end
    return ("".join([*parts, seen[position:]]), n) if n else (text, 0)


def mask_all(texts: Sequence[str], replacement: str = MASK) -> tuple[list[str], int]:
    """Masks each of many texts, in the time of one long text; returns how many secrets there were.

    >>> mask_all(["fine", "password: hunter2"])
    (['fine', 'password: (secret)'], 1)
    """
    masked, n_secrets = list(texts), 0
    seen = [strip_invisible(text) for text in texts]
    starts = list(accumulate((len(text) + len(_BETWEEN) for text in seen), initial=0))
    found: set[int] = set()
    for start, end in _find(_BETWEEN.join(seen)):  # a key that is cut off goes on to the end of another
        found.update(range(bisect_right(starts, start) - 1, bisect_right(starts, end - 1)))
    for i in found:
        masked[i], n = mask(masked[i], replacement)
        n_secrets += n
    return masked, n_secrets


def contains_secret(text: str) -> bool:
    """Returns whether something in the text may be a secret: rather too often, for text that need not be shown."""
    seen = strip_invisible(text)
    return patterns.LIKELY_KEY.search(seen) is not None or next(_find(seen), None) is not None


def find_open_secret(text: str) -> int | None:
    """Finds where something begins that more text may make a secret, for a text that is still being written.

    >>> find_open_secret("The password is")
    4
    """
    key = text.rfind("-----BEGIN")
    if key >= 0 and "-----END" not in text[key:]:
        return key
    match = patterns.OPEN.search(text)
    return match.start() if match else None


@overload
def redact_json(value: str) -> str: ...
@overload
def redact_json(value: dict[str, Any]) -> dict[str, Any]: ...
@overload
def redact_json(value: object) -> Any: ...
def redact_json(value: object) -> Any:
    """Returns JSON with every text in it masked; its keys stay.

    >>> redact_json({"note": ["password: hunter2"]})
    {'note': ['password: (secret)']}
    """
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_json(item) for key, item in value.items()}
    return [redact_json(item) for item in value] if isinstance(value, list | tuple) else value


def _find(text: str) -> Iterator[tuple[int, int]]:
    lower = text.lower()
    yield from patterns.find(text, lower)
    yield from rules.find(text, lower)
