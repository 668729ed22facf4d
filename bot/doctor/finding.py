"""A finding: what a check found, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum

SHOWN_CHARS = 4
HIDDEN_CHARS = 16  # a secret shorter than this shows nothing of its end


class FindingState(StrEnum):
    """How serious a finding is; the values are part of the output of ``--json``."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One line of the report. ``advice`` says what to do, unless all is well."""

    name: str
    state: FindingState
    text: str
    advice: str = ""


def mask(secret: str) -> str:
    """Returns enough of a secret to tell two apart, too little to use it: ``xoxb-…abcd``."""
    kind, dash, rest = secret.partition("-")
    head = kind + dash if dash and len(kind) <= SHOWN_CHARS else ""
    tail = rest[-SHOWN_CHARS:] if len(rest) >= HIDDEN_CHARS else ""
    return f"{head}…{tail}"
