"""What a tool call came to, as the model sees it and as it is stored: one JSON object within the limit.

Owns the keys that the kernel adds to a tool's own data: ``passages``, ``is_weak``, ``is_refused``,
``is_shortened`` and ``error``. Promises that :func:`read` gives a stored result the fields that decisions are made
by, as they were when it was live, so a resumed turn decides as an uninterrupted one does.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from agent.errors import ToolError
from agent.prompting import context_window, prompt
from agent.prompting.json_sanitizer import clean_shown
from agent.text import shorten
from agent.tools import ToolResult
from agent.turn.limits import MAX_CALLS_PER_STEP
from agent.types import CitedPassage, JsonObject, JsonValue, Passage, SettledAnswer

PASSAGES, WEAK, REFUSED = "passages", "is_weak", "is_refused"
RESERVED = {PASSAGES, WEAK, REFUSED}  # a tool's own data under these names is renamed
SHORTEST_TEXT_CHARS, SHORTEST_ITEMS = 40, 3
NO_PROSE = ("|", "```", "#", "    ")  # begin a line of Markdown at whose end a citation would not be read


class Refusal(StrEnum):
    """Why a call was not made: ``is_refused`` in its stored result."""

    REPEATS = "repeats"
    CALLS = "calls"
    AT_ONCE = "at_once"
    TIME = "time"


REFUSALS: Mapping[Refusal, Mapping[str, str]] = {
    Refusal.REPEATS: {
        "error": "This very call was made often enough in this turn; it gives the same result.",
        "hint": "Use the result above, other arguments, or answer.",
    },
    Refusal.CALLS: {
        "error": "The allowed number of tool calls is used up; this one was not made.",
        "hint": "Answer from what you have.",
    },
    Refusal.AT_ONCE: {
        "error": "Too many calls in one step; this one was not made.",
        "hint": f"Make at most {MAX_CALLS_PER_STEP} at once.",
    },
    Refusal.TIME: {
        "error": "There was no time left for this call; it was not made.",
        "hint": "Answer from what you have.",
    },
}


@dataclass(frozen=True)
class ToolOutcome:
    """What a call came to: ``result`` is what the model sees, ``sources`` are the numbered passages in it.

    ``settled`` is an answer to give without asking a model, with its citation; empty where there is none.
    """

    result: JsonObject
    sources: Sequence[CitedPassage] = ()
    is_error: bool = True
    is_weak: bool = False
    refusal: Refusal | None = None
    duration_ms: int = 0
    cost_usd: Decimal = Decimal(0)
    settled: str = ""

    @property
    def has_passages(self) -> bool:
        """Returns whether the model sees passages in it."""
        return bool(self.result.get(PASSAGES))

    @property
    def has_data(self) -> bool:
        """Returns whether it says something else than an error; a tool may also report one in its own data."""
        return "error" not in self.result


TOOL_FAILED = {"error": "This tool failed unexpectedly. Go on without it."}
UNCERTAIN = ToolOutcome(
    {
        "error": "This call was begun before and its outcome was never heard of: it may have taken effect.",
        "hint": "It was not made again. Do not repeat it; tell the person that it may or may not have happened.",
    }
)
DONE_BEFORE = ToolOutcome(
    {
        "error": "This very call was made in this turn already, and doing it twice could do harm.",
        "hint": "Its result stands above. Answer from it.",
    }
)


def refuse(refusal: Refusal) -> ToolOutcome:
    """Returns the outcome of a call that is not made."""
    return ToolOutcome({**REFUSALS[refusal], REFUSED: refusal.value}, refusal=refusal)


def read(result: JsonObject) -> ToolOutcome:
    """Reads a stored result.

    >>> read({"found": 0, "is_weak": True}).is_weak
    True
    """
    refusal = result.get(REFUSED)
    return ToolOutcome(
        result,
        is_error="error" in result,
        is_weak=bool(result.get(WEAK)),
        refusal=Refusal(str(refusal)) if refusal in set(Refusal) else None,  # a later release may know others
    )


def render(
    result: ToolResult, number: Callable[[Sequence[Passage]], list[CitedPassage]], limit: int
) -> ToolOutcome:
    """Returns what the model sees of a tool's result, in about ``limit`` characters; ``number`` numbers passages.

    Raises ValueError or TypeError where the tool's data is not JSON.
    """
    data = _rename(json.loads(prompt.result_json(_bound(result.data, limit // 2 if result.passages else limit))))
    data |= {WEAK: True} if result.is_weak else {}
    if result.hint and "hint" not in data:
        data["hint"] = shorten(result.hint, limit // 3)
    passages = _fit(result.passages, limit - len(prompt.result_json(data)))
    sources = number(passages)
    if passages:
        data[PASSAGES] = [
            prompt.passage_json(CitedPassage(source.n, passage))
            for source, passage in zip(sources, passages, strict=True)
        ]
    if len(passages) < len(result.passages):
        data["is_shortened"] = True
    return ToolOutcome(
        clean_shown(data),
        sources,
        is_error=False,
        is_weak=result.is_weak,
        cost_usd=result.cost_usd,
        settled=_cite(result.settled, sources) if result.settled else "",
    )


def render_error(error: ToolError, limit: int) -> ToolOutcome:
    """Returns what the model sees of an error that a tool raised for it."""
    shown = context_window.shorten_object({"error": str(error), "hint": error.hint}, chars=limit // 3, items=2)
    return ToolOutcome(clean_shown(shown), cost_usd=error.cost_usd)


def _cite(settled: SettledAnswer, sources: Sequence[CitedPassage]) -> str:
    """Returns a settled answer with the number of its passage; empty where that is not shown."""
    n = next((source.n for source in sources if source.passage.document_id == settled.document_id), None)
    text = settled.text.rstrip()
    glue = "\n\n" if text.rpartition("\n")[2].startswith(NO_PROSE) else " "
    return f"{text}{glue}[{n}]" if n else ""


def _rename(data: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {f"{name}_" if name in RESERVED else name: value for name, value in data.items()}


def _bound(data: JsonObject, room: int) -> JsonObject:
    """Cuts texts and lists until the data takes at most ``room`` characters."""
    bounded = data
    chars, items = max(room // 2, SHORTEST_TEXT_CHARS), max(room // 20, SHORTEST_ITEMS)
    while len(prompt.result_json(bounded)) > room:
        if chars <= SHORTEST_TEXT_CHARS and items <= SHORTEST_ITEMS:
            return {"error": "The result was too long to show.", "hint": "Ask for less, with narrower arguments."}
        bounded = {**context_window.shorten_object(data, chars=chars, items=items), "is_shortened": True}
        chars, items = max(chars // 2, SHORTEST_TEXT_CHARS), max(items // 2, SHORTEST_ITEMS)
    return bounded


def _fit(passages: Sequence[Passage], room: int) -> list[Passage]:
    """Returns the first passages that fit into ``room`` characters; at least one, cut where it must be."""
    fitting: list[Passage] = []
    for passage in passages:
        size = len(prompt.result_json(prompt.passage_json(CitedPassage(100, passage))))
        if size > room:
            break
        fitting.append(passage)
        room -= size
    if passages and not fitting:
        first = passages[0]
        fitting = [replace(first, text=first.text[: max(0, room // 2)])]
    return fitting


def list_documents(result: JsonObject) -> list[str]:
    """Returns the ids of the documents that a result tells of beside its passages.

    >>> list_documents({"documents": [{"title": "Annual leave", "document_id": "d1"}]})
    ['d1']
    """
    documents = result.get("documents")
    entries = documents if isinstance(documents, list) else []
    return [str(entry["document_id"]) for entry in entries if isinstance(entry, dict) and entry.get("document_id")]
