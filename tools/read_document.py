"""The tool that reads consecutive passages of one document.

Calls and a result, as a model sees them::

    {"document": "Annual leave", "heading": "Carrying over"}
    {"around": 3}
    {"title": "Annual leave", "passages": [{"n": 3, "title": "Annual leave", "heading": "Carrying over", …}]}

Whether the audience may read the document is asked at each call, also of one that was shown before.
"""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from agent.errors import ToolError
from agent.tools import ToolContext, ToolLabels, ToolResult, tool
from agent.translation.speech import mark
from agent.types import JsonValue, Passage
from ingest.library import Library
from tools.passages import describe_documents, find_position, make_readable

MAX_TOKENS = 2_500
AROUND_TOKENS = 1_500  # as much as a search shows
N_BESIDE = 2  # passages read on each side of a passage


LABELS = ToolLabels(mark("is reading a document…"), mark("Reading a document"), mark("Read a document"))


@tool(only_passages=True, labels=LABELS)
def read_document(
    document: str = "",
    heading: str = "",
    around: Annotated[int, Field(ge=0)] = 0,
    *,
    context: ToolContext,
) -> ToolResult:
    """Read consecutive passages of one document, from its start, from a heading on, or around a passage.

    Use it when a passage from search_docs is cut off, refers to another section or to what is above or below it,
    or when a list must be complete. `around` is the number of a passage that you were shown, such as 3: it is read
    with what stands before and after it. Otherwise `document` is the document_id, url or title that came with a
    passage, and `heading` any part of a heading. Do not use it to look for something (search_docs does that).
    """
    library = context.resource(Library)
    passages = _read_around(around, library, context) if around else _read(document, heading, library, context)
    passages, gaps = describe_documents(passages, library)
    data: dict[str, JsonValue] = {"title": passages[0].title}
    return ToolResult(data | ({"read_in_part": gaps} if gaps else {}), passages)


def _read(document: str, heading: str, library: Library, context: ToolContext) -> tuple[Passage, ...]:
    if not document.strip():
        raise ToolError("Which document is to be read is not said.", hint="Give `document`, or `around`.")
    passages = library.read(document, audience=context.audience, heading=heading)
    if not passages:
        near = library.search(document, audience=context.audience, k=5)
        titles = ", ".join(f"'{title}'" for title in dict.fromkeys(passage.title for passage in near.passages))
        raise ToolError(
            "There is no document of that id, url or title.",
            hint=f"The closest titles are: {titles}." if titles else "Use search_docs to find documents.",
            cost_usd=near.cost_usd,
        )
    return make_readable(passages, max_tokens=MAX_TOKENS)


def _read_around(n: int, library: Library, context: ToolContext) -> tuple[Passage, ...]:
    """Reads a passage that was shown and its neighbours, the nearest first where there is no room for all."""
    shown = context.shown.get(n)
    if shown is None:
        raise ToolError(f"No passage was shown under the number {n}.", hint=_name_numbers(context.shown))
    if not shown.chunk_id.rpartition("-")[2].isdigit():  # a company's own tool returned it
        raise ToolError(f"Passage {n} is of no document that can be read.", hint="Use search_docs again.")
    place = find_position(shown)
    passages = library.read(
        shown.chunk_id, audience=context.audience, position=place - N_BESIDE + 1, n=2 * N_BESIDE + 1
    )
    if not passages:
        raise ToolError("The document of that passage is not there any more.", hint="Use search_docs again.")
    nearest = sorted(passages, key=lambda passage: abs(find_position(passage) - place))
    readable = make_readable(nearest, max_tokens=AROUND_TOKENS)
    return tuple(sorted(readable, key=find_position))


def _name_numbers(shown: Iterable[int]) -> str:
    numbers = ", ".join(map(str, sorted(shown)))
    return f"There are: {numbers}." if numbers else "Use search_docs first."
