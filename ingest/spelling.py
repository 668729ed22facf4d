"""Slips of the keyboard in a question: words no candidate holds, and what they probably mean.

Compares with the words of the candidates only: they are few, the reader may read them, and the embedding,
which knows parts of words, has usually found the right corner already.
"""

from collections import Counter
from collections.abc import Iterable

from ingest.words import content_words, is_misspelt, stem, words


def slips(question: str, texts: Iterable[str]) -> dict[str, str]:
    """Each word of the question that stands in no text, with the most frequent word it may be a slip of."""
    everything = "\n".join(texts).lower()
    unknown = [word for word in content_words(question) if stem(word) not in everything]
    known = Counter(words(everything)) if unknown else Counter()
    guesses = {word: _closest(word, known) for word in unknown}
    return {word: guess for word, guess in guesses.items() if guess}


def _closest(word: str, known: Counter[str]) -> str:
    alike = [other for other in known if is_misspelt(word, other)]
    return max(alike, key=lambda other: (known[other], other), default="")
