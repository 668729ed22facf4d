"""The data that travels through every room of the kernel: messages, passages, cited sources, usage, audiences."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Message = dict[str, Any]
EVERYONE = "everyone"


@dataclass(frozen=True)
class Audience:
    """Everyone who would see the answer: for each member, the principals that member is."""

    members: tuple[frozenset[str], ...] = (frozenset({EVERYONE}),)

    def as_json(self) -> list[list[str]]:
        """Sorted lists, for the turn's row."""
        return sorted(sorted(member) for member in self.members)

    @staticmethod
    def from_json(members: Iterable[Iterable[str]]) -> "Audience":
        """The inverse of :meth:`as_json`."""
        return Audience(tuple(frozenset(member) for member in members))


@dataclass(frozen=True)
class Passage:
    """A piece of a document, as retrieved. ``score`` is between 0 and 1, higher is better."""

    chunk_id: str
    document_id: str
    title: str
    url: str
    heading_path: str
    text: str
    score: float


@dataclass(frozen=True)
class CitedPassage:
    """A passage under its number in this turn."""

    n: int
    passage: Passage


@dataclass(frozen=True)
class Usage:
    """Tokens and dollars of one model call; ``cost_usd`` is None when the model's price is unknown."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = Decimal(0)
