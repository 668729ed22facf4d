"""The tool that searches the company's documents."""

from agent.tools import ToolContext, ToolResult, tool
from ingest.library import Library
from tools.passages import readable

MAX_TOKENS = 2_000  # of passage text per search: about what eight chunks have
NOTHING_BELOW = 0.25  # below this score a passage has never answered one of the questions it was tuned on


@tool()
def search_docs(query: str, *, context: ToolContext) -> ToolResult:
    """Search the company's documents; returns numbered passages, best first, each with title, heading and score.

    Use it for anything that may stand in a document, and again with other words when the passages do not
    answer. Write the query as a full question or as key words in the documents' language, naming what it is
    about; it does not see the conversation. Do not use it for greetings, arithmetic, or a document you already
    know (read_document shows that one). A score under 0.3 means: probably about something else.
    """
    found = context.resource(Library).search(query, audience=context.audience)
    relevant = [passage for passage in found if passage.score >= NOTHING_BELOW]
    passages = readable(relevant or found[:3], max_tokens=MAX_TOKENS)
    if relevant:
        return ToolResult({"found": len(passages)}, passages)
    titles = list(dict.fromkeys(passage.title for passage in found))[:3]
    hint = "Nothing fits well. Try other words, or say that the documents do not say."
    return ToolResult({"found": 0, "hint": hint, "closest_titles": titles}, passages)
