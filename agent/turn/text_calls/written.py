"""Which of the calls that a model wrote as text are made.

A call that is the end of a text is made like any other, whatever the words before it. One that names no tool of
ours, or gives it arguments that it does not take, is answered with what is wrong (its id begins with
:data:`NUDGE`), once in a turn. JSON inside an answer that explains it is text.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.prompting import citations
from agent.tools import Tool
from agent.turn.text_calls import forms
from agent.turn.text_calls.forms import Form, Written
from agent.turn.text_calls.values import WrittenCall
from agent.types import Message

NUDGE, CALL = "nudge", "text"  # how the ids of such calls begin
UNKNOWN = "unknown"
PREAMBLE_CHARS = 300  # a longer text around JSON is an answer
_EXPLAINS = re.compile(
    r"\b(?:example|e\.g\.|for instance|looks? like|formatted|(?:this|following) format|syntax|schema|payload|json"
    r"|beispiel|exemple|ejemplo)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class TextCalls:
    """A text that is a call: the ``calls`` as messages hold them, and the text ``before`` them."""

    calls: Sequence[Mapping[str, Any]]
    before: str
    is_valid: bool


def read(text: str, tools: Mapping[str, Tool], known: Collection[int]) -> TextCalls | None:
    """Returns the calls a text asks for, or None where it is an answer; ``known`` are the numbers it may cite."""
    written = forms.find(text, tools)
    if written is None or not _is_meant(written, tools, known):
        return None
    is_valid = bool(written.calls) and all(_is_valid(call, tools) for call in written.calls)
    calls = written.calls or (WrittenCall(UNKNOWN, text[len(written.before) :].strip()),)
    return TextCalls([_to_message_call(call) for call in calls], written.before.strip(), is_valid)


def count_nudges(messages: Sequence[Message]) -> int:
    """Returns how often in the turn a text that was meant as a call was answered with what is wrong with it."""
    return sum(any(is_nudge(call["id"]) for call in message.get("tool_calls") or ()) for message in messages)


def is_nudge(call_id: str) -> bool:
    """Returns whether a call only stands for such a text, so that nobody need see it."""
    return call_id.startswith(f"{NUDGE}_")


def make_id(position: int, index: int, *, is_valid: bool) -> str:
    """Returns the id of a call that was written in the message at ``position``."""
    return f"{CALL if is_valid else NUDGE}_{position}_{index}"


def _is_meant(written: Written, tools: Mapping[str, Tool], known: Collection[int]) -> bool:
    """Returns whether the calls are meant to be made, and are not part of an answer about them."""
    before, after = written.before.strip(), written.after.strip()
    if written.form is Form.MARKED or not (before or after):
        return True
    around = f"{before} {after}"
    is_cited, is_explained = bool(citations.find_cited(around, known)), bool(_EXPLAINS.search(around))
    if written.calls and all(_is_valid(call, tools) for call in written.calls):
        return not after or not (is_cited or is_explained)
    if is_cited or len(around) > PREAMBLE_CHARS or (before and after):
        return False
    is_on_own_line = written.form is Form.BARE and written.before.endswith("\n") and bool(written.calls)
    return not is_explained or (is_on_own_line and not after)


def _is_valid(call: WrittenCall, tools: Mapping[str, Tool]) -> bool:
    return call.name in tools and isinstance(call.arguments, Mapping) and tools[call.name].accepts(call.arguments)


def _to_message_call(call: WrittenCall) -> Mapping[str, Any]:
    return {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}
