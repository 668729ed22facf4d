"""A question as the extractive answerer reads it: its parts, its words, what it asks, whom or what it names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.documents.chunking import split_sentences
from ingest.search.text import content_words, words
from tools.extractive import follow_ups

BACKGROUND_WEIGHT = 0.4  # of a word that only the earlier question holds
MAX_PARTS = 3
FEWEST_WORDS = 2  # with meaning, in a part; "and where do I do it?" is none
_TELLS = re.compile(r"^(?:i|i'm|i've|my|the|we|we're|our|he|she|they|somebody|someone|there)\b", re.IGNORECASE)
_ASKS = re.compile(
    r"^(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|can|could|may|must|should|shall"
    r"|will|would|has|have|am)\b",
    re.IGNORECASE,
)
_NEXT_PART = re.compile(
    r"(?:[,;]?\s+(?:and|or|but)\s+|:\s+|,\s+)"
    r"(?=(?:(?:by|until|from|for|at|in|to|with|since)\s+)?(?:who|whom|what|which|when|where|why|how)\b)",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![.?!:] )(?<!^)\b[A-Z][\w.&-]*")


@dataclass(frozen=True)
class ParsedQuestion:
    """``background`` is the earlier question it leans on, or empty.

    ``weights`` holds every word that carries meaning. ``asked`` are those of the sentence that asks, without
    the story before it; ``names`` are those written as names ("Denver", "FMLA").
    """

    text: str
    background: str
    weights: Mapping[str, float]
    asked: frozenset[str]
    names: frozenset[str]

    @property
    def is_sentence(self) -> bool:
        """Whether it asks in a sentence; otherwise it is key words, of which any may be left unanswered."""
        return "?" in self.text or bool(_ASKS.match(self.text))

    @property
    def whole(self) -> str:
        """Background and question as one text."""
        return f"{self.background} {self.text}".strip()


def read(text: str, background: str = "") -> ParsedQuestion:
    """Reads a question; ``background`` as :func:`tools.extractive.follow_ups.background` finds it."""
    own = content_words(text)
    weights = dict.fromkeys(content_words(background), BACKGROUND_WEIGHT) | dict.fromkeys(own, 1.0)
    asking = _asking(text)
    return ParsedQuestion(
        text=text,
        background=background,
        weights=weights,
        asked=frozenset(content_words(asking)),
        names=frozenset(word for name in _NAME.findall(asking) for word in words(name) if word in weights),
    )


def parts(text: str, background: str = "") -> list[ParsedQuestion]:
    """The questions in one message, each with the story before it and with the earlier one it leans on."""
    told: list[str] = []
    asked: list[str] = []
    for sentence in split_sentences(text):
        pieces = _NEXT_PART.split(sentence)
        if sentence.rstrip("\"')").endswith("?") or _ASKS.match(sentence):
            if len(pieces) > 1 and not _asks(pieces[0]):
                told.append(pieces.pop(0))
            asked = _joined([*asked, *pieces])
        else:
            told.append(sentence)
    if not 1 < len(asked) <= MAX_PARTS:
        return [read(text, background)]
    story = " ".join(piece if piece.endswith((".", "!", "?")) else f"{piece}." for piece in told)
    found: list[ParsedQuestion] = []
    for i, part in enumerate(asked):
        leans_on = follow_ups.background(part, asked[:i])
        found.append(read(f"{story} {_ended(part)}".strip(), f"{background} {leans_on}".strip()))
    return found


def _asks(piece: str) -> bool:
    return bool(
        _ASKS.match(piece) or re.search(r"\b(?:do|does|can|may|must|should) (?:i|we)\b", piece, re.IGNORECASE)
    )


def _joined(pieces: list[str]) -> list[str]:
    """Pieces that say too little by themselves stay with the one before."""
    found: list[str] = []
    for piece in pieces:
        if found and len(content_words(piece)) < FEWEST_WORDS:
            found[-1] = f"{found[-1]} {piece}" if found[-1].endswith("?") else f"{found[-1]} and {piece}"
        else:
            found.append(piece)
    return found


def _ended(part: str) -> str:
    return part if part.endswith("?") else f"{part}?"


def _asking(text: str) -> str:
    """The sentences with a question mark; without any the whole text, unless it only tells something."""
    found = split_sentences(text)
    asking = [sentence for sentence in found if sentence.rstrip("\"')").endswith("?")]
    if asking:
        return " ".join(asking)
    return "" if _TELLS.match(text) else text
