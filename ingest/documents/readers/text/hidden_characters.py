"""Removes invisible characters, which hide instructions to a model in a text, and words from a search."""

import re

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0e-\x1b\x7f-\x84\x86-\x9f"  # control characters; Postgres refuses NUL
    "\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\uffff"
    "\ud800-\udfff\U000e0000-\U000e0fff]"  # halves of characters, tags, variants that carry hidden bytes
    "|[\ufe00-\ufe0f](?=[\ufe00-\ufe0f])"  # one of them chooses how an emoji looks
    "|(?<=[\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?=[\x00-\x7f])"  # kept between letters that join
)
_BREAKS = str.maketrans({"\x0c": "\n", "\x1c": "\n", "\x1d": "\n", "\x1e": "\n", "\x1f": " ", "\x85": "\n"})


def strip_invisible(text: str) -> str:
    """Returns the text without invisible characters, and with every kind of line or page break as ``\\n``."""
    if text.isascii() and text.isprintable():
        return text
    return _INVISIBLE.sub("", text).translate(_BREAKS)
