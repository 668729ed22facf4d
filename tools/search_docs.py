"""The tool that searches the company's documents."""

from typing import Any

from agent.tools import ToolContext, ToolResult, tool
from ingest.library import Library
from tools.passages import readable

MAX_TOKENS = 2_000  # of passage text per search: 18 chunks on average
NOTHING_BELOW = 0.15  # below this score no passage has ever answered one of the questions it was tuned on


@tool()
def search_docs(query: str, *, context: ToolContext) -> ToolResult:
    """Search the company's documents; returns numbered passages, best first, each with title, heading and score.

    Use it for anything that may stand in a document, and again with other words when the passages do not
    answer. Write the query as a full question or as key words in the documents' language, naming what it is
    about; it does not see the conversation. Do not use it for greetings, arithmetic, or a document you already
    know (read_document shows that one). A score under 0.3 means: probably about something else. `not_found`
    lists words of the query that stand in none of the passages and almost nowhere in the documents; `keywords`
    lists words of the query by the title of a document that is filed under them.
    """
    found = context.resource(Library).look_up(query, audience=context.audience)
    relevant = [passage for passage in found.passages if passage.score >= NOTHING_BELOW]
    passages = readable(relevant or found.passages[:3], max_tokens=MAX_TOKENS)
    data: dict[str, Any] = {"found": len(passages) if relevant else 0}
    if found.not_found:
        data["not_found"] = list(found.not_found)
    if found.keywords:
        data["keywords"] = {title: list(words) for title, words in found.keywords.items()}
    if not relevant:
        data["hint"] = "Nothing fits well. Try other words, or say that the documents do not say."
    return ToolResult(data, passages)
