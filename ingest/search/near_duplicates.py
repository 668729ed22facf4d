"""Recognises passages that say the same, such as those of a page and its copy.

Promises to keep passages apart that differ in a number or a name: the same sentence about two offices.
"""

from functools import lru_cache

MIN_WORDS = 20  # in shorter passages one other word may be another fact
# Words that change the meaning of a sentence.
MEANING_CHANGERS = {
    "no",
    "not",
    "never",
    "without",
    "except",
    "unless",
    "only",
    "must",
    "may",
    "can",
    "cannot",
    "before",
}
MIN_SHARED = 0.85  # share of the words that both passages have


def is_near_duplicate(text: str, other: str) -> bool:
    """Returns whether one of the two texts is enough."""
    if text == other:
        return True
    words, others = _split(text), _split(other)
    if min(len(words), len(others)) < MIN_WORDS or len(words & others) < MIN_SHARED * max(len(words), len(others)):
        return False
    return not any(_is_significant(word) for word in words ^ others)


@lru_cache(maxsize=200)  # passages: 3 MB; each is compared with all others that are found
def _split(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _is_significant(word: str) -> bool:
    return (
        word[0].isupper() or any(letter.isdigit() for letter in word) or word.strip(".,;:!?()") in MEANING_CHANGERS
    )
