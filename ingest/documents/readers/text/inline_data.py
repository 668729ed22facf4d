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
_MIXED = re.compile(r"(?=[^A-Z]*+[A-Z])(?=[^a-z]*+[a-z])[^0-9]*+[0-9]")
_HEXADECIMAL = re.compile(r"(?=[^0-9]*+[0-9])(?=[0-9]*+[a-fA-F])[0-9a-fA-F]++")
_PATH_WORD = re.compile(r"[/_-](?:[A-Z]?[a-z]{3}|[A-Z]{2,}+(?=[/_-]))")
_CHARS_PER_WORD = 40  # in a list of paths at most; random base64 has a word in a thousand
_LEAST_CAPITALS = 0.2  # of the letters; random base64 has 0.5, words have less
_JUDGED_CHARS = 10_000
_MAX_DIGESTS = 100  # lines, all of one width; one in sixteen files of this size ends so, too


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
    text = _RUN.sub(_drop_run, text)
    return _LINES.sub(_drop_lines, text)


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


def _drop_run(run: re.Match[str]) -> str:
    """Drops a long run of data; keeps ``aaaa``, a row of dashes, a path."""
    start = run[0][:_JUDGED_CHARS]
    is_data = _HEXADECIMAL.fullmatch(run[0]) or (_MIXED.match(start) and not _is_words(start))
    return "" if is_data else run[0]


def _drop_lines(match: re.Match[str]) -> str:
    """Drops data that is wrapped, in lines of one width; keeps lists of paths, and of digests one a line."""
    lines = [line.strip(" \t>") for line in match[0].rstrip(" \t\n>").split("\n")]
    end = lines.pop() if len(lines[-1]) != len(lines[0]) else ""
    after, end = (end, "") if len(end) % 4 else ("", end)  # base64 has groups of four; the rest is a word
    if {*map(len, lines)} != {len(lines[0])} or not (end or len(lines) > _MAX_DIGESTS):
        return match[0]
    is_mixed = sum(_MIXED.match(line) is not None for line in lines) >= len(lines) / 2
    is_data = is_mixed and not _is_words("\n".join(lines)[:_JUDGED_CHARS])
    return after if is_data else match[0]


def _is_words(text: str) -> bool:
    """Returns whether letters are words in a row, such as paths: these have few capitals, or many words."""
    n_capitals, n_letters = sum(map(str.isupper, text)), sum(map(str.isalpha, text))
    n_words = len(_PATH_WORD.findall(text))
    return n_capitals < _LEAST_CAPITALS * n_letters or n_words * _CHARS_PER_WORD > len(text)
