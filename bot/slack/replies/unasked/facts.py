"""What an answer says, in a form that tells whether another answer to the same question says something new.

A model seldom words an answer twice in the same way, so words alone do not tell. Where the cited documents are the
same, in the same versions, an answer is new if its figures, names or negations are; where they are not, if its
words are. Nothing can be read back from what is kept, but which documents were cited.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CITATION = re.compile(r"\[?\[\d+\]\]?(?:\([^)\s]*\))?")
_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\)")
_WORD = re.compile(r"[^\W_]+(?:[-’'.:/][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+|\n+")
_NEGATIONS = frozenset({"not", "no", "never", "none", "nobody", "nothing", "without", "cannot"})


@dataclass(frozen=True)
class AnswerFacts:
    """``documents`` are the versions of the cited ones, by their ids; the others are digests."""

    documents: Mapping[str, str]
    words: str
    facts: str

    def to_json(self) -> dict[str, Any]:
        """Returns it as it is stored."""
        return {"documents": dict(self.documents), "words": self.words, "facts": self.facts}

    def says_the_same(self, before: Mapping[str, Any], *, is_partial: bool = False) -> bool:
        """Returns whether this brings nothing new after what was stored of another answer.

        ``is_partial``: it is not the model's whole answer, and its own words tell little.
        """
        if self.words == before.get("words"):
            return True
        if dict(self.documents) != before.get("documents"):
            return False
        return is_partial or self.facts == before.get("facts")


def read(text: str, documents: Mapping[str, str]) -> AnswerFacts:
    """Reads what an answer says.

    >>> before = read("You can carry over 5 days [1].", {"d": "v1"}).to_json()
    >>> read("At most 5 days can be carried over [[1]](https://h.example).", {"d": "v1"}).says_the_same(before)
    True
    >>> read("You can carry over 6 days [1].", {"d": "v2"}).says_the_same(before)
    False
    """
    plain = _LINK.sub(r"\1", _CITATION.sub(" ", text))
    words = [word.lower() for word in _WORD.findall(plain)]
    facts = {word for sentence in _SENTENCE_END.split(plain) for word in _find_facts(sentence)}
    return AnswerFacts(documents, _digest(words), _digest(sorted(facts)))


def _find_facts(sentence: str) -> list[str]:
    """Returns the figures, names and negations of a sentence; what begins it has a capital anyway."""
    words = _WORD.findall(sentence)
    return [
        word.lower()
        for n, word in enumerate(words)
        if any(map(str.isdigit, word)) or (n and word[0].isupper()) or _is_negation(word.lower())
    ]


def _is_negation(word: str) -> bool:
    return word in _NEGATIONS or word.endswith(("n't", "n’t"))


def _digest(words: list[str]) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()
