"""Finds the words of a question in its candidates, in any spelling, and corrects those that are misspelt.

Compares with the words of the candidates only: they are few, the person may read them, and the embedding, which
knows parts of words, has usually found the right documents already. What counts as a misspelling is decided by
``is_misspelt`` in :mod:`.text`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from ingest.search.languages import Language, stem_snowball
from ingest.search.text import (
    find_spellings,
    first_words,
    fold_accents,
    is_misspelt,
    is_misspelt_stop_word,
    stem,
    words_beginning_with,
)


class CandidateTexts:
    """The texts of the candidates by id, in lower case; ``languages`` are those that the question may be in.

    Words are looked for without accents, and corrected to words as they are written.
    """

    def __init__(self, by_id: Mapping[str, str], languages: Sequence[Language] = ()) -> None:
        self._languages = languages
        self._everything = "\n".join(by_id.values())
        self._by_id = {id_: fold_accents(text) for id_, text in by_id.items()}
        self._without_accents = "\n".join(self._by_id.values())
        self._words: dict[str, Counter[str]] = {}

    def contain(self, word: str) -> bool:
        """Returns whether one of them may contain the word, in any form or spelling."""
        is_there = any(stemmed in self._without_accents for stemmed in self._stems(word))
        return is_there or bool(find_spellings(word, self._beginning_with(word[0])))

    def ids_with(self, word: str) -> list[str]:
        """Returns the ids of those that contain the word as it is spelt."""
        stems = self._stems(word)
        return [id_ for id_, text in self._by_id.items() if any(stemmed in text for stemmed in stems)]

    def ids_with_any_form(self, word: str) -> list[str]:
        """Returns the ids of those that contain the word in any form or spelling."""
        forms = [*self._stems(word), *find_spellings(word, self._beginning_with(word[0]))]
        return [id_ for id_, text in self._by_id.items() if any(form in text for form in forms)]

    def find_correction(self, word: str) -> str:
        """Returns the most frequent word that it may be a misspelling of, or an empty text."""
        counts: Counter[str] = Counter()
        for other, n in self._beginning_with(word[0]).items():
            for form in {other.replace("-", ""), other.partition("-")[0]}:
                counts[form] += n
        similar = [other for other in counts if len(other) > 2 and is_misspelt(word, fold_accents(other))]
        return max(similar, key=lambda other: (counts[other], other), default="")

    def _stems(self, word: str) -> set[str]:
        return {stem(word), *(stem_snowball(word, language) for language in self._languages)}

    def _beginning_with(self, letter: str) -> Counter[str]:
        if letter not in self._words:
            self._words[letter] = Counter(words_beginning_with(letter, self._everything))
        return self._words[letter]


def find_corrections(question: str, texts: CandidateTexts) -> dict[str, str]:
    """Maps each word of the question that no text contains to the most frequent word it may be a misspelling of.

    A misspelt stop word ("meny") maps to an empty text. Words without a correction are left out.
    """
    unknown = [word for word in first_words(question) if not texts.contain(word)]
    corrections = {word: texts.find_correction(word) for word in unknown}
    return {word: other for word, other in corrections.items() if other or is_misspelt_stop_word(word)}
