"""The main text of a website's page: the only module that imports trafilatura.

trafilatura finds a page's main text better than its tags do, which many sites do not use. Its own output shows
hidden text and loses list numbers, merged cells and lists of links, so the page is read by
:mod:`ingest.documents.readers.html.html`, and the blocks before the first and after the last one that trafilatura
found are dropped; nothing between them is.
"""

import re
from dataclasses import replace
from itertools import takewhile

import trafilatura

from ingest.documents.blocks import Block, BlockKind, Document
from ingest.documents.readers.html import html, unclosed

_MIN_SHARE = 0.1  # of the page's text; with less, extraction has failed and the whole page is better
_PROBE_CHARS = 30
_NO_LETTER = re.compile(r"[\W_]+")


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a page's main text."""
    page = html.read(content, max_chars=max_chars)
    return replace(page, blocks=_trim(page.blocks, _main_letters(content)))


def _main_letters(content: bytes) -> str:
    """Returns the letters of the main text; empty where there is none."""
    try:
        page = unclosed.close(html.decode_page(content))
        text = trafilatura.extract(page, favor_recall=True, include_comments=False)
    except RecursionError:
        return ""
    return _letters(text or "")


def _trim(blocks: tuple[Block, ...], main: str) -> tuple[Block, ...]:
    """Drops the blocks before and after the main text; keeps the headings above it, and those at its end that
    have no text below them."""
    positions = [at for at, block in enumerate(blocks) if block.kind != BlockKind.HEADING and _is_in(block, main)]
    n_chars = sum(len(_letters(_text(block))) for block in blocks)
    if not positions or len(main) < _MIN_SHARE * n_chars:
        return blocks
    first = positions[0]
    while first and blocks[first - 1].kind == BlockKind.HEADING:
        first -= 1
    last = positions[-1] + 1
    return blocks[first:last] + _find_bare_headings(blocks[last:])


def _find_bare_headings(rest: tuple[Block, ...]) -> tuple[Block, ...]:
    """Returns the headings right after the main text, except those of the text that is dropped below them."""
    headings = tuple(takewhile(lambda block: block.kind == BlockKind.HEADING, rest))
    if len(headings) == len(rest):
        return headings
    below = [min(heading.level for heading in headings[at + 1 :]) for at in range(len(headings) - 1)]
    return tuple(heading for heading, level in zip(headings[:-1], below, strict=True) if level <= heading.level)


def _is_in(block: Block, main: str) -> bool:
    letters = _letters(_text(block))
    return bool(letters) and (letters[:_PROBE_CHARS] in main or letters[-_PROBE_CHARS:] in main)


def _text(block: Block) -> str:
    return block.text or "\n".join(block.lines)


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text).lower()
