"""Detects the language of a text: the only module that imports gcld3, Google's small network in a wheel.

Says nothing of a text that is too short or too mixed to tell: a wrong language is worse than none.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from ingest.documents import languages
from ingest.documents.blocks import Block, BlockKind

MAX_CHARS = 10_000  # looked at; 1 ms
_MIN_LETTERS = 30
_MIN_WIDE_LETTERS = 10  # of Chinese, Japanese or Korean
_MIN_PROBABILITY = 0.9
_NO_WORD = re.compile(r"https?://\S+|\S+@\S+|`[^`]*`|[^\W\d_]*\d\S*|[^\w\s.,;:!?'’-]+|_+")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")


def detect(blocks: Iterable[Block]) -> str:
    """Returns the language of a document's words, code aside; empty where they do not tell.

    >>> detect([Block(BlockKind.PARAGRAPH, "Jeder Mitarbeiter hat dreißig Tage Urlaub im Jahr, ohne Feiertage.")])
    'de'
    """
    text = " ".join(_read_words(blocks))[:MAX_CHARS]
    n_letters = sum(map(str.isalpha, text))
    if n_letters < _MIN_LETTERS and len(_WIDE.findall(text)) < _MIN_WIDE_LETTERS:
        return ""
    found = _network().FindLanguage(text=text)
    is_sure = found.is_reliable and found.probability >= _MIN_PROBABILITY
    return languages.parse(found.language) if is_sure and "Latn" not in found.language else ""


def _read_words(blocks: Iterable[Block]) -> Iterator[str]:
    n_chars = 0
    for block in blocks:
        if block.kind == BlockKind.CODE:
            continue
        text = _NO_WORD.sub(" ", (block.text or " ".join(block.lines))[:MAX_CHARS])
        yield text
        n_chars += len(text)
        if n_chars > MAX_CHARS:
            return


@cache
def _network() -> Any:
    import gcld3

    return gcld3.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=4 * MAX_CHARS)
