"""Holds back what may be a call in a text that streams: nothing of one is ever shown."""

import re
from collections.abc import Collection

from agent.turn.text_calls import forms

_START = re.compile(r"[{\[<`]|^[ \t]*Action:|~~~", re.MULTILINE)
_TICKS = re.compile(r"(`{3,}|~~~)[ \t]*([\w+-]*)[ \t]*\s*")
_LONGEST_MARKER = max(map(len, forms.MARKERS))


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
        is_call = forms.begins_call(rest, self._names)
        if is_call is False:
            if rest.startswith("[") and "[tool_calls]".startswith(rest[:12].lower()):
                return None
            return 1
        self._is_call = bool(is_call)
        return None

    def _judge_marker(self, rest: str) -> int | None:
        if self._line.count("`") % 2:
            return 1
        if forms.MARKER.match(rest):
            self._is_call = True
            return None
        head = rest[:_LONGEST_MARKER].lower()
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
        is_call = forms.begins_call(code, self._names) if code[0] in "{[" else False
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
