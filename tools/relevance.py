"""How well a statement answers a question: shared words, nearness in meaning, the kind of answer asked for.

The weights were chosen on 54 questions of our own over 246 handbook pages and checked on 50 others. Halving or
doubling any one of them changes the 50 by one question at most, and our own 54 by five at most (the words in the
text and the meaning in place matter most).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ingest.embedding import Matrix, embed
from ingest.words import is_misspelt, stem, stems, words
from tools.question import Question
from tools.statements import Statement

IN_TEXT, IN_LEAD, IN_HEADING, IN_TITLE = 0.6, 0.45, 0.35, 0.1  # what a word of the question is worth where
OWN_MEANING, MEANING_IN_PLACE = 0.4, 1.5  # cosine of the statement alone, and with its title and heading
KIND, PASSAGE_SCORE = 0.2, 1.0
NEIGHBOUR = 0.2  # of the better neighbour's relevance: answers stand together
UNNAMED = 0.8  # of a passage that holds none of the names in the question
TOO_SHORT_CHARS, TOO_SHORT, ASKS_ITSELF = 25, 0.15, 0.3
SAME_SENSE = 0.42  # cosine of two words of one sense: "soldier" and "military" have .54, "pet" and "plan" .15

_QUANTITY = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|once|twice|daily|weekly|monthly"
    r"|annually|unlimited|maximum|minimum)\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\d|\b(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|mon|tues|wednes|thurs|fri|satur|sun)(?:day|[a-z]*)\b"
    r"|\b(?:days?|hours?|weeks?|months?|years?|minutes?|deadline|before|after|within|until|every|immediately)\b",
    re.IGNORECASE,
)
_PERSON = re.compile(
    r"@|#[a-z]|\b(?:e-?mail|contact|supervisor|manager|team|director|officer|employees?|people|staff|lead|specialist"
    r"|desk|anyone|everyone)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"[a-z]\.(?:gov|com|org|net|io)\b|#[a-z]|\b(?:floor|room|building|street|avenue|suite|located|location|office"
    r"|side|folder|page|site|website|channel|wing)\b",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d{3}")
_KINDS = (
    (re.compile(r"\bhow (?:many|much|soon|long|often|early|fast|late|old|far|big|high)\b|\bmaxim|\bminim"
                r"|\bmost\b|\blimit\b|\brate\b|\bcost|\bprice|\blength\b|\bexpir|\bnumber\b|\bphone\b"
                r"|\bcode\b"), _QUANTITY),
    (re.compile(r"\bwhen\b|\bhow (?:soon|long|often|early|fast|late)\b|\bdeadline\b|\bexpir|\bdate\b"), _TIME),
    (re.compile(r"\bwho(?:m|se)?\b|\be-?mail\b|\bcontact\b"), _PERSON),
    (re.compile(r"\bwheres?\b|\bwebsite\b|\blink\b|\burl\b|\bfloor\b|\bchannel\b|\baddress\b"), _PLACE),
    (re.compile(r"\bphone\b|\bnumber\b|\bcode\b|\baddress\b"), _DIGITS),
)  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """Statements in their order, how relevant each is (about 4 is a certain answer), and their own vectors.

    ``missing`` are the words of the sentence that asks which stand nowhere in the passages that hold the names
    the question names, nor a word close in meaning.
    """

    statements: Sequence[Statement]
    relevance: Sequence[float]
    vectors: Matrix
    missing: frozenset[str]


def judged(question: Question, statements: Sequence[Statement]) -> Judged:
    """Judges every statement; there must be one."""
    places = _places(statements)
    present: set[str] = set().union(*(stems_ for place in places for stems_ in place))
    matches = {word: _matches(word, present) for word in question.weights}
    rarity = _rarity(matches, places, question.weights)
    own, in_place, vectors = _cosines(question.whole, statements)
    kinds = [answer for asks, answer in _KINDS if asks.search(question.text.lower())]
    unnamed = _unnamed(question, statements, places, matches)
    alone = [
        _shared(places[i], matches, rarity)
        + OWN_MEANING * own[i]
        + MEANING_IN_PLACE * in_place[i]
        + KIND * _kind(statement.text, kinds)
        + PASSAGE_SCORE * statement.score
        - UNNAMED * unnamed[statement.n]
        - _flaws(statement.text)
        for i, statement in enumerate(statements)
    ]
    relevance = [value + NEIGHBOUR * _better_neighbour(statements, alone, i) for i, value in enumerate(alone)]
    return Judged(statements, relevance, vectors, _missing(question, statements, places, matches, unnamed))


_Place = tuple[set[str], set[str], set[str], set[str]]  # the stems of a statement's text, lead, heading, title


def _places(statements: Sequence[Statement]) -> list[_Place]:
    known: dict[str, set[str]] = {}

    def cached(text: str) -> set[str]:
        return known[text] if text in known else known.setdefault(text, stems(text))

    return [(stems(s.text), cached(s.lead), cached(s.heading), cached(s.title)) for s in statements]


def _matches(word: str, present: set[str]) -> set[str]:
    """The stems a word of the question stands for: its own, else those it may be a slip of."""
    own = stem(word)
    return {own} if own in present else {other for other in present if is_misspelt(own, other)}


def _rarity(
    matches: dict[str, set[str]], places: Sequence[_Place], weights: Mapping[str, float]
) -> dict[str, float]:
    """A word that is in every statement tells little; shares add up to 1."""
    in_text = [text | lead for text, lead, _, _ in places]
    counts = {word: sum(not found.isdisjoint(stems_) for stems_ in in_text) for word, found in matches.items()}
    weights = {word: weights[word] * math.log(1 + len(places) / (1 + n)) for word, n in counts.items()}
    total = sum(weights.values()) or 1.0
    return {word: weight / total for word, weight in weights.items()}


def _shared(place: _Place, matches: dict[str, set[str]], rarity: dict[str, float]) -> float:
    worth = 0.0
    for word, found in matches.items():
        for value, stems_ in zip((IN_TEXT, IN_LEAD, IN_HEADING, IN_TITLE), place, strict=True):
            if not found.isdisjoint(stems_):
                worth += value * rarity[word]
                break
    return worth


def _cosines(question: str, statements: Sequence[Statement]) -> tuple[list[float], list[float], Matrix]:
    """Of each statement alone, and of it under its title and headings; and the statements' vectors.

    A mean of word vectors is additive, so the second needs no embedding of its own.
    """
    above = [f"{s.title}\n{s.heading}\n{s.lead}" for s in statements]
    rows = {text: row for row, text in enumerate(dict.fromkeys(above))}
    vectors = embed([question, *(s.text for s in statements), *rows])
    asked, own, context = vectors[0], vectors[1 : len(statements) + 1], vectors[len(statements) + 1 :]
    lengths = np.array([[len(s.text), len(text)] for s, text in zip(statements, above, strict=True)], np.float32)
    both = lengths[:, :1] * own + lengths[:, 1:] * context[[rows[text] for text in above]]
    both /= np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-9)
    return (own @ asked).tolist(), (both @ asked).tolist(), own


def _unnamed(
    question: Question, statements: Sequence[Statement], places: Sequence[_Place], matches: dict[str, set[str]]
) -> dict[int, float]:
    """Of each passage: which share of the names in the question it does not hold."""
    holds: dict[int, set[str]] = {}
    for statement, place in zip(statements, places, strict=True):
        holds.setdefault(statement.n, set()).update(*place)
    names = question.names
    return {
        n: sum(matches[name].isdisjoint(held) for name in names) / len(names) if names else 0.0
        for n, held in holds.items()
    }


def _missing(
    question: Question,
    statements: Sequence[Statement],
    places: Sequence[_Place],
    matches: dict[str, set[str]],
    unnamed: dict[int, float],
) -> frozenset[str]:
    fewest = min(unnamed.values())
    held: set[str] = set()
    for statement, place in zip(statements, places, strict=True):
        if unnamed[statement.n] == fewest:
            held.update(*place)
    absent = [word for word in sorted(question.asked) if matches[word].isdisjoint(held)]
    if not absent:
        return frozenset()
    texts = (f"{s.text} {s.lead} {s.heading} {s.title}" for s in statements if unnamed[s.n] == fewest)
    others = sorted(word for word in set(words(" ".join(texts))) if len(word) > 2)
    near = (embed(absent) @ embed(others).T).max(axis=1) if others else np.zeros(len(absent))
    return frozenset(
        w for w, cosine in zip(absent, near, strict=True) if cosine < SAME_SENSE or w in question.names
    )


def _kind(text: str, kinds: Sequence[re.Pattern[str]]) -> float:
    return sum(bool(kind.search(text)) for kind in kinds) / len(kinds) if kinds else 0.0


def _flaws(text: str) -> float:
    short = TOO_SHORT if len(text) < TOO_SHORT_CHARS else 0.0
    return short + (ASKS_ITSELF if text.endswith(("?", ":")) else 0.0)


def _better_neighbour(statements: Sequence[Statement], values: Sequence[float], i: int) -> float:
    around = (j for j in (i - 1, i + 1) if 0 <= j < len(values) and statements[j].n == statements[i].n)
    return max((values[j] for j in around), default=0.0)
