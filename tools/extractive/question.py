"""Parses a question for the extractive answerer: its parts, its words, what it asks for, what it names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ingest.documents.chunking import split_sentences
from ingest.search.languages import Language
from ingest.search.text import content_words, detect_language, words
from tools.extractive import follow_ups

BACKGROUND_WEIGHT = 0.4  # of a word that is in the earlier question only
MAX_PARTS = 3
FEWEST_WORDS = 2  # content words of a part; "and where do I do it?" has too few
_TELLS = re.compile(r"^(?:i|i'm|i've|my|the|we|we're|our|he|she|they|somebody|someone|there)\b", re.IGNORECASE)
_ASKS = re.compile(
    r"^(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|can|could|may|must|should|shall"
    r"|will|would|has|have|am)\b",
    re.IGNORECASE,
)
_QUESTION_MARK = re.compile("[?？¿]")
_NEXT_PART = re.compile(
    r"(?:[,;]?(?<!\s)\s++(?:and|or|but)\s+|:\s+|,\s+)"
    r"(?=(?:(?:by|until|from|for|at|in|to|with|since)\s+)?(?:who|whom|what|which|when|where|why|how)\b)",
    re.IGNORECASE,
)
_QUOTE_MARK = re.compile(r"^(?:> ?)+", re.MULTILINE)
_LABEL = re.compile(r"\b[A-Z][a-z]\w* ([B-HJ-Z])\b")  # "Model S"
_NAME = re.compile(r"(?<![.?!:] )(?<!^)\b[A-Z][\w.&-]*")


@dataclass(frozen=True, eq=False)
class ParsedQuestion:
    """What a question asks for: the same object for the same question.

    ``background`` is the earlier question it refers to, or empty.

    ``weights`` has every content word. ``asked`` are those of the sentence that asks, without the story before it;
    ``names`` are those written as names ("Denver", "FMLA").
    """

    text: str
    background: str
    weights: Mapping[str, float]
    asked: frozenset[str]
    names: frozenset[str]
    language: Language = Language.ENGLISH

    @property
    def is_sentence(self) -> bool:
        """Returns whether it asks in a sentence; otherwise it is key words, of which any may be left
        unanswered."""
        return bool(_QUESTION_MARK.search(self.text) or _ASKS.match(self.text))

    @property
    def whole(self) -> str:
        """Returns background and question as one text."""
        return f"{self.background} {self.text}".strip()


def unquote(text: str) -> str:
    """Returns a question without the marks of a quotation: a quoted message is asked as if it were one's own.

    >>> unquote("> How many days?")
    'How many days?'
    """
    return _QUOTE_MARK.sub("", text).strip()


@lru_cache(maxsize=100)
def parse(text: str, background: str = "") -> ParsedQuestion:
    """Parses a question; ``background`` comes from :func:`tools.extractive.follow_ups.find_background`."""
    own = [*content_words(text), *_find_labels(text)]
    weights = dict.fromkeys(content_words(background), BACKGROUND_WEIGHT) | dict.fromkeys(own, 1.0)
    asking = _find_asking(text)
    language = detect_language(text)
    names = find_names(asking) if language is not Language.GERMAN else ()  # where every noun looks like one
    return ParsedQuestion(
        text=text,
        background=background,
        weights=weights,
        asked=frozenset([*content_words(asking), *_find_labels(asking)]),
        names=frozenset(word for name in names for word in words(name) if word in weights),
        language=language,
    )


def _find_labels(text: str) -> list[str]:
    """Returns the single letters that tell one thing of a name from another, in lower case."""
    return [match[1].lower() for match in _LABEL.finditer(text)]


def find_names(text: str) -> list[str]:
    """Returns what is written as a name in a question, but for the first word of a sentence."""
    return _NAME.findall(text)


def split(text: str, background: str = "") -> list[ParsedQuestion]:
    """Splits one message into its questions, each with the story before it and the earlier one it refers to."""
    statements: list[str] = []
    questions: list[str] = []
    for sentence in split_sentences(text):
        pieces = _NEXT_PART.split(sentence)
        if sentence.rstrip("\"')").endswith("?") or _ASKS.match(sentence):
            if len(pieces) > 1 and not _asks(pieces[0]):
                statements.append(pieces.pop(0))
            questions = _join([*questions, *pieces])
        else:
            statements.append(sentence)
    if not 1 < len(questions) <= MAX_PARTS:
        return [parse(text, background)]
    story = " ".join(piece if piece.endswith((".", "!", "?")) else f"{piece}." for piece in statements)
    parsed: list[ParsedQuestion] = []
    for i, question in enumerate(questions):
        own = follow_ups.find_background(question, questions[:i])
        parsed.append(parse(f"{story} {_end(question)}".strip(), f"{background} {own}".strip()))
    return parsed


def choose_language(parts: Sequence[ParsedQuestion], texts: Iterable[str]) -> Language:
    """Returns the language of a question; of key words, which say little of theirs, that of the texts found."""
    asked = parts[0]
    if asked.language is not Language.ENGLISH or asked.is_sentence:
        return asked.language
    return detect_language(" ".join(texts))


def _asks(piece: str) -> bool:
    return bool(
        _ASKS.match(piece) or re.search(r"\b(?:do|does|can|may|must|should) (?:i|we)\b", piece, re.IGNORECASE)
    )


def _join(pieces: list[str]) -> list[str]:
    """Joins pieces with too few words to the one before."""
    joined: list[str] = []
    for piece in pieces:
        if joined and len(content_words(piece)) < FEWEST_WORDS:
            joined[-1] = f"{joined[-1]} {piece}" if joined[-1].endswith("?") else f"{joined[-1]} and {piece}"
        else:
            joined.append(piece)
    return joined


def _end(question: str) -> str:
    return question if question.endswith("?") else f"{question}?"


def _find_asking(text: str) -> str:
    """Returns the sentences with a question mark; without any the whole text, unless it is a mere statement."""
    asking = [sentence for sentence in split_sentences(text) if sentence.rstrip("\"')").endswith("?")]
    if asking:
        return " ".join(asking)
    return "" if _TELLS.match(text) else text
