"""Keeps a model's reasoning out of its answer, while it streams: ``<think>…</think>`` and its kin.

Promises that nothing between such marks is shown, however the stream is cut, and that marks inside code are text.
A model whose chat template opens the reasoning sends the closing mark only: what was before it is reasoning too.
Which models do that is learned from their answers, for the life of the process. Until a model is known, the
beginning of its answer is held back (:data:`HELD_SECONDS`; to its end where its words or the model's name look
like reasoning); one that is known to do it shows nothing before the mark. Where it comes unexpectedly, the text
that was shown is taken back (:data:`RETRACTED`). A closing mark that ends nothing is dropped: one after reasoning
that had both marks, and one that nothing follows.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum

from agent.llm.answers.marks import MARK, UNFINISHED, WORD
from agent.llm.request import RETRACTED, Model, Retracted

HELD_SECONDS = 2.0  # of an unknown model's first answer; longer than a bare answer takes to begin, seldom noticed
_FENCE = re.compile(r"\s{0,3}(?:```|~~~)")
_SEPARATES = re.compile(  # providers that give reasoning in a field of its own, at their own address
    r"^(?:openai|azure|anthropic|gemini|vertex_ai|xai|cohere|cohere_chat)/"
)
_THINKS = re.compile(r"(?:^|[/:_.-])r1\b|think|reason|qwq|magistral|deephermes|smollm3", re.IGNORECASE)
_ALOUD = re.compile(
    r"\s*(?:ok(?:ay)?\b|alright|right,|so,|hmm|well,|first,|let me|let's|let us|now,"
    r"|i (?:need|should|have to|must)\b"
    r"|we (?:need|should|have)\b|the (?:user|person|question|passages?)\b|looking at|to answer|thinking|thought)",
    re.IGNORECASE,
)


class Habit(StrEnum):
    """How a model gives its reasoning in the text of an answer."""

    UNKNOWN = "unknown"
    PLAIN = "plain"  # with both marks, or not at all
    CLOSES = "closes"  # with the closing mark only


SURE = 2  # answers in a row that only closed, until such a model's cut text counts as reasoning
# Model key to its habit. One per process and not an argument: it describes servers, whoever calls them.
_habits: dict[str, Habit] = {}
_n_closing: Counter[str] = Counter()  # answers in a row that had the closing mark only


def find_habit(model: Model) -> Habit:
    """Returns what is known of the model."""
    return _habits.get(model.key, Habit.PLAIN if _separates(model) else Habit.UNKNOWN)


def _separates(model: Model) -> bool:
    return model.api_base is None and bool(_SEPARATES.match(model.name))


class ReasoningFilter:
    """Splits one answer, piece by piece, into ``text`` and ``reasoning``."""

    def __init__(self, model: Model, clock: Callable[[], float] = time.monotonic) -> None:
        self._model, self._clock = model, clock
        self._habit = find_habit(model)
        self.text = ""
        self._reasoning: list[str] = []
        self._buffer = ""  # what cannot be judged yet
        self._block: _Block | None = None
        self._n_shown = 0
        self._held_since: float | None = None
        self._is_closed = False  # a closing mark came without an opening one
        self._has_marks = False
        self._has_block = False  # with both marks
        self._is_apart = _separates(model)  # reasoning comes in a field of its own
        self._is_over = self._is_cut = self._has_calls = False
        self._is_wrapped = False  # the answer in tags of its own
        self._has_stray = False  # a mark that ends nothing
        self._n_named = 0  # opening marks that are text
        self._line, self._is_fenced = "", False

    @property
    def reasoning(self) -> str:
        """Returns what is not part of the answer, so far."""
        block = self._block.content if self._block else ""
        return "".join([*self._reasoning, block]).strip()

    def feed(self, piece: str) -> Iterator[str | Retracted]:
        """Adds a piece; yields the text that may be shown now, or that what was shown is taken back."""
        self._buffer += piece
        if self._held_since is None and piece.strip():
            self._held_since = self._clock()
        yield from self._read()
        yield from self.release()

    def note_reasoning_apart(self) -> None:
        """Notes that this provider gives reasoning in a field of its own."""
        self._has_marks = self._is_apart = True

    def release(self) -> Iterator[str]:
        """Yields text that was held back for long enough."""
        if not self._is_held() and self.text.strip():
            ready, self._n_shown = self.text[self._n_shown :], len(self.text)
            if ready:
                yield ready

    def finish(self, *, is_cut: bool, has_calls: bool = False) -> Iterator[str | Retracted]:
        """Ends the answer: yields the rest, and learns the model's habit. ``is_cut`` by its allowed length;
        ``has_calls`` beside its text."""
        self._is_over, self._is_cut, self._has_calls = True, is_cut, has_calls
        yield from self._read()
        if self._block:
            self._end_unclosed(self._block)
        if self._has_stray:
            self.text = self.text.rstrip()
        if is_cut and self._is_sure() and not (self._is_closed or self._has_marks):
            self._reasoning.append(self.text)  # it never came to its answer
            self.text = ""
        yield from self.release()
        self._learn()

    def _is_sure(self) -> bool:
        return self._habit is Habit.CLOSES and _n_closing[self._model.key] >= SURE

    def _learn(self) -> None:
        key = self._model.key
        is_whole = bool(self.text.strip()) and not (self._is_cut or self._has_calls)
        if self._is_closed and not self._is_apart:
            _habits[key] = Habit.CLOSES
            _n_closing[key] += 1
        elif self._has_marks or is_whole or (self.text.strip() and self._habit is Habit.UNKNOWN):
            _habits[key] = Habit.PLAIN
            del _n_closing[key]

    def _is_held(self) -> bool:
        if self._is_over or self._is_closed or self._has_marks or self._habit is Habit.PLAIN:
            return False
        if self._habit is Habit.CLOSES or self._held_since is None:
            return True
        is_young = self._clock() - self._held_since < HELD_SECONDS
        return is_young or bool(_THINKS.search(self._model.name) or _ALOUD.match(self.text))

    def _read(self) -> Iterator[Retracted]:
        """Takes everything from the buffer that can be judged."""
        while match := MARK.search(self._buffer):
            self._take(self._buffer[: match.start()])
            self._buffer = self._buffer[match.start() :]
            is_text = self._is_text(match)
            if is_text is None:
                return
            if is_text:
                self._n_named += bool(match["open"])
                self._take(match[0])
            else:
                yield from self._mark(match)
            self._buffer = self._buffer[len(match[0]) :]
        unfinished = None if self._is_over else UNFINISHED.search(self._buffer)
        end = unfinished.start() if unfinished else len(self._buffer)
        self._take(self._buffer[:end])
        self._buffer = self._buffer[end:]

    def _mark(self, match: re.Match[str]) -> Iterator[Retracted]:
        if self._block:
            if match["open"]:
                self._block.open(match[0])
            elif match["close"] or match["end"]:
                self._has_marks = True
                if self._block.close(match[0]):
                    self._has_block = True
                    self._reasoning.append(self._block.content)
                    self._block = None
        elif match["open"]:
            self._block = _Block(match[0], is_inside_line=bool(self.text.strip() and self._line.strip()))
        elif match["wrapper"]:
            self._is_wrapped = not match["slash"]
            self._has_stray = True
        elif match["close"] and not self._ends_reasoning(match[0]):
            self._has_stray = True
        elif match["close"]:
            self._is_closed = not self._has_marks
            self._reasoning.append(self.text)
            if self._n_shown:
                yield RETRACTED
            self.text, self._n_shown, self._line, self._is_fenced = "", 0, "", False

    def _ends_reasoning(self, mark: str) -> bool:
        """Returns whether a closing mark without an opening one made reasoning of the text before it."""
        is_followed = self._is_followed(mark)
        if self._has_block or (self._is_closed and not is_followed):
            return False
        return is_followed or self._is_cut or self._has_calls or self._is_sure()

    def _is_followed(self, mark: str) -> bool:
        """Returns whether an answer comes after the mark at the buffer's start, as far as it has come."""
        rest = self._buffer[len(mark) :].lstrip()
        while (match := MARK.match(rest)) and not match["open"]:
            rest = rest[match.end() :].lstrip()
        return bool(rest) and (self._is_over or not UNFINISHED.match(rest))

    def _take(self, text: str) -> None:
        if self._block:
            self._block.add(text)
            return
        if not self.text.strip() and (self._reasoning or self._has_marks):
            text = (self.text + text).lstrip()
            self.text = ""
        self.text += text
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._is_fenced ^= bool(_FENCE.match(line))

    def _is_text(self, match: re.Match[str]) -> bool | None:
        """Returns whether the mark at the buffer's start is text; None where that is not known yet."""
        is_code = self._is_in_code(match)
        if is_code is not False:
            return is_code
        if match["open"] and not self._block and self._line.strip() and WORD.match(match[0]):
            return True
        if self._block or not (match["close"] or match["slash"]):
            return bool(match["wrapper"] and (self._block or not self._begins_answer()))
        is_followed = self._is_followed(match[0])
        if not (is_followed or self._is_over):
            return None
        if match["wrapper"]:
            return not self._has_reasoning() or (is_followed and not self._is_wrapped)
        return bool(self._line.strip()) and bool((is_followed and self._is_apart) or self._n_named)

    def _has_reasoning(self) -> bool:
        return bool(self._reasoning) or self._has_marks or self._is_closed

    def _begins_answer(self) -> bool:
        return self._has_reasoning() and not self.text.strip()

    def _is_in_code(self, match: re.Match[str]) -> bool | None:
        """Returns whether the mark at the buffer's start is text of code; None where that is not known yet."""
        mark = match[0]
        if self._block:
            if not self._block.content.endswith("`"):
                return False
            after = self._buffer[len(mark) : len(mark) + 1]
            return None if not after and not self._is_over else after == "`"
        if self._is_fenced or _FENCE.match(self._line):
            return not match["close"] or bool(self._n_named) or self._closes_fence(mark)
        if self._line.count("`") % 2 == 0:
            return False
        rest, newline, _ = self._buffer[len(mark) :].partition("\n")
        return True if "`" in rest else False if newline or self._is_over else None

    def _closes_fence(self, mark: str) -> bool | None:
        """Returns whether the fence before the mark is closed after it; None before the answer has ended."""
        if not self._is_over:
            return None
        return sum(bool(_FENCE.match(line)) for line in self._buffer[len(mark) :].split("\n")) % 2 == 1

    def _end_unclosed(self, block: "_Block") -> None:
        """Ends reasoning that was never closed: it shows nothing, unless it only seemed to be reasoning."""
        self._block = None
        if block.n_closed:  # it named the mark once more than it closed it
            self._reasoning.append(block.content[: block.last_end])
            self._take(block.content[block.last_end :])
        elif block.is_inside_line:  # a sentence about the mark
            self._take(block.content)
        else:
            self._has_marks = True
            self._reasoning.append(block.content)


class _Block:
    """Reasoning that was opened; ``content`` with its marks."""

    def __init__(self, mark: str, *, is_inside_line: bool) -> None:
        self._parts = [mark]
        self._depth = 1
        self._n_chars = len(mark)
        self.n_closed = self.last_end = 0
        self.is_inside_line = is_inside_line

    @property
    def content(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0]

    def add(self, text: str) -> None:
        if text:
            self._parts.append(text)
            self._n_chars += len(text)

    def open(self, mark: str) -> None:
        self._depth += 1
        self.add(mark)

    def close(self, mark: str) -> bool:
        """Returns whether this was the last one."""
        self.add(mark)
        self._depth -= 1
        self.n_closed += 1
        self.last_end = self._n_chars
        return self._depth == 0
