"""What of a streaming answer may be shown: no call that is written as text, citations as ``[1]``, no guess.

The same text is judged as a whole when it has ended, by :mod:`agent.turn.text_calls.written` and
:mod:`agent.turn.grounding`.
"""

from collections.abc import Collection

from agent.prompting.citations import CitationNormaliser
from agent.turn.grounding import TextGate
from agent.turn.text_calls.gate import CallGate


class ShownText:
    """One streaming text. ``known`` are the numbers it may cite, ``names`` the tools there are.

    A text that ``is_quoted`` was put together in this process: it is shown as it is.
    """

    def __init__(
        self, *, is_weak: bool, known: Collection[int], names: Collection[str], is_quoted: bool = False
    ) -> None:
        self._calls = None if is_quoted else CallGate(names)
        self._citations = None if is_quoted else CitationNormaliser(known)
        self._grounds = TextGate(weak=is_weak, known=list(known))

    def feed(self, piece: str) -> str:
        """Returns what may be shown now, with this piece."""
        if self._calls and self._citations:
            piece = self._citations.feed(self._calls.feed(piece))
        return self._grounds.feed(piece)

    def flush(self) -> str:
        """Returns the rest, at the end of the text."""
        if not (self._calls and self._citations):
            return ""
        return self._grounds.feed(self._citations.feed(self._calls.flush()) + self._citations.flush())
