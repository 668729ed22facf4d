"""Closes elements of a page that its author never closed, and that would swallow the text after them.

A browser takes all that follows an open ``<title>`` or ``<style>`` for its contents, and so does every parser.
Here such an element ends where its contents plainly do. What is open and hides what it contains stays as it is: a
comment, an element with ``hidden``, a template.
"""

import re
from html import escape
from itertools import zip_longest

_RAW = (
    "title",
    "style",
    "script",
    "textarea",
    "iframe",
    "noembed",
    "noframes",
    "xmp",
)  # contain text, no elements
_NAMED = ("title", "style", "script")  # what a text about HTML names; a page has them in its head
_NEAR_CHARS = 200
_PARTS = ("nav", "footer", "header", "aside", "button", "select", "noscript")  # left out with what they contain
_LINE_END = re.compile(r"\s*[^<\n]*")  # of a title
_ANY_TAG = re.compile(r"(?=</?[a-z])", re.IGNORECASE)
_PAGE_PART = re.compile(  # in a script tags may stand in quotes, but hardly at the beginning of a line
    r"(?=</head\b|<body\b)|^[ \t]*(?=<(?:p|h[1-6]|div|ul|ol|table|main|article|section)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_XHTML = re.compile(r"\s*(?:<\?xml\b|<!doctype html[^>]{1,200}xhtml)", re.IGNORECASE)
_EMPTY = re.compile(r"<([a-z][\w:-]*)(\s[^<>]*)?/>", re.IGNORECASE)
_VOID = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track"),
    "wbr",
}


def close(html: str) -> str:
    """Returns a page in which these elements end.

    >>> close("<title>Leave<h1>Leave</h1><p>30 days")
    '<title>Leave</title><h1>Leave</h1><p>30 days'
    """
    if _XHTML.match(html):
        html = _EMPTY.sub(_pair, html)
    names = html.lower()
    for name in _RAW:
        if f"<{name}" in names:
            html = _close_raw(html, name)
    shown = _leave_out(_leave_out(html.lower(), "<script", "</script"), "<!--", "-->")
    for name in _PARTS:
        if shown.count(f"<{name}") > shown.count(f"</{name}"):
            html = re.sub(rf"<{name}\b[^<>]*>", " ", html, flags=re.IGNORECASE)
    return html


def _leave_out(html: str, begin: str, end: str) -> str:
    """Returns a page without what stands between these, where tags are named and none begin."""
    first, *others = html.split(begin)
    return "".join([first, *(other.partition(end)[2] for other in others)])


def _pair(tag: re.Match[str]) -> str:
    """Returns an empty element of XHTML as HTML has to write it."""
    return tag[0] if tag[1].lower() in _VOID else f"<{tag[1]}{tag[2] or ''}></{tag[1]}>"


def _close_raw(html: str, name: str) -> str:
    """Closes each of these elements that is followed by another of its name, or by none, before its end."""
    tags = [*re.finditer(rf"<(/?){name}\b[^<>]*>", html, re.IGNORECASE)]
    parts, at = list[str](), 0
    for tag, following in zip_longest(tags, tags[1:]):
        if tag[1] or (following and following[1]):
            continue
        if name in _NAMED and _is_in_sentence(html, tag.start()):
            parts += [html[at : tag.start()], escape(tag[0])]
            at = tag.end()
            continue
        end = _find_end(html, name, tag.end(), following.start() if following else len(html))
        if end is not None:
            parts += [html[at:end], f"</{name}>"]
            at = end
    return "".join([*parts, html[at:]])


def _is_in_sentence(html: str, start: int) -> bool:
    """Returns whether words stand before a tag in its line: somebody writes about it."""
    before = html[max(0, start - _NEAR_CHARS) : start].rpartition("\n")[2].rpartition(">")[2]
    return bool(before.strip())


def _find_end(html: str, name: str, start: int, stop: int) -> int | None:
    """Returns where an element's contents end, before ``stop``; None where that is not to be seen."""
    if name == "title":
        line = _LINE_END.match(html, start, stop)
        return line.end() if line else start
    pattern = _PAGE_PART if name == "script" else _ANY_TAG
    end = pattern.search(html, start, stop)
    return end.start() if end else None
