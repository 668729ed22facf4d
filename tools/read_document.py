"""The tool that reads consecutive passages of one document.

A call and its result, as a model sees them::

    {"document": "Annual leave", "heading": "Carrying over"}
    {"title": "Annual leave", "passages": [{"n": 3, "title": "Annual leave", "heading": "Carrying over", …}]}
"""

from agent.errors import ToolError
from agent.tools import ToolContext, ToolLabels, ToolResult, tool
from agent.translation.speech import mark
from ingest.library import Library
from tools.passages import make_readable

MAX_TOKENS = 2_500


LABELS = ToolLabels(mark("is reading a document…"), mark("Reading a document"), mark("Read a document"))


@tool(only_passages=True, labels=LABELS)
def read_document(document: str, heading: str = "", *, context: ToolContext) -> ToolResult:
    """Read consecutive passages of one document, from its start or from a heading on.

    Use it when a passage from search_docs is cut off, refers to another section, or when a list must be
    complete. `document` is the document_id, url or title that came with a passage; `heading` is any part of a
    heading. Do not use it to look for something (search_docs does that).
    """
    library = context.resource(Library)
    passages = library.read(document, audience=context.audience, heading=heading)
    if not passages:
        near = library.search(document, audience=context.audience, k=5)
        titles = ", ".join(f"'{title}'" for title in dict.fromkeys(passage.title for passage in near.passages))
        raise ToolError(
            "There is no document of that id, url or title.",
            hint=f"The closest titles are: {titles}." if titles else "Use search_docs to find documents.",
            cost_usd=near.cost_usd,
        )
    return ToolResult({"title": passages[0].title}, make_readable(passages, max_tokens=MAX_TOKENS))
