"""What an answer goes on with: more of what its documents say, or where it found nothing, whom to ask instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from agent.translation.speech import join, mark, name_all, say
from agent.turn.events import Finished
from agent.types import CitedPassage, EndReason
from bot.slack.replies.closing.buttons import MAX_SUGGESTIONS, SuggestedQuestion
from bot.slack.replies.output_filter import clean_label
from ingest.documents.chunking import HEADING_SEPARATOR
from ingest.index.table import IndexedHeading
from tools.extractive.sections import NamedSection

N_EXAMPLES = 2
N_DOCUMENTS = 3  # cited ones whose headings are offered
SHORTEST_CHARS, LONGEST_CHARS = 4, 70  # of a heading that says enough to ask for, and fits on a button


@dataclass(frozen=True)
class Suggestions:
    """The operator's: ``examples`` are questions (``DOCENT_SUGGESTED_PROMPTS``), ``contact`` is whom to ask."""

    examples: Sequence[str] = ()
    contact: str = ""

    def describe(self, finished: Finished) -> str:
        """Returns the sentences to add to a turn's end; examples only where no document is named either.

        >>> nothing = Finished("I found nothing.", EndReason.NO_EVIDENCE, "", ())
        >>> Suggestions(["Who signs?"], "#ask-people").describe(nothing)
        'You could ask, for example, “Who signs?”. For this, ask #ask-people.'
        """
        if finished.reason is not EndReason.NO_EVIDENCE:
            return ""
        has_pages = bool(finished.sources or finished.closest)
        sentences = []
        if self.examples and not has_pages:
            examples = name_all([f"“{example}”" for example in self.examples[:N_EXAMPLES]], "or")
            sentences.append(say("You could ask, for example, {examples}.", examples=examples))
        if self.contact:
            sentences.append(say("For this, ask {contact}.", contact=self.contact))
        return join(sentences)

    def greet(self, titles: Sequence[str] = ()) -> str:
        """Returns what is said to a message without words; ``titles`` are of documents to ask about.

        >>> Suggestions().greet(["Annual leave", "Travel"]).partition(". ")[0]
        "Ask me something about the company's documents, for example about “Annual leave” or “Travel”"
        """
        sentence = mark("Ask me something about the company's documents.")
        if self.examples:
            sentence = mark("Ask me something about the company's documents, for example {examples}.")
        elif titles:
            sentence = mark("Ask me something about the company's documents, for example about {titles}.")
        named = name_all([f"“{title}”" for title in titles], "or")
        examples = name_all([f"“{example}”" for example in self.examples[:1]])
        said = say(sentence, examples=examples, titles=named)
        return join([said, say("I answer in this thread, with my sources.")])


def list_cited(sources: Sequence[CitedPassage]) -> list[str]:
    """Returns the ids of the first documents that are cited."""
    return list(dict.fromkeys(source.passage.document_id for source in sources))[:N_DOCUMENTS]


def suggest(
    sources: Sequence[CitedPassage], headings: Sequence[IndexedHeading], asked: str = ""
) -> list[SuggestedQuestion]:
    """Makes up to three questions of the headings of cited documents: of what stands after the cited sections
    first, and of each document in turn.

    ``headings`` are those of all of them, in the order of each document, and only what the audience may read. What
    was just ``asked`` is not suggested.
    """
    per_document = [_rank(id_, sources, headings) for id_ in list_cited(sources)]
    in_turn = [heading for rank in zip_longest(*per_document) for heading in rank if heading]
    questions = {question.question: question for heading in in_turn if (question := _ask(heading))}
    questions.pop(asked.strip(), None)
    return list(questions.values())[:MAX_SUGGESTIONS]


def _rank(
    document_id: str, sources: Sequence[CitedPassage], headings: Sequence[IndexedHeading]
) -> list[IndexedHeading]:
    """Returns a document's headings that are not cited: those after the first cited one, then those before."""
    of_document = [heading for heading in headings if heading.document_id == document_id]
    cited = {source.passage.heading_path for source in sources if source.passage.document_id == document_id}
    first = next((n for n, heading in enumerate(of_document) if heading.path in cited), 0)
    return [heading for heading in [*of_document[first:], *of_document[:first]] if heading.path not in cited]


def _ask(heading: IndexedHeading) -> SuggestedQuestion | None:
    """Returns the question for a heading; None where it says too little."""
    leaf = clean_label(heading.path.rpartition(HEADING_SEPARATOR)[2])
    title = clean_label(heading.title)
    if not SHORTEST_CHARS <= len(leaf) <= LONGEST_CHARS or leaf.lower() == title.lower():
        return None
    return SuggestedQuestion(leaf, leaf if leaf.endswith("?") else NamedSection(title, leaf).ask())
