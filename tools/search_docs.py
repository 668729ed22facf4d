"""The tool that searches the company's documents.

A call and its result, as a model sees them::

    {"query": "How many days of leave can I carry over?"}
    {"found": 2, "passages": [{"n": 1, "title": "Annual leave", "heading": "Carrying over", "url": "…",
     "document_id": "…", "score": 0.91, "text": "You can carry over 5 days …"}, …]}
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from itertools import zip_longest

from agent.errors import ToolError
from agent.prompting import citations
from agent.tools import ToolContext, ToolLabels, ToolResult, tool
from agent.translation.speech import mark
from agent.types import JsonValue, Passage, SettledAnswer
from ingest.library import Library
from ingest.verified import screen
from ingest.verified.answers import VerifiedAnswer
from tools.evidence import Strength, evidence_strength
from tools.extractive import question
from tools.passages import describe_documents, make_readable
from tools.rewording import suggest_rewording

MAX_TOKENS = 1_500  # of passage text per search: of 260 questions one shows fewer facts than with 2,000
RELEVANT_FROM = 0.03  # below this score hardly any passage that answers was found, in training
NOTHING_FITS = "Nothing fits well. Try other words, or say that the documents do not say."
LOOSELY_RELATED = (
    "These passages are only loosely related to the query. If they do not answer, search once more with other "
    "words, such as those in `try`, or read a section of it with read_document; else say that the documents do "
    "not say."
)
_WEB = re.compile(r"https?://[^\s()<>\[\]]{1,800}")
_UNLINKABLE = re.compile(r"[\[\]()<>\n]+")


LABELS = ToolLabels(
    status=mark("is searching the documents…"),
    running=mark("Searching the documents"),
    done=mark("Searched the documents"),
    nothing=mark("Nothing found"),
)


@tool(only_passages=True, labels=LABELS)
def search_docs(query: str, source: str = "", since: str = "", *, context: ToolContext) -> ToolResult:
    """Search the company's documents; returns numbered passages, best first, each with title, heading and score.

    Use it for anything that may stand in a document, and again with other words when the passages do not
    answer. Write the query as a full question or as key words in the documents' language, naming what it is
    about; it does not see the conversation. Do not use it for greetings, arithmetic, or a document you already
    know (read_document shows that one). `source` (a name that list_documents shows) and `since` (a day such as
    2026-01-31: documents changed from then on) narrow the search; leave them out unless the question asks for
    that. A score under 0.3 means: probably about something else; `is_weak`: the passages probably do not
    answer; then `try` has words of these documents to search for instead of words of the query, and sections.
    `updated` is the day of a document's last change, `expired` the last day on which it held. `not_found` lists
    words of the query that stand in none of the passages and almost nowhere in the documents; `keywords`
    lists words of the query by the title of a document that is filed under them; `read_in_part` says of which
    documents a part could not be read, so that the answer may stand there. `verified` says which passages are
    answers that a person of the company has verified, to the question in their title: where one answers the
    question, it is right, also against other passages.
    """
    library = context.resource(Library)
    (whole, *others), known = library.search_parts(
        list_queries(query),
        audience=context.audience,
        sources=_sources(source, library, context),
        since=_day(since),
    )
    passages = select_passages([lookup.passages for lookup in (whole, *others)])
    data: dict[str, JsonValue] = {"found": len(passages)}
    if whole.not_found:
        data["not_found"] = list(whole.not_found)
    if whole.keywords:
        data["keywords"] = {title: list(words) for title, words in whole.keywords.items()}
    verified = {id_: known[id_] for passage in passages if (id_ := passage.document_id) in known}
    if verified:
        data |= describe_verified(verified)
    same = screen.find_same(query, verified.values())
    passages, gaps = describe_documents(passages, library)
    if gaps:
        data["read_in_part"] = gaps
    is_weak = not same and evidence_strength(query, passages, whole.not_found) is Strength.WEAK
    if is_weak and (instead := suggest_rewording(query, passages, whole.passages)):
        data["try"] = instead
    return ToolResult(
        data,
        passages,
        cost_usd=sum((lookup.cost_usd for lookup in others), whole.cost_usd),
        is_weak=is_weak,
        hint=(LOOSELY_RELATED if passages else NOTHING_FITS) if is_weak else "",
        settled=SettledAnswer(same.id.hex, write_settled(same)) if same else None,
    )


def list_queries(query: str) -> list[str]:
    """Returns what is searched for: the query, and each of its questions where it has several."""
    parts = [part.text for part in question.split(query)]
    return [query, *(parts if len(parts) > 1 else ())]


def select_passages(found: Sequence[Sequence[Passage]]) -> tuple[Passage, ...]:
    """Returns the passages to show of what was found for each query: those near enough, as many as have room."""
    relevant = [passage for passage in _merge(*found) if passage.score >= RELEVANT_FROM]
    return make_readable(relevant, max_tokens=MAX_TOKENS)


def describe_verified(verified: Mapping[str, VerifiedAnswer]) -> dict[str, JsonValue]:
    """Returns what a model is told of verified answers, and the documents that they rest on: what is said from
    an answer is for those who may read these, too."""
    documents = {one.id: one.title for answer in verified.values() for one in answer.documents}
    told: dict[str, JsonValue] = {
        "verified": [
            {
                "title": answer.question,
                "document_id": id_,
                "by": answer.author_name,
                "on": answer.verified_at.date().isoformat(),
            }
            for id_, answer in verified.items()
        ]
    }
    if documents:
        told["documents"] = [{"title": title, "document_id": id_} for id_, title in documents.items()]
    return told


def write_settled(answer: VerifiedAnswer) -> str:
    """Returns the text of a verified answer as it is given: without the numbers of its own passages, with links to
    what it rests on."""
    text = citations.strip_references(answer.answer, keeps_links=True).rstrip()
    cited = [one for one in answer.documents if one.is_cited]
    links = [f"[{_UNLINKABLE.sub(' ', one.title).strip()}]({one.url})" for one in cited]
    linked = [link for link, one in zip(links, cited, strict=True) if _WEB.fullmatch(one.url)]
    return f"{text}\n\nIt rests on {', '.join(linked)}." if linked else text


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


def _merge(*rankings: Sequence[Passage]) -> list[Passage]:
    """Takes the first of each ranking, then the second of each: every part of a question has its passages."""
    in_turn = [passage for rank in zip_longest(*rankings) for passage in rank if passage]
    best: dict[str, Passage] = {}
    for passage in in_turn:
        known = best.get(passage.chunk_id, passage)
        best[passage.chunk_id] = passage if passage.score > known.score else known
    return list(best.values())
