"""Features of statements that do not depend on a question (stems, embeddings), and how question words match
them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from ingest.embedding.embedder import Matrix, embed_recurring
from ingest.search.languages import Language, is_compound_part
from ingest.search.text import is_misspelt, is_misspelt_stop_word, stem_in, stems, words
from tools.extractive.question import ParsedQuestion
from tools.extractive.statements import Statement
from tools.extractive.synonyms import find_synonyms

COMPOUND = 0.8  # what a word is worth that is a part of a longer one, or has it as a part
TYPO = 0.8  # what a word is worth that may be another one with a typing error

Match = Mapping[str, float]  # the stems a word of the question stands for, and how surely: 1 is the word itself
Place = tuple[
    frozenset[str], frozenset[str], frozenset[str], frozenset[str]
]  # the stems of a statement's text, lead, heading, title


@dataclass(frozen=True, eq=False)
class Evidence:
    """Statements with their features: mostly the same object for the same statements.

    ``stems_by_passage`` has the stems of each passage, by its number.

    ``own`` are the statements' vectors, ``in_place`` their vectors under title, heading and lead: ``float32
    (n_statements, dim)``, unit length.
    """

    statements: Sequence[Statement]
    places: Sequence[Place]
    stems_by_passage: Mapping[int, set[str]]
    own: Matrix
    in_place: Matrix
    language: Language = Language.ENGLISH

    @cached_property
    def words(self) -> frozenset[str]:
        """Returns every word of the statements, as it is spelt."""
        texts = [text for s in self.statements for text in (_above(s), s.text, s.keywords)]
        return frozenset(words("\n".join(dict.fromkeys(texts))))


def extract(statements: Sequence[Statement], language: Language = Language.ENGLISH) -> Evidence:
    """Extracts the features of one or more statements; their words are stemmed as those of a language.

    Remembers the last few: what a search finds is judged first, and then quoted.
    """
    return _extract(tuple(statements), language)


@lru_cache(maxsize=8)  # about 0.5 MB each
def _extract(statements: tuple[Statement, ...], language: Language) -> Evidence:
    """Extracts features.

    A mean of word vectors is additive, so a statement in its place needs no embedding of its own.
    """
    above = [_above(s) for s in statements]
    rows = {text: row for row, text in enumerate(dict.fromkeys(above))}
    vectors = embed_recurring([*(s.text for s in statements), *rows])
    own, context = vectors[: len(statements)], vectors[len(statements) :]
    lengths = np.array([[len(s.text), len(text)] for s, text in zip(statements, above, strict=True)], np.float32)
    both = lengths[:, :1] * own + lengths[:, 1:] * context[[rows[text] for text in above]]
    both /= np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-9)
    places = [
        (
            stems(s.text, language),
            stems(s.lead, language),
            stems(s.heading, language),
            stems(f"{s.title}\n{s.keywords}", language),
        )
        for s in statements
    ]
    return Evidence(statements, places, _stems_by_passage(statements, places), own, both, language)


def match_words(question: ParsedQuestion, evidence: Evidence) -> dict[str, Match]:
    """Returns for each word of the question what it stands for in the evidence: itself, a typo, or a synonym.

    Names stand for themselves or a typo only: another town is not the one that was asked for. A stop word with a
    typo is left out.
    """
    present: set[str] = set().union(*evidence.stems_by_passage.values())
    language = evidence.language
    matches: dict[str, Match] = {}
    for word in question.weights:
        stemmed = stem_in(word, language)
        own = {stemmed, stem_in(word.replace("-", ""), language)} & present
        typos = {} if own else {other: TYPO for other in present if is_misspelt(stemmed, other)}
        if not own and not typos and language is Language.GERMAN:
            typos = {other: COMPOUND for other in present if is_compound_part(stemmed, other)}
        if own or typos or language is not Language.ENGLISH or not is_misspelt_stop_word(word):
            matches[word] = dict.fromkeys(own, 1.0) or typos
    absent = [word for word, match in matches.items() if not match and word not in question.names]
    return matches | find_synonyms(absent, evidence.words) if absent else matches


def idf_weights(
    matches: Mapping[str, Match], evidence: Evidence, weights: Mapping[str, float]
) -> dict[str, float]:
    """Returns each word's weight times its inverse document frequency over the statements; they add up to 1."""
    in_text = [text | lead for text, lead, _, _ in evidence.places]
    counts = {word: sum(not m.keys().isdisjoint(own) for own in in_text) for word, m in matches.items()}
    raw = {word: weights[word] * math.log(1 + len(in_text) / (1 + n)) for word, n in counts.items()}
    total = sum(raw.values()) or 1.0
    return {word: weight / total for word, weight in raw.items()}


def _above(statement: Statement) -> str:
    return f"{statement.title}\n{statement.heading}\n{statement.lead}"


def _stems_by_passage(statements: Sequence[Statement], places: Sequence[Place]) -> dict[int, set[str]]:
    by_passage: dict[int, set[str]] = {}
    for statement, place in zip(statements, places, strict=True):
        by_passage.setdefault(statement.n, set()).update(*place)
    return by_passage
