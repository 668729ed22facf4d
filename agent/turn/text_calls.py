"""Tool calls that a model wrote as text: which are made, and what of such a text may be shown.

A call that is the end of a text is made like any other. One that names no tool of ours, or gives it arguments that
it does not take, is answered with what is wrong (its id begins with :data:`NUDGE`), once in a turn. JSON inside an
answer that explains it is text. Promises that nothing of a call streams: what may become one is held back.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.prompting import citations
from agent.tools import Tool
from agent.turn import call_forms
from agent.turn.call_forms import Form, Written, WrittenCall
from agent.types import Message

NUDGE, CALL = "nudge", "text"  # how the ids of such calls begin
UNKNOWN = "unknown"
PREAMBLE_CHARS = 300  # a longer text around JSON is an answer
_EXPLAINS = re.compile(
    r"\b(?:example|e\.g\.|for instance|such as|looks? like|format(?:ted)?|syntax|schema|structure|payload|json"
    r"|written|means|beispiel|exemple|ejemplo)\b",
    re.IGNORECASE,
)
_START = re.compile(r"[{\[<`]|^[ \t]*Action:|~~~", re.MULTILINE)
_TICKS = re.compile(r"(`{3,}|~~~)[ \t]*([\w+-]*)[ \t]*(\n?)\s*")
_LONGEST_MARKER = max(map(len, call_forms.MARKERS))


@dataclass(frozen=True)
class TextCalls:
    """A text that is a call: the ``calls`` as messages hold them, and the text ``before`` them."""

    calls: Sequence[Mapping[str, Any]]
    before: str
    is_valid: bool


def read(text: str, tools: Mapping[str, Tool], known: Collection[int]) -> TextCalls | None:
    """Returns the calls a text asks for, or None where it is an answer; ``known`` are the numbers it may cite."""
    written = call_forms.find(text, tools)
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
    if written.form is Form.MARKED:
        return True
    around = f"{written.before.strip()} {written.after.strip()}".strip()
    is_answer = len(around) > PREAMBLE_CHARS or bool(citations.find_cited(around, known))
    if not around:
        return True
    if written.after.strip():
        return not (written.before.strip() or is_answer or _EXPLAINS.search(around))
    if written.form is Form.BARE and written.before.endswith("\n") and written.calls:
        return all(_is_valid(call, tools) for call in written.calls) or not is_answer
    return not (is_answer or _EXPLAINS.search(around))


def _is_valid(call: WrittenCall, tools: Mapping[str, Tool]) -> bool:
    return call.name in tools and isinstance(call.arguments, Mapping) and tools[call.name].accepts(call.arguments)


def _to_message_call(call: WrittenCall) -> Mapping[str, Any]:
    return {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}


class CallGate:
    """Lets a streaming text through as far as it cannot be part of a call. ``names`` are the tools there are."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._buffer, self._line, self._fence = "", "", ""
        self._is_call = False

    def feed(self, piece: str) -> str:
        """Returns what may be shown now, with this piece."""
        self._buffer += piece
        ready = ""
        while self._buffer and not self._is_call:
            if self._fence:
                n, is_over = self._find_code_end()
                ready += self._pass(n)
                if not is_over:
                    break
                continue
            start = _START.search(self._buffer)
            ready += self._pass(start.start() if start else len(self._buffer) - self._count_held())
            n_judged = self._judge() if start else None
            if n_judged is None:
                break
            ready += self._pass(n_judged)
        return ready

    def flush(self) -> str:
        """Returns the rest of a text that has ended, unless it is a call."""
        ready, self._buffer = self._buffer, ""
        return "" if self._is_call else ready

    def _pass(self, n: int) -> str:
        passed, self._buffer = self._buffer[:n], self._buffer[n:]
        self._line = (self._line + passed).rpartition("\n")[2]
        return passed

    def _judge(self) -> int | None:
        """Returns how much of the buffer is no call; None where more is needed to tell, or it is one."""
        rest = self._buffer
        if rest.startswith(("`", "~")):
            return self._judge_code(rest)
        if rest.startswith("<") or rest[:6].lower().startswith("[tool_"):
            return self._judge_marker(rest)
        if rest.lstrip(" \t").startswith("Action:"):
            self._is_call = not self._line.strip()
            return None if self._is_call else 1
        if self._line.count("`") % 2:  # in code, inside a line
            return 1
        is_call = call_forms.begins_call(rest, self._names)
        if is_call is False:
            if rest.startswith("[") and "[tool_calls]".startswith(rest[:12].lower()):
                return None
            return 1
        self._is_call = bool(is_call)
        return None

    def _judge_marker(self, rest: str) -> int | None:
        if self._line.count("`") % 2:
            return 1
        if call_forms.MARKER.match(rest):
            self._is_call = True
            return None
        head = rest[:_LONGEST_MARKER].lower()
        return None if any(marker.startswith(head) for marker in call_forms.MARKERS) else 1

    def _judge_code(self, rest: str) -> int | None:
        """Judges a block of code by its language and what it begins with."""
        if not rest.startswith(("```", "~~~")):
            if len(rest) < 3 and not rest.strip("`~"):
                return None
            if self._line.strip() or not rest.startswith("`"):
                return 1
            inside = rest.lstrip("`")
            is_call = call_forms.begins_call(inside, self._names) if inside[:1] in ("{", "[") else False
            self._is_call = bool(is_call)
            return 1 if is_call is False else None
        match = _TICKS.match(rest)
        code = rest[match.end() :] if match else ""
        if match is None or not code:
            return None
        if match[2].lower() in ("tool_call", "tool_code", "tool_calls", "function_call"):
            self._is_call = True
            return None
        is_call = call_forms.begins_call(code, self._names) if code[0] in "{[" else False
        if is_call is False:
            self._fence = match[1][:3]
            return match.end()
        self._is_call = bool(is_call)
        return None

    def _find_code_end(self) -> tuple[int, bool]:
        """Returns how much of the buffer is code, and whether the block ends there."""
        end = self._buffer.find(self._fence)
        if end < 0:
            return len(self._buffer.rstrip(self._fence[0])), False
        n = end + len(self._fence)
        self._fence = ""
        return n, True

    def _count_held(self) -> int:
        """Returns how much of the buffer's end may become ``Action:`` at the start of a line."""
        _, newline, last = self._buffer.rpartition("\n")
        stripped = last.lstrip(" \t")
        begins_line = bool(newline) or not self._line.strip()
        return len(last) if begins_line and stripped and "Action:".startswith(stripped) else 0
