"""What is said to small talk where no language model answers: one sentence each, with questions one could ask."""

from collections.abc import Mapping, Sequence
from typing import cast

from agent.text import shorten
from agent.translation.speech import current, mark, name_all, say_in_answer
from agent.types import JsonObject
from tools.extractive.small_talk import SmallTalk

N_EXAMPLES = 2
N_TITLES = 5
TITLE_CHARS = 80
ASK = mark("Ask me something about the company's documents{examples}.")
_SENTENCES: Mapping[SmallTalk, str] = {
    SmallTalk.FILLER: ASK,
    SmallTalk.GREETING: mark("Hello! Ask me something about the company's documents{examples}."),
    SmallTalk.ACKNOWLEDGEMENT: mark("Good. Ask me whenever something else comes up."),
    SmallTalk.THANKS: mark("You're welcome! Ask me whenever something else comes up."),
    SmallTalk.FAREWELL: mark("Goodbye! Ask me whenever something comes up."),
    SmallTalk.ABOUT_BOT: mark(
        "I answer questions from the company's own documents, with the pages I take each answer from{examples}."
    ),
    SmallTalk.WHO_TO_ASK: mark(
        "Ask me about something first{examples}; then I look for who is named on the pages about it."
    ),
}
NO_DOCUMENTS = mark("There are no documents yet that I may answer from here.")


def reply(kind: SmallTalk, examples: Sequence[str], listings: Sequence[JsonObject]) -> str:
    """Returns the sentence for small talk of a kind.

    ``examples`` are questions that the documents answer; ``listings`` results of list_documents, whose titles take
    their place where there are none.
    """
    listing = next((result for result in listings if "documents" in result), {})
    titles = _list_titles(listing)
    if kind is SmallTalk.ABOUT_DOCUMENTS:
        return _describe(listing, titles)
    return say_in_answer(_SENTENCES[kind], examples=_name_examples(examples, titles))


def _name_examples(examples: Sequence[str], titles: Sequence[str]) -> str:
    if examples:
        named = _join([f"“{example}”" for example in examples[:N_EXAMPLES]], "or")
        return say_in_answer(", for example {examples}", examples=named)
    if titles:
        return say_in_answer(", for example about {titles}", titles=_join(titles[:N_EXAMPLES], "or"))
    return ""


def _describe(listing: JsonObject, titles: Sequence[str]) -> str:
    """Describes the documents there are: how many, from which sources, the titles that changed last."""
    n_found = int(str(listing.get("found") or 0))
    if not n_found:
        return say_in_answer(NO_DOCUMENTS)
    sources = [f"*{name}*" for name in cast("Sequence[str]", listing.get("sources") or ())]
    from_ = say_in_answer(" from {sources}", sources=_join(sources)) if sources else ""
    if n_found == 1:
        which = say_in_answer(": {titles}", titles=titles[0]) if titles else ""
        return say_in_answer("I know one document{from_}{which}.", from_=from_, which=which)
    shown = titles[:N_TITLES]
    form = mark(", among them {titles}") if n_found > len(shown) else mark(": {titles}")
    which = say_in_answer(form, titles=_join(shown)) if shown else ""
    return say_in_answer("I know {n} documents{from_}{which}.", n=n_found, from_=from_, which=which)


def _list_titles(listing: JsonObject) -> list[str]:
    documents = cast("Sequence[Mapping[str, object]]", listing.get("documents") or ())
    titles = [shorten(" ".join(str(document.get("title") or "").split()), TITLE_CHARS) for document in documents]
    return [f"“{title}”" for title in dict.fromkeys(titles) if title]


def _join(items: Sequence[str], style: str = "standard") -> str:
    return name_all(items, style, language=current().answer)
