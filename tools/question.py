"""A question as the extractive answerer reads it: its words, what it asks, whom or what it names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.splitting import sentences
from ingest.words import content_words, words

BACKGROUND_WEIGHT = 0.4  # of a word that only the earlier question holds
_TELLS = re.compile(r"^(?:i|i'm|i've|my|the|we|we're|our|he|she|they|somebody|someone|there)\b", re.IGNORECASE)
_ASKS = re.compile(
    r"^(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|can|could|may|must|should|shall"
    r"|will|would|has|have|am)\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![.?!:] )(?<!^)\b[A-Z][\w.&-]*")


@dataclass(frozen=True)
class Question:
    """``background`` is the earlier question it leans on, or empty.

    ``weights`` holds every word that carries meaning. ``asked`` are those of the sentence that asks, without
    the story before it; ``names`` are those written as names ("Denver", "FMLA").
    """

    text: str
    background: str
    weights: Mapping[str, float]
    asked: frozenset[str]
    names: frozenset[str]

    @property
    def is_sentence(self) -> bool:
        """Whether it asks in a sentence; otherwise it is key words, of which any may be left unanswered."""
        return "?" in self.text or bool(_ASKS.match(self.text))

    @property
    def whole(self) -> str:
        """Background and question as one text."""
        return f"{self.background} {self.text}".strip()


def read(text: str, background: str = "") -> Question:
    """Reads a question; ``background`` as :func:`tools.standalone.background` finds it."""
    own = content_words(text)
    weights = dict.fromkeys(content_words(background), BACKGROUND_WEIGHT) | dict.fromkeys(own, 1.0)
    asking = _asking(text)
    return Question(
        text=text,
        background=background,
        weights=weights,
        asked=frozenset(content_words(asking)),
        names=frozenset(word for name in _NAME.findall(asking) for word in words(name) if word in weights),
    )


def _asking(text: str) -> str:
    """The sentences with a question mark; without any the whole text, unless it only tells something."""
    found = sentences(text)
    asking = [sentence for sentence in found if sentence.rstrip("\"')").endswith("?")]
    if asking:
        return " ".join(asking)
    return "" if _TELLS.match(text) else text
