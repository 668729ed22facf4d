"""Makes a follow-up question understandable without the conversation, by rule.

"and how do I cancel it?" after "Who can get the transit subsidy?" becomes both, the earlier first: search and
the extractive answerer look at words, not at grammar, and need the words it leans on.
"""

import re
from collections.abc import Sequence

from ingest.words import content_words

MAX_OWN_WORDS = 3  # a question with more words of its own says by itself what it is about
_LEANS = re.compile(
    r"^(?:and|or|but|so|also|then|what about|how about|what if|same|otherwise|why not|is that|does that)\b"
    r"|\b(?:it|its|that|this|those|these|them|they|their|he|she|him|her|one|ones|there|the same|instead|the other"
    r"|the latter|the former)\b",
    re.IGNORECASE,
)


def standalone(question: str, earlier_questions: Sequence[str]) -> str:
    """The question, after the earlier one it leans on, if it leans on one; earlier questions oldest first."""
    return f"{background(question, earlier_questions)} {question.strip()}".strip()


def background(question: str, earlier_questions: Sequence[str]) -> str:
    """The earlier question this one leans on, itself made standalone; empty if it stands alone."""
    before = [earlier.strip() for earlier in earlier_questions if earlier.strip()]
    if not before or not _leans(question):
        return ""
    return standalone(before[-1], before[:-1])


def _leans(question: str) -> bool:
    n_own = len(content_words(question))
    return n_own <= 1 or (n_own <= MAX_OWN_WORDS and bool(_LEANS.search(question)))
