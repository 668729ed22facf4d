"""Whether two passages say the same, as a page and its copy do.

Promises to keep apart what differs in a number or a name: two offices with the same sentence about them.
"""

FEWEST_WORDS = 20  # in fewer, one other word may be another fact
# Words that make of a sentence another one.
TURNS = {"no", "not", "never", "without", "except", "unless", "only", "must", "may", "can", "cannot", "before"}
SAME_WORDS = 0.85  # share of words two passages have in common, from which one is enough


def repeats(text: str, other: str) -> bool:
    """Whether one of the two is enough."""
    if text == other:
        return True
    words, others = set(text.split()), set(other.split())
    if min(len(words), len(others)) < FEWEST_WORDS or len(words & others) < SAME_WORDS * max(
        len(words), len(others)
    ):
        return False
    return not any(_is_telling(word) for word in words ^ others)


def _is_telling(word: str) -> bool:
    return word[0].isupper() or any(letter.isdigit() for letter in word) or word.strip(".,;:!?()") in TURNS
