"""Questions that name a section of a document, such as those that are suggested below an answer.

Whoever asks so wants to read that section: it is read, not searched for.
"""

import re
from dataclasses import dataclass

_QUESTION = "What does “{title}” say about “{heading}”?"
_ASKS = re.compile(r"What does “(?P<title>[^“”]{1,300})” say about “(?P<heading>[^“”]{1,100})”\?")


@dataclass(frozen=True)
class NamedSection:
    """A document's title and one of its headings.

    >>> NamedSection("Annual leave", "The winter rule").ask()
    'What does “Annual leave” say about “The winter rule”?'
    """

    title: str
    heading: str

    def ask(self) -> str:
        """Returns the question."""
        return _QUESTION.format(title=self.title, heading=self.heading)


def read(question: str) -> NamedSection | None:
    """Returns the section that a question asks for; None for any other question.

    >>> read(NamedSection("Annual leave", "The winter rule").ask())
    NamedSection(title='Annual leave', heading='The winter rule')
    """
    asked = _ASKS.fullmatch(question.strip())
    return NamedSection(asked["title"], asked["heading"]) if asked else None
