"""Removes files that stand inside a text as letters: pictures as ``data:`` addresses, and blocks of base64.

Nobody reads them, and a picture of 2 MB would be thousands of chunks. Short ``data:`` addresses, as in an
explanation of them, stay. Takes time in proportion to the text: every repetition is possessive.
"""

import re

MIN_CHARS = 200  # of an address; what is shorter is an example, or too small to matter
_MIN_RUN_CHARS = 1_000  # of base64 without a space; no word, address or key is so long
_MIN_LINES = 12  # of base64, as mail and certificates have it
_TYPE = r"data:[\w.+-]{1,40}\\?/[\w.+-]{1,60}(?:;(?!base64)[\w.+-]{1,40}(?:=[\w.\"-]{1,60})?){0,5}+"
_DATA = re.compile(
    rf"""{_TYPE}
    (?: ;base64,\s*(?:[A-Za-z0-9+/_-]|\\/|%2[BF])++
        (?:[ \t>]*\r?\n[ \t>]*[A-Za-z0-9+/]{{40,}}+)*+
        (?:[ \t>]*\r?\n[ \t>]*(?=[A-Za-z0-9+/]{{0,200}}[0-9+/=])[A-Za-z0-9+/]{{1,200}}+={{0,2}}
           (?=[ \t]*(?:[)"'>\]]|\r?\n|\Z)))?
        (?:=|%3D){{0,2}}
      | ,(?:%[0-9A-F]{{2}}|[\w.~!*:@&=+$/?;,'\#-])++
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_DRAWING = re.compile(rf"{_TYPE},\s*<svg\b", re.IGNORECASE)
_DRAWING_END = "</svg>"
_RUN = re.compile(rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{_MIN_RUN_CHARS},}}+={{0,2}}")
_LINES = re.compile(
    rf"^[ \t>]*(?:[A-Za-z0-9+/]{{48,100}}+[ \t]*\n[ \t>]*+){{{_MIN_LINES},}}+"
    r"(?:[A-Za-z0-9+/]{1,100}+={0,2}[ \t]*(?=\n|\Z))?",
    re.MULTILINE,
)
_MIXED = re.compile(
    r"(?=[^A-Z]*+[A-Z])(?=[^a-z]*+[a-z])[^0-9]*+[0-9]|(?=[^0-9]*+[0-9])(?=[0-9]*+[a-fA-F])[0-9a-fA-F]++\Z"
)
_MIXED_CHARS = 300


def strip_inline_data(text: str) -> str:
    """Returns the text without files in it.

    >>> strip_inline_data(f"![Map](data:image/png;base64,{'iVBORw0KGgo' * 100}) The gate.")
    '![Map]() The gate.'
    >>> strip_inline_data("Write data:image/png;base64,iVBORw0KGgo= to embed it.")
    'Write data:image/png;base64,iVBORw0KGgo= to embed it.'
    """
    if len(text) < MIN_CHARS:
        return text
    if "data:" in text or "DATA:" in text:
        text = _DATA.sub(_drop_long, _strip_drawings(text))
    text = _RUN.sub(_drop_mixed, text)
    return _LINES.sub(_drop_mixed, text)


def _strip_drawings(text: str) -> str:
    """Removes addresses that hold an SVG as it is, with its spaces."""
    parts, at = [], 0
    last = text.rfind(_DRAWING_END)
    for head in _DRAWING.finditer(text):
        if at <= head.start() < last:
            parts.append(text[at : head.start()])
            at = text.index(_DRAWING_END, head.end()) + len(_DRAWING_END)
    return "".join([*parts, text[at:]])


def _drop_long(address: re.Match[str]) -> str:
    if len(address[0]) < MIN_CHARS:
        return address[0]
    before = address.string[max(0, address.start() - 4) : address.start()]
    is_reference = before.rstrip(" <").endswith("]:")
    return "#" if is_reference else ""  # Markdown's definition of a link needs an address


def _drop_mixed(run: re.Match[str]) -> str:
    """Drops letters of both cases and digits in a mix, as only data has them; keeps ``aaaa``, a row of dashes."""
    return "" if _MIXED.match(run[0][:_MIXED_CHARS]) else run[0]
