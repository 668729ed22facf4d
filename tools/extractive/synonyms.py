"""Words of one sense, such as "died" and "death", by the static embedding, whatever model the index has."""

from collections.abc import Iterable, Sequence

import numpy as np

from ingest.embedding import Matrix, embed
from ingest.search.text import STOP_WORDS, stem

SAME_SENSE = 0.45  # cosine of two words of one sense: "soldier" and "military" have .54, "pet" and "plan" .15
SHORTEST = 3  # letters; of shorter words too many are near
_LONG = 5  # a shorter word's pieces are found in others that have nothing to do with it: "cab" in "cabin"
MAX_KEPT = 20_000  # words: 20 MB

_kept: dict[str, Matrix] = {}


def of_one_sense(words: Sequence[str], others: Iterable[str]) -> dict[str, dict[str, float]]:
    """For each word the stems of the others that mean about the same, and how near they are."""
    known = sorted(w for w in set(others) if len(w) >= SHORTEST and w not in STOP_WORDS and w[0].isalpha())
    asked = [word for word in words if len(word) >= SHORTEST and word[0].isalpha()]
    found: dict[str, dict[str, float]] = {word: {} for word in words}
    if asked and known:
        cosines = _vectors(asked) @ _vectors(known).T
        for word, row in zip(asked, cosines, strict=True):
            for i in np.flatnonzero(row >= SAME_SENSE):
                if len(word) >= _LONG or not known[i].startswith(word):
                    near = found[word]
                    near[stem(known[i])] = max(near.get(stem(known[i]), 0.0), float(row[i]))
    return found


def _vectors(words: Sequence[str]) -> Matrix:
    """Of unit length, one row per word; kept, because the same documents are quoted again and again."""
    known = {word: row for word in words if (row := _kept.get(word)) is not None}  # other threads clear it
    new = [word for word in dict.fromkeys(words) if word not in known]
    if new:
        known |= dict(zip(new, embed(new), strict=True))
        if len(_kept) > MAX_KEPT:
            _kept.clear()
        _kept.update((word, known[word]) for word in new)
    return np.stack([known[word] for word in words])
