"""A diagnosis: what was tried, where and how it failed, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass

Sign = tuple[tuple[str, ...], str, str]  # substrings of a foreign message, what they mean, what to do


@dataclass(frozen=True)
class Diagnosis:
    """``text`` names the place and what is wrong; ``advice`` says what to do. Both are sentences."""

    text: str
    advice: str

    def __str__(self) -> str:
        return f"{self.text} {self.advice}"


def match(message: str, signs: Sequence[Sign], otherwise: tuple[str, str]) -> tuple[str, str]:
    """Returns the meaning and the advice of the first signs that a message has, in any case of letters."""
    lowered = message.lower()
    found = (meaning for meaning in signs if any(sign.lower() in lowered for sign in meaning[0]))
    _, why, advice = next(found, ((), *otherwise))
    return why, advice
