"""What an answer that found nothing goes on with: questions that the documents answer, and whom to ask instead."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.turn.events import Finished
from agent.types import EndReason

N_EXAMPLES = 2


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
            examples = " or ".join(f"“{example}”" for example in self.examples[:N_EXAMPLES])
            sentences.append(f"You could ask, for example, {examples}.")
        if self.contact:
            sentences.append(f"For this, ask {self.contact}.")
        return " ".join(sentences)

    def greet(self, titles: Sequence[str] = ()) -> str:
        """Returns what is said to a message without words; ``titles`` are of documents to ask about.

        >>> Suggestions().greet(["Annual leave", "Travel"]).partition(". ")[0]
        "Ask me something about the company's documents, for example about “Annual leave” or “Travel”"
        """
        example = f", for example “{self.examples[0]}”" if self.examples else ""
        if titles and not example:
            named = [f"“{title}”" for title in titles]
            example = f", for example about {' or '.join(filter(None, [', '.join(named[:-1]), named[-1]]))}"
        return (
            f"Ask me something about the company's documents{example}. I answer in this thread, with my sources."
        )
