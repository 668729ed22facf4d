"""What the loop tells its consumer while it works on a turn."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.tools import ToolLabels
from agent.types import CitedPassage, EndReason, JsonValue


@dataclass(frozen=True)
class TextDelta:
    """The next piece of text."""

    text: str


@dataclass(frozen=True)
class TextReset:
    """The text so far was narration, or its stream broke: forget it."""


@dataclass(frozen=True)
class Waiting:
    """Nothing new: the model is silent, or a tool runs. Comes a few times a second."""


@dataclass(frozen=True)
class ToolStarted:
    """A tool begins to run; ``labels`` are what a person reads about it."""

    call_id: str
    name: str
    arguments: Mapping[str, JsonValue]
    labels: ToolLabels


@dataclass(frozen=True)
class ToolFinished:
    """A tool has run; its result is committed or about to be. ``sources`` are its numbered passages."""

    call_id: str
    name: str
    is_error: bool
    sources: tuple[CitedPassage, ...]
    labels: ToolLabels


@dataclass(frozen=True)
class Finished:
    """The turn's end: the text to show, a ``notice`` to add, the ``sources`` it cites.

    ``closest`` are documents to name where it cites nothing.
    """

    text: str
    reason: EndReason
    notice: str
    sources: tuple[CitedPassage, ...]
    closest: tuple[CitedPassage, ...] = ()


Event = TextDelta | TextReset | Waiting | ToolStarted | ToolFinished | Finished
