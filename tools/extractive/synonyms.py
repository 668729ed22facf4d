"""Synonyms, such as "died" and "death", by the static embedding, whatever model the index has."""

from collections.abc import Iterable, Sequence

import numpy as np

from ingest.embedding.embedder import VectorCache
from ingest.search.languages import has_cjk
from ingest.search.text import STOP_WORDS, stem

SYNONYM_FROM = 0.45  # cosine of two words: "soldier" and "military" have .54, "pet" and "plan" .15
SHORTEST = 3  # letters; shorter words have too many neighbours
_LONG = 5  # a shorter word's pieces are found in others that have nothing to do with it: "cab" in "cabin"
MAX_CACHED = 20_000  # words: 20 MB

_vectors = VectorCache(MAX_CACHED)  # the same documents are quoted often


def find_synonyms(words: Sequence[str], others: Iterable[str]) -> dict[str, dict[str, float]]:
    """Returns for each word the stems of its synonyms among the others, with their cosines."""
    known = sorted(w for w in set(others) if len(w) >= SHORTEST and w not in STOP_WORDS and w[0].isalpha())
    sought = [word for word in words if len(word) >= SHORTEST and word[0].isalpha() and not has_cjk(word)]
    synonyms: dict[str, dict[str, float]] = {word: {} for word in words}
    if sought and known:
        cosines = _vectors.embed(sought) @ _vectors.embed(known).T
        for word, row in zip(sought, cosines, strict=True):
            for i in np.flatnonzero(row >= SYNONYM_FROM):
                if len(word) >= _LONG or not known[i].startswith(word):
                    near = synonyms[word]
                    near[stem(known[i])] = max(near.get(stem(known[i]), 0.0), float(row[i]))
    return synonyms
