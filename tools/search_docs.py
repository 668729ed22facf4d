"""The tool that searches the company's documents."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import partial
from itertools import zip_longest
from typing import Any

from agent.errors import ToolError
from agent.tools import ToolContext, ToolResult, tool
from agent.turn.tool_calls import as_json
from agent.types import CitedPassage, Passage
from ingest.library import Library
from tools.extractive.answer import is_weak
from tools.extractive.question import parts
from tools.passages import readable

MAX_TOKENS = 2_000  # of passage text per search: 18 chunks on average
ALWAYS_SHOWN = 3  # a word or two as a question score low; what holds them is found nevertheless
NOTHING_BELOW = 0.15  # below this score no passage has ever answered one of the questions it was tuned on


@tool(only_passages=True)
def search_docs(query: str, source: str = "", since: str = "", *, context: ToolContext) -> ToolResult:
    """Search the company's documents; returns numbered passages, best first, each with title, heading and score.

    Use it for anything that may stand in a document, and again with other words when the passages do not
    answer. Write the query as a full question or as key words in the documents' language, naming what it is
    about; it does not see the conversation. Do not use it for greetings, arithmetic, or a document you already
    know (read_document shows that one). `source` (a name that list_documents shows) and `since` (a day such as
    2026-01-31: documents changed from then on) narrow the search; leave them out unless the question asks for
    that. A score under 0.3 means: probably about something else; `is_weak`: the
    passages probably do not answer. `not_found`
    lists words of the query that stand in none of the passages and almost nowhere in the documents; `keywords`
    lists words of the query by the title of a document that is filed under them.
    """
    library = context.resource(Library)
    look_up = partial(
        library.search, audience=context.audience, sources=_sources(source, library, context), since=_day(since)
    )
    found = look_up(query)
    asked = [part.text for part in parts(query)]
    others = [look_up(part) for part in asked if len(asked) > 1]
    merged = _merged(*(one.passages for one in (found, *others)))
    relevant = [passage for passage in merged if passage.score >= NOTHING_BELOW]
    shown = [passage for i, passage in enumerate(merged) if i < ALWAYS_SHOWN or passage.score >= NOTHING_BELOW]
    passages = readable(shown, max_tokens=MAX_TOKENS)
    data: dict[str, Any] = {"found": len(relevant and passages)}
    if found.not_found:
        data["not_found"] = list(found.not_found)
    if found.keywords:
        data["keywords"] = {title: list(words) for title, words in found.keywords.items()}
    if is_weak(query, [data | {"passages": [as_json(CitedPassage(n, p)) for n, p in enumerate(passages, 1)]}]):
        data["is_weak"] = True
    if not relevant:
        data["hint"] = "Nothing fits well. Try other words, or say that the documents do not say."
    return ToolResult(data, passages, sum((one.cost_usd for one in others), found.cost_usd))


def _sources(source: str, library: Library, context: ToolContext) -> tuple[str, ...]:
    if not source.strip():
        return ()
    known = library.list_documents(audience=context.audience, limit=1).sources
    if source.strip() not in known:
        raise ToolError("There is no source of that name.", hint=f"The sources are: {', '.join(known)}.")
    return (source.strip(),)


def _day(since: str) -> datetime | None:
    if not since.strip():
        return None
    try:
        return datetime.combine(date.fromisoformat(since.strip()), time(), UTC)
    except ValueError:
        raise ToolError("`since` is no day.", hint="Write it as 2026-01-31, or leave it out.") from None


def _merged(*rankings: Sequence[Passage]) -> list[Passage]:
    """The first of each ranking, then the second of each: every part of a question has passages of its own."""
    in_turn = [passage for rank in zip_longest(*rankings) for passage in rank if passage]
    best: dict[str, Passage] = {}
    for passage in in_turn:
        known = best.get(passage.chunk_id, passage)
        best[passage.chunk_id] = passage if passage.score > known.score else known
    return list(best.values())
