"""The main text of a website's page: the only module that imports trafilatura.

trafilatura tells what of a page is its main text, and does so better than its tags, which many sites do not use.
:mod:`ingest.documents.readers.html.html` reads it, because trafilatura's own output shows hidden text, and loses
the numbers of
lists, merged cells and lists of links. So: what stands before the first or after the last block that trafilatura
finds is left out, and nothing between.
"""

import re
from dataclasses import replace

import trafilatura

from ingest.documents.blocks import Block, Document
from ingest.documents.readers.html import html

_LEAST = 0.1  # of the page's text; less is a guess that failed, and the whole page is better
_PROBE_CHARS = 30
_NO_LETTER = re.compile(r"[\W_]+")


def read(content: bytes, *, max_chars: int) -> Document:
    """The page's title and main text; raises :class:`ingest.documents.raw.FetchProblem` for one nested too
    deeply."""
    page = html.read(content, max_chars=max_chars)
    return replace(page, blocks=_between(page.blocks, _main_text(content)))


def _main_text(content: bytes) -> str:
    """The letters of it; empty where there is none."""
    try:
        text = trafilatura.extract(html.decode_page(content), favor_recall=True, include_comments=False)
    except RecursionError:
        return ""
    return _letters(text or "")


def _between(blocks: tuple[Block, ...], main: str) -> tuple[Block, ...]:
    found = [at for at, block in enumerate(blocks) if block.kind != "heading" and _is_in(block, main)]
    n_chars = sum(len(_letters(_text(block))) for block in blocks)
    if not found or len(main) < _LEAST * n_chars:
        return blocks
    first = found[0]
    while first and blocks[first - 1].kind == "heading":
        first -= 1
    return blocks[first : found[-1] + 1]


def _is_in(block: Block, main: str) -> bool:
    letters = _letters(_text(block))
    return bool(letters) and (letters[:_PROBE_CHARS] in main or letters[-_PROBE_CHARS:] in main)


def _text(block: Block) -> str:
    return block.text or "\n".join(block.lines)


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text).lower()
