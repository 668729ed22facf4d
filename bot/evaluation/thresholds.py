"""``--at-least`` and ``--at-most``: what a figure must reach for the run to succeed, as continuous integration
needs it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.errors import UserError
from bot.evaluation import figures

_GATE = re.compile(r"(\w+)=(-?\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Threshold:
    """``is_least``: the figure may not fall below ``value``; else it may not exceed it."""

    name: str
    value: float
    is_least: bool

    def missed(self, told: Mapping[str, float]) -> str:
        """What is wrong with these figures, in one sentence; empty if nothing is."""
        now = told[self.name]
        if now >= self.value if self.is_least else now <= self.value:
            return ""
        return (
            f"{self.name} is {now:g}, and should be {'at least' if self.is_least else 'at most'} {self.value:g}."
        )


def parse(at_least: Sequence[str], at_most: Sequence[str], *, has_answers: bool) -> list[Threshold]:
    """Raises :class:`UserError` for what is no gate, or one that this run cannot pass through."""
    return [
        _gate(given, is_least=is_least, has_answers=has_answers)
        for many, is_least in ((at_least, True), (at_most, False))
        for given in many
    ]


def _gate(given: str, *, is_least: bool, has_answers: bool) -> Threshold:
    written = _GATE.fullmatch(given.strip())
    of_answers = {figure.name for figure in (*figures.ANSWERS, *figures.EFFORT) if "search" not in figure.name}
    known = [figure.name for figure in figures.ALL]
    if not written or written[1] not in known:
        raise UserError(f"'{given}' is no figure and its value. Write NAME=VALUE, with one of {', '.join(known)}.")
    if written[1] in of_answers and not has_answers:
        raise UserError(f"{written[1]} is a figure of answers. Add --answers, or leave it out.")
    return Threshold(written[1], float(written[2]), is_least)
