"""Scores how well a passage's words match a question's words, equal or near in meaning (MaxSim).

BM25 knows only equal words, and one vector of a whole passage blurs what its words say. So each word of the
question is matched with its nearest word by the static embedding, whatever model the index has: in the passage and
in its title (the late interaction of ColBERT, arXiv 2004.12832, with static word vectors).
In a language other than English, words without their endings are equal too, and parts of German compounds.
Words that most candidates contain count little. Words and passages are cached, because they recur.
"""

import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from ingest.embedding.embedder import embed
from ingest.index.candidates import Candidate
from ingest.search.languages import Language, is_compound_part, stem_snowball
from ingest.search.terms import list_shared_languages
from ingest.search.text import STOP_WORDS, content_words, stem, words

EQUAL_FROM = 1 - 1e-5  # cosine of words with the same vector: rounding depends on where in the cache they are
MIN_COSINE = 0.2  # of two words that count as near; "soldier" and "military" have .54, "pet" and "plan" .15
MAX_WORDS = 40_000  # cached: 40 MB of vectors
FIRST_WORDS = 4_096
MAX_PASSAGES = 12_000  # cached: about 20 MB
MAX_QUESTION_WORDS = 200  # of a pasted page: each takes a row as long as all passages
_NO_DIGIT = re.compile(r"\D+")

Numbers = NDArray[np.float32]
Rows = NDArray[np.int32]  # the words of a text, as rows of the cache's vectors


@dataclass(frozen=True)
class LateInteractionScores:
    """Scores between 0 and 1, one per candidate."""

    passage: Numbers
    title: Numbers


@dataclass(frozen=True)
class _Lexicon:
    """What is known of each row's word: itself, its vector, and which stem and which digits it has (0: none).

    The static vector of "9087" is that of "9078", the mean of the same digits: other digits are another thing.
    """

    words: Sequence[str]
    vectors: Numbers
    stems: NDArray[np.int32]
    numbers: NDArray[np.int32]


class TokenCache:
    """Words with their vectors and stems, and texts as rows of words; may be shared by threads."""

    def __init__(self, *, max_words: int = MAX_WORDS, max_passages: int = MAX_PASSAGES) -> None:
        self._max_words, self._max_passages = max_words, max_passages
        self._changing = threading.Lock()
        self._clear()

    def score(self, question: str, candidates: Sequence[Candidate]) -> LateInteractionScores:
        """Scores each candidate; all zero for a question without words."""
        question_words = (content_words(question) or words(question))[:MAX_QUESTION_WORDS]
        if not question_words or not candidates:
            zeros = np.zeros(len(candidates), np.float32)
            return LateInteractionScores(zeros, zeros)
        with self._changing:
            self._make_room()
            texts = self._read([c.search_text for c in candidates])
            titles = self._read([c.title for c in candidates])
            self._add_words(question_words)
            question_rows = self._rows_of(question_words)
            lexicon = _Lexicon(self._words, self._vectors, self._stems, self._numbers)
        languages = list_shared_languages(question, candidates)
        return _score(question_rows, texts, titles, lexicon, languages)

    def _make_room(self) -> None:
        """Drops the older half of the passages where these are too many, all where the words are.

        Words outlive passages: where each search finds others, most of their words are known.
        """
        if len(self._rows) > self._max_words:
            self._clear()
        elif len(self._texts) > self._max_passages:
            for text in list(islice(self._texts, len(self._texts) // 2)):
                del self._texts[text]

    def _clear(self) -> None:
        self._rows: dict[str, int] = {}
        self._words: list[str] = []
        self._stem_ids: dict[str, int] = {}
        self._texts: dict[str, Rows] = {}
        self._vectors = np.zeros((FIRST_WORDS, embed([""]).shape[1]), np.float32)
        self._stems = np.zeros(FIRST_WORDS, np.int32)
        self._number_ids: dict[str, int] = {"": 0}
        self._numbers = np.zeros(FIRST_WORDS, np.int32)

    def _read(self, texts: Sequence[str]) -> list[Rows]:
        """Returns the rows of texts; embeds the new words of all of them at once."""
        new = {
            text: [word for word in words(text) if word not in STOP_WORDS]
            for text in texts
            if text not in self._texts
        }
        self._add_words(chain.from_iterable(new.values()))
        self._texts.update((text, self._rows_of(words_)) for text, words_ in new.items())
        return [self._texts[text] for text in texts]

    def _add_words(self, words_: Iterable[str]) -> None:
        new = [word for word in dict.fromkeys(words_) if word not in self._rows]
        if not new:
            return
        first = len(self._rows)
        self._rows.update((word, first + i) for i, word in enumerate(new))
        self._words.extend(new)
        last = len(self._rows)
        while last > len(self._stems):  # twice as long, so that not every search copies all of it
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
            self._stems = np.concatenate([self._stems, np.zeros_like(self._stems)])
            self._numbers = np.concatenate([self._numbers, np.zeros_like(self._numbers)])
        self._vectors[first:last] = embed(new)
        self._stems[first:last] = [self._stem_ids.setdefault(stem(w), len(self._stem_ids)) for w in new]
        numbers = (_NO_DIGIT.sub("", w) for w in new)
        self._numbers[first:last] = [self._number_ids.setdefault(n, len(self._number_ids)) for n in numbers]

    def _rows_of(self, words_: Sequence[str]) -> Rows:
        return np.fromiter(map(self._rows.__getitem__, words_), np.int32, len(words_))


@cache
def token_cache() -> TokenCache:
    """Returns the cache of this process."""
    return TokenCache()


def _score(
    question: Rows,
    texts: Sequence[Rows],
    titles: Sequence[Rows],
    lexicon: _Lexicon,
    languages: Sequence[Language],
) -> LateInteractionScores:
    present, positions = _distinct([*texts, *titles], len(lexicon.stems))
    near = lexicon.vectors[question] @ lexicon.vectors[present].T
    asked, others = lexicon.numbers[question][:, None], lexicon.numbers[present][None, :]
    near[(near >= EQUAL_FROM) & (asked != others)] = 0.0
    near[lexicon.stems[question][:, None] == lexicon.stems[present][None, :]] = 1.0
    for language in languages:
        asked_words, words_ = ([lexicon.words[row] for row in rows] for rows in (question, present))
        near[_find_same(asked_words, words_, language)] = 1.0
    near = np.clip((near - MIN_COSINE) / (1 - MIN_COSINE), 0.0, 1.0)
    n_words = sum(map(len, texts))
    in_texts, in_titles = near[:, positions[:n_words]], near[:, positions[n_words:]]
    best = _best_of_each(in_texts, [len(text) for text in texts])
    weights = np.log1p(1 / ((best >= EQUAL_FROM).mean(axis=1) + 1 / len(texts))).astype(np.float32)
    weights /= weights.sum()
    by_title = _best_of_each(in_titles, [len(title) for title in titles])
    return LateInteractionScores(weights @ best, weights @ by_title)


def _find_same(asked: Sequence[str], others: Sequence[str], language: Language) -> NDArray[np.bool_]:
    """Returns which of the other words is each one asked for, or has it as a part: ``(n_asked, n_others)``."""
    stems = [stem_snowball(word, language) for word in others]
    rows = []
    for stem_ in (stem_snowball(word, language) for word in asked):
        is_same = [other == stem_ for other in stems]
        if language is Language.GERMAN:
            is_same = [same or is_compound_part(stem_, other) for same, other in zip(is_same, stems, strict=True)]
        rows.append(is_same)
    return np.array(rows, bool)


def _distinct(rows: Sequence[NDArray[np.int32]], n_known: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Returns the distinct rows, and the position among them of every row: np.unique without sorting."""
    all_rows = np.concatenate(rows)
    occurs = np.zeros(n_known, bool)
    occurs[all_rows] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[all_rows]


def _best_of_each(values: Numbers, lengths: Sequence[int]) -> Numbers:
    """Reduces consecutive parts of each row to their maximum: ``(n, sum(lengths))`` to ``(n, n_parts)``.

    An empty part becomes 0.
    """
    best = np.zeros((len(values), len(lengths)), np.float32)
    counts = np.asarray(lengths, np.intp)
    filled = counts > 0
    if filled.any():
        starts = (np.cumsum(counts) - counts)[filled]
        best[:, filled] = np.maximum.reduceat(values, starts, axis=1)
    return best
