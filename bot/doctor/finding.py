"""What a check found, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem", "skipped"]
SHOWN_CHARS = 4
HIDDEN_CHARS = 16  # a secret shorter than this shows nothing of its end


@dataclass(frozen=True)
class Finding:
    """``advice`` says what to do, unless all is well."""

    name: str
    state: State
    text: str
    advice: str = ""


def masked(secret: str) -> str:
    """``xoxb-…abcd``: enough to tell two tokens apart, too little to use one."""
    kind, dash, rest = secret.partition("-")
    head = kind + dash if dash and len(kind) <= SHOWN_CHARS else ""
    tail = rest[-SHOWN_CHARS:] if len(rest) >= HIDDEN_CHARS else ""
    return f"{head}…{tail}"
