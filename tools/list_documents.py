"""The tool that lists the documents there are.

A call and its result, as a model sees them::

    {"source": "handbook", "order": "recent", "limit": 1}
    {"found": 28, "sources": ["handbook"], "documents": [{"title": "Annual leave", "source": "handbook",
     "url": "…", "document_id": "…", "updated": "2026-01-31"}]}
"""

from typing import Annotated

from pydantic import Field

from agent.errors import ToolError
from agent.tools import ToolContext, ToolLabels, ToolResult, tool
from agent.translation.speech import mark
from ingest.library import Library
from ingest.search.listing import DocumentEntry, Order

TITLE_CHARS = 200


LABELS = ToolLabels(
    mark("is looking through the documents…"), mark("Listing the documents"), mark("Listed the documents")
)


@tool(labels=LABELS)
def list_documents(
    source: str = "",
    title: str = "",
    order: Order = "recent",
    limit: Annotated[int, Field(ge=1, le=50)] = 20,
    *,
    context: ToolContext,
) -> ToolResult:
    """List the company's documents: title, source, url, document_id and day of the last change, which may be null.

    `found` counts all that fit, `sources` names all sources. `source` is one of those names, `title` any part of a
    title; both may be left out. Use it for questions about the documents themselves: which there are, how many,
    which are new. Do not use it to learn what a document says (search_docs and read_document do that).
    """
    listing = context.resource(Library).list_documents(
        audience=context.audience, source=source.strip(), title=title.strip(), order=order, limit=limit
    )
    if source.strip() and source.strip() not in listing.sources:
        names = ", ".join(f"'{name}'" for name in listing.sources)
        raise ToolError(
            "There is no source of that name.",
            hint=f"The sources are: {names}." if names else "There are no documents at all.",
        )
    documents = [_entry_json(entry) for entry in listing.documents]
    return ToolResult({"found": listing.n_found, "sources": list(listing.sources), "documents": documents})


def _entry_json(entry: DocumentEntry) -> dict[str, str | None]:
    return {
        "title": entry.title[:TITLE_CHARS],
        "source": entry.source,
        "url": entry.url,
        "document_id": entry.document_id,
        "updated": entry.updated_at.date().isoformat() if entry.updated_at else None,
    }
