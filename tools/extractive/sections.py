"""Questions that name a section of a document, such as those that are suggested below an answer.

Whoever asks so wants to read that section: it is read, not searched for.
"""

import re
from dataclasses import dataclass
from functools import cache

from agent.translation.languages import SPOKEN
from agent.translation.speech import mark, say_in, say_in_answer

_QUESTION = mark("What does “{title}” say about “{heading}”?")
_TITLE, _HEADING = r"(?P<title>[^“”]{1,300})", r"(?P<heading>[^“”]{1,100})"


@dataclass(frozen=True)
class NamedSection:
    """A document's title and one of its headings.

    >>> NamedSection("Annual leave", "The winter rule").ask()
    'What does “Annual leave” say about “The winter rule”?'
    """

    title: str
    heading: str

    def ask(self) -> str:
        """Returns the question, in the language of the one that was asked before."""
        return say_in_answer(_QUESTION, title=self.title, heading=self.heading)


def read(question: str) -> NamedSection | None:
    """Returns the section that a question asks for; None for any other question.

    >>> read(NamedSection("Annual leave", "The winter rule").ask())
    NamedSection(title='Annual leave', heading='The winter rule')
    """
    if "“" not in question:
        return None
    for pattern in _patterns():
        if asked := pattern.fullmatch(question.strip()):
            return NamedSection(asked["title"], asked["heading"])
    return None


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Returns the pattern of the question in each language."""
    written = dict.fromkeys(say_in(language, _QUESTION) for language in SPOKEN)
    return tuple(
        re.compile(re.escape(one).replace(r"\{title\}", _TITLE).replace(r"\{heading\}", _HEADING))
        for one in written
    )
