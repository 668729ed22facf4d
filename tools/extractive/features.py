"""Statements and all that can be known of them before there is a question; what a question's words are in them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ingest.embedding import Matrix, embed
from ingest.search.text import is_misspelt, is_misspelt_stop_word, stem, stems, words
from tools.extractive.question import ParsedQuestion
from tools.extractive.statements import Statement
from tools.extractive.synonyms import of_one_sense

SLIP = 0.8  # what a word is worth that may be another with a slip of the keyboard

Match = Mapping[str, float]  # the stems a word of the question stands for, and how surely: 1 is the word itself
Place = tuple[set[str], set[str], set[str], set[str]]  # the stems of a statement's text, lead, heading, title


@dataclass(frozen=True)
class Evidence:
    """``own`` are the statements' vectors, ``in_place`` their vectors under title, heading and lead.

    ``held`` are the stems of each passage, by its number.
    """

    statements: Sequence[Statement]
    places: Sequence[Place]
    held: Mapping[int, set[str]]
    words: frozenset[str]
    own: Matrix
    in_place: Matrix


def gathered(statements: Sequence[Statement]) -> Evidence:
    """Prepares statements, of which there must be one.

    A mean of word vectors is additive, so a statement in its place needs no embedding of its own.
    """
    above = [f"{s.title}\n{s.heading}\n{s.lead}" for s in statements]
    rows = {text: row for row, text in enumerate(dict.fromkeys(above))}
    vectors = embed([*(s.text for s in statements), *rows])
    own, context = vectors[: len(statements)], vectors[len(statements) :]
    lengths = np.array([[len(s.text), len(text)] for s, text in zip(statements, above, strict=True)], np.float32)
    both = lengths[:, :1] * own + lengths[:, 1:] * context[[rows[text] for text in above]]
    both /= np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-9)
    places = _places(statements)
    texts = dict.fromkeys([*rows, *(s.text for s in statements), *(s.keywords for s in statements)])
    return Evidence(statements, places, _held(statements, places), frozenset(words("\n".join(texts))), own, both)


def matches(question: ParsedQuestion, evidence: Evidence) -> dict[str, Match]:
    """What each word of the question is in the evidence: itself, else what it may be a slip of or mean.

    Names stand for themselves or a slip only: another town is not the one that was asked for. A stop word with a
    slip is left out.
    """
    present: set[str] = set().union(*evidence.held.values())
    found: dict[str, Match] = {}
    for word in question.weights:
        own = {stem(word), stem(word.replace("-", ""))} & present
        slips = {} if own else {other: SLIP for other in present if is_misspelt(stem(word), other)}
        if own or slips or not is_misspelt_stop_word(word):
            found[word] = dict.fromkeys(own, 1.0) or slips
    absent = [word for word, match in found.items() if not match and word not in question.names]
    return found | of_one_sense(absent, evidence.words) if absent else found


def rarity(matched: Mapping[str, Match], evidence: Evidence, weights: Mapping[str, float]) -> dict[str, float]:
    """What each word tells: one that is in every statement tells little; shares add up to 1."""
    in_text = [text | lead for text, lead, _, _ in evidence.places]
    counts = {word: sum(not m.keys().isdisjoint(held) for held in in_text) for word, m in matched.items()}
    found = {word: weights[word] * math.log(1 + len(in_text) / (1 + n)) for word, n in counts.items()}
    total = sum(found.values()) or 1.0
    return {word: weight / total for word, weight in found.items()}


def _places(statements: Sequence[Statement]) -> list[Place]:
    known: dict[str, set[str]] = {}

    def cached(text: str) -> set[str]:
        return known[text] if text in known else known.setdefault(text, stems(text))

    return [
        (stems(s.text), cached(s.lead), cached(s.heading), cached(f"{s.title}\n{s.keywords}")) for s in statements
    ]


def _held(statements: Sequence[Statement], places: Sequence[Place]) -> dict[int, set[str]]:
    held: dict[int, set[str]] = {}
    for statement, place in zip(statements, places, strict=True):
        held.setdefault(statement.n, set()).update(*place)
    return held
