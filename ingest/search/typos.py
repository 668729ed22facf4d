"""Words of a question as they stand in its candidates: in other spellings, without slips, or not at all.

Compares with the words of the candidates only: they are few, the reader may read them, and the embedding,
which knows parts of words, has usually found the right corner already.
"""

from collections import Counter
from collections.abc import Mapping

from ingest.search.text import beginning_with, content_words, is_misspelt, is_slipped_stop_word, spelt, stem


class Texts:
    """The candidates' texts by id, in lower case."""

    def __init__(self, by_id: Mapping[str, str]) -> None:
        self._by_id = by_id
        self._everything = "\n".join(by_id.values())
        self._words: dict[str, Counter[str]] = {}

    def hold(self, word: str) -> bool:
        """Whether the word, in any form or spelling, may stand in one of them."""
        return stem(word) in self._everything or bool(spelt(word, self._beginning_with(word[0])))

    def holders(self, word: str) -> list[str]:
        """The ids of those in which the word stands as it is spelt."""
        stemmed = stem(word)
        return [id_ for id_, text in self._by_id.items() if stemmed in text]

    def holders_of_any(self, word: str) -> list[str]:
        """The ids of those in which it stands in any form or spelling."""
        forms = [stem(word), *spelt(word, self._beginning_with(word[0]))]
        return [id_ for id_, text in self._by_id.items() if any(form in text for form in forms)]

    def closest(self, word: str) -> str:
        """The most frequent word that it may be a slip of, or nothing."""
        known: Counter[str] = Counter()
        for other, n in self._beginning_with(word[0]).items():
            for written in {other.replace("-", ""), other.partition("-")[0]}:
                known[written] += n
        alike = [other for other in known if len(other) > 2 and is_misspelt(word, other)]
        return max(alike, key=lambda other: (known[other], other), default="")

    def _beginning_with(self, letter: str) -> Counter[str]:
        if letter not in self._words:
            self._words[letter] = Counter(beginning_with(letter, self._everything))
        return self._words[letter]


def slips(question: str, texts: Texts) -> dict[str, str]:
    """Each word of the question that stands in no text, with the most frequent word it may be a slip of.

    For a stop word with a slip ("meny") the guess is empty.
    """
    unknown = [word for word in content_words(question) if not texts.hold(word)]
    guesses = {word: texts.closest(word) for word in unknown}
    return {word: guess for word, guess in guesses.items() if guess or is_slipped_stop_word(word)}
