"""What is said to small talk where no language model answers: one sentence each, with questions one could ask."""

from collections.abc import Mapping, Sequence
from typing import cast

from agent.text import shorten
from agent.types import JsonObject
from tools.extractive.small_talk import SmallTalk

N_EXAMPLES = 2
N_TITLES = 5
TITLE_CHARS = 80
ASK = "Ask me something about the company's documents{examples}."
_SENTENCES: Mapping[SmallTalk, str] = {
    SmallTalk.FILLER: ASK,
    SmallTalk.GREETING: "Hello! " + ASK,
    SmallTalk.ACKNOWLEDGEMENT: "Good. Ask me whenever something else comes up.",
    SmallTalk.THANKS: "You're welcome! Ask me whenever something else comes up.",
    SmallTalk.FAREWELL: "Goodbye! Ask me whenever something comes up.",
    SmallTalk.ABOUT_BOT: (
        "I answer questions from the company's own documents, with the pages I take each answer from{examples}."
    ),
    SmallTalk.WHO_TO_ASK: (
        "Ask me about something first{examples}; then I look for who is named on the pages about it."
    ),
}
NO_DOCUMENTS = "There are no documents yet that I may answer from here."


def reply(kind: SmallTalk, examples: Sequence[str], listings: Sequence[JsonObject]) -> str:
    """Returns the sentence for small talk of a kind.

    ``examples`` are questions that the documents answer; ``listings`` results of list_documents, whose titles take
    their place where there are none.
    """
    listing = next((result for result in listings if "documents" in result), {})
    titles = _list_titles(listing)
    if kind is SmallTalk.ABOUT_DOCUMENTS:
        return _describe(listing, titles)
    return _SENTENCES[kind].format(examples=_name_examples(examples, titles))


def _name_examples(examples: Sequence[str], titles: Sequence[str]) -> str:
    if examples:
        return f", for example {_join([f'“{example}”' for example in examples[:N_EXAMPLES]], 'or')}"
    if titles:
        return f", for example about {_join(titles[:N_EXAMPLES], 'or')}"
    return ""


def _describe(listing: JsonObject, titles: Sequence[str]) -> str:
    """Describes the documents there are: how many, from which sources, the titles that changed last."""
    n_found = int(str(listing.get("found") or 0))
    if not n_found:
        return NO_DOCUMENTS
    sources = [f"*{name}*" for name in cast("Sequence[str]", listing.get("sources") or ())]
    from_ = f" from {_join(sources, 'and')}" if sources else ""
    if n_found == 1:
        return f"I know one document{from_}: {titles[0]}." if titles else f"I know one document{from_}."
    shown = titles[:N_TITLES]
    which = f", among them {_join(shown, 'and')}" if n_found > len(shown) else f": {_join(shown, 'and')}"
    return f"I know {n_found:,} documents{from_}{which if shown else ''}."


def _list_titles(listing: JsonObject) -> list[str]:
    documents = cast("Sequence[Mapping[str, object]]", listing.get("documents") or ())
    titles = [shorten(" ".join(str(document.get("title") or "").split()), TITLE_CHARS) for document in documents]
    return [f"“{title}”" for title in dict.fromkeys(titles) if title]


def _join(items: Sequence[str], word: str) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {word} {items[-1]}"
