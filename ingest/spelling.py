"""Slips of the keyboard in a question: words no candidate holds, and what they probably mean.

Compares with the words of the candidates only: they are few, the reader may read them, and the embedding,
which knows parts of words, has usually found the right corner already.
"""

import re
from collections import Counter
from collections.abc import Iterable

from ingest.words import content_words, is_in, is_misspelt, is_slipped_stop_word


def slips(question: str, texts: Iterable[str]) -> dict[str, str]:
    """Each word of the question that stands in no text, with the most frequent word it may be a slip of.

    ``texts`` are in lower case. For a stop word with a slip ("meny") the guess is empty.
    """
    everything = "\n".join(texts)
    unknown = [word for word in content_words(question) if not is_in(word, everything)]
    guesses = {word: _closest(word, everything) for word in unknown}
    return {word: guess for word, guess in guesses.items() if guess or is_slipped_stop_word(word)}


def _closest(word: str, everything: str) -> str:
    """Only words with the same first letter and about the same length are looked at: a tenth of the time."""
    shape = rf"\b{re.escape(word[0])}-?\w{{{max(len(word) - 3, 2)},{len(word) + 1}}}\b"
    known = Counter(found.replace("-", "") for found in re.findall(shape, everything))
    alike = [other for other in known if is_misspelt(word, other)]
    return max(alike, key=lambda other: (known[other], other), default="")
