"""The thresholds of ``--at-least`` and ``--at-most``: what a figure must reach for the command to exit with 0."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.errors import UserError
from bot.evaluation import figures
from bot.evaluation.report import Figures

_SHAPE = re.compile(r"(\w+)=(-?\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Threshold:
    """The least value of a figure, or with ``is_least`` false the greatest."""

    name: str
    value: float
    is_least: bool

    def describe_miss(self, values: Figures) -> str:
        """Returns a sentence if these figures miss the threshold, else an empty string."""
        value = values[self.name]
        if value >= self.value if self.is_least else value <= self.value:
            return ""
        bound = "at least" if self.is_least else "at most"
        return f"{self.name} is {value:g} but should be {bound} {self.value:g}."


def parse(at_least: Sequence[str], at_most: Sequence[str], *, has_answers: bool) -> list[Threshold]:
    """Parses the options; raises :class:`UserError` for an unknown figure, or one that this run does not measure.

    For example::

        parse(["hits_at_5=45"], ["n_failed=0"], has_answers=True)
    """
    return [
        _parse_one(text, is_least=is_least, has_answers=has_answers)
        for texts, is_least in ((at_least, True), (at_most, False))
        for text in texts
    ]


def _parse_one(text: str, *, is_least: bool, has_answers: bool) -> Threshold:
    match = _SHAPE.fullmatch(text.strip())
    names = [str(figure.name) for figure in figures.ALL]
    if not match or match[1] not in names:
        raise UserError(f"'{text}' is not a figure with a value. Write NAME=VALUE; names are {', '.join(names)}.")
    if not has_answers and match[1] in {figure.name for figure in figures.OF_ANSWERS}:
        raise UserError(f"{match[1]} is measured only with --answers. Add --answers, or remove the threshold.")
    return Threshold(match[1], float(match[2]), is_least)
