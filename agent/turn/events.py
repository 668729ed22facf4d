"""What the loop tells its consumer while it works on a turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.types import CitedPassage


@dataclass(frozen=True)
class TextDelta:
    """The next piece of text."""

    text: str


@dataclass(frozen=True)
class TextReset:
    """The text so far was narration, or its stream broke: forget it."""


@dataclass(frozen=True)
class Waiting:
    """Nothing new: the model is silent. Comes a few times a second."""


@dataclass(frozen=True)
class ToolStarted:
    """A tool begins to run."""

    call_id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class ToolFinished:
    """It has run, and its result is committed or about to be; ``sources`` are the numbered passages of it."""

    call_id: str
    name: str
    is_error: bool
    sources: tuple[CitedPassage, ...]


@dataclass(frozen=True)
class Finished:
    """The turn's outcome: ``text`` as it is to be shown, ``notice`` a sentence to add, ``sources`` what it cites,
    ``closest`` what to name where it cites nothing."""

    text: str
    reason: str
    notice: str
    sources: tuple[CitedPassage, ...]
    closest: tuple[CitedPassage, ...] = ()


Event = TextDelta | TextReset | Waiting | ToolStarted | ToolFinished | Finished
