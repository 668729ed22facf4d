"""Holds back what may be a call in a text that streams: nothing of one is ever shown."""

import re
from collections.abc import Collection

from agent.turn.text_calls import forms

_START = r"[{\[<‹`]|^[ \t]*Action:|~~~|^[ \t]*[*(]{1,3}(?=[{\[])"  # of what may be a call
_HELD = re.compile(r"~{1,2}|[*(]{1,3}")
_TICKS = re.compile(r"(`{3,}|~~~)[ \t]*([\w+-]*)[ \t]*\s*")


class CallGate:
    """Lets a streaming text through as far as it cannot be part of a call. ``names`` are the tools there are."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._python = forms.make_python(names)
        self._start = re.compile(f"{_START}|{self._python.pattern}", re.MULTILINE)
        self._code_start = re.compile(rf"^[ \t]*[{{\[<‹]|{self._python.pattern}", re.MULTILINE)
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
            start = self._start.search(self._buffer)
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
        if self._line.count("`") % 2:  # in code, inside a line
            return 1
        if rest[0] in "<‹[" and (n_judged := self._judge_marker(rest)) != 1:
            return n_judged
        if not rest.startswith(("[", "{")) and self._line.strip():
            return 1
        inner = rest.lstrip(" \t*(")
        is_call = bool(self._python.match(rest)) or inner.startswith("Action:") or self._begins_call(inner)
        self._is_call = bool(is_call)
        return 1 if is_call is False else None

    def _begins_call(self, text: str) -> bool | None:
        return forms.begins_call(text, self._names)

    def _judge_marker(self, rest: str) -> int | None:
        if forms.MARKER.match(rest):
            self._is_call = True
            return None
        head = rest[: forms.LONGEST_MARKER].lower()
        return None if any(marker.startswith(head) for marker in forms.MARKERS) else 1

    def _judge_code(self, rest: str) -> int | None:
        """Judges a block of code by its language and what it begins with."""
        if not rest.startswith(("```", "~~~")):
            if len(rest) < 3 and not rest.strip("`~"):
                return None
            if self._line.strip() or not rest.startswith("`"):
                return 1
            inside = rest.lstrip("`")
            is_call = forms.begins_call(inside, self._names) if inside[:1] in ("{", "[") else False
            self._is_call = bool(is_call)
            return 1 if is_call is False else None
        match = _TICKS.match(rest)
        code = rest[match.end() :] if match else ""
        if match is None or not code:
            return None
        if match[2].lower() in forms.LANGUAGES:
            self._is_call = True
            return None
        is_call = forms.begins_call_in_code(code, self._names)
        if is_call is False:
            self._fence = match[1][:3]
            return match.end()
        self._is_call = bool(is_call)
        return None

    def _find_code_end(self) -> tuple[int, bool]:
        """Returns how much of the buffer is code and no call, and whether the block ends there."""
        end = self._buffer.find(self._fence)
        for line in self._code_start.finditer(self._buffer, 0, end if end >= 0 else len(self._buffer)):
            if line.start() == 0 and self._line.strip():
                continue
            is_call = forms.begins_call_in_code(self._buffer[line.start() :], self._names)
            if is_call is not False:
                self._is_call = bool(is_call)
                return line.start(), False
        if end < 0:
            return min(len(self._buffer.rstrip(self._fence[0])), len(self._buffer) - self._count_held()), False
        n = end + len(self._fence)
        self._fence = ""
        return n, True

    def _count_held(self) -> int:
        """Returns how much of the buffer's end may become the start of a call, at the start of a line."""
        _, newline, last = self._buffer.rpartition("\n")
        stripped = last.lstrip(" \t")
        if not stripped or not (newline or not self._line.strip()):
            return 0
        starts = ("Action:", *(f"{prefix}{name}(" for name in self._names for prefix in ("", "print(")))
        is_held = _HELD.fullmatch(stripped) or any(start.startswith(stripped) for start in starts)
        return len(last) if is_held else 0
