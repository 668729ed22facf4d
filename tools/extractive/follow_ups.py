"""Rewrites a follow-up question so that it can be understood without the conversation, by rule.

"and how do I cancel it?" after "Who can get the transit subsidy?" becomes both, the earlier first: search and
the extractive answerer look at words, not at grammar, and need the words that it refers to.
"""

import re
from collections.abc import Sequence

from ingest.search.text import content_words
from tools.extractive import replacements, small_talk

MAX_OWN_WORDS = 3  # a question with more content words is understood alone
_CONTINUES = re.compile(
    r"^(?:and|or|but|so|also|then|what about|how about|what if|same|otherwise|why not|is that|does that)\b",
    re.IGNORECASE,
)
_REFERS = re.compile(
    r"\b(?:it|its|that|this|those|these|them|they|their|he|she|him|her|one|ones|(?<!is )(?<!are )there|the same"
    r"|instead|the other|the latter|the former)\b",
    re.IGNORECASE,
)
_FRAGMENT = re.compile(r"^(?:and |or |but |so )?(?:what about|how about|what if|same|why not)\b", re.IGNORECASE)
_VERB = r"(?:is|are|was|were|do|does|did|can|could|may|might|must|should|shall|will|would|has|have|need)"
_CLAUSE = re.compile(rf"\b{_VERB}\b\W+\w", re.IGNORECASE)
_ABOUT_SOMETHING_NEW = re.compile(  # "how long must a password be?", but not "what is the deadline?"
    rf"\b(?:who|what|which|when|where|why|how)\b.{{0,200}}\b{_VERB}\s+(?:(?:a|an|any|my|our|your|all|every|each)\s+)?"
    r"(?!(?:i|we|you|the)\b)(\w+)",
    re.IGNORECASE,
)


def rewrite(question: str, earlier_questions: Sequence[str]) -> str:
    """Returns the question after the earlier one it refers to, if any; earlier questions oldest first.

    >>> rewrite("and how do I cancel it?", ["Who can get the transit subsidy?"])
    'Who can get the transit subsidy? and how do I cancel it?'
    """
    return f"{find_background(question, earlier_questions)} {question.strip()}".strip()


def find_background(question: str, earlier_questions: Sequence[str]) -> str:
    """Returns the earlier question this one refers to, itself rewritten; empty if it can be understood alone.

    What the question puts another thing in the place of is left out.

    >>> find_background("and sick leave?", ["How many days of annual leave can I carry over?"])
    'How many days of leave can I carry over?'
    """
    before = [earlier.strip() for earlier in earlier_questions if earlier.strip()]
    if not before or small_talk.needs_no_search(question) or not _is_follow_up(question):
        return ""
    if small_talk.recognise(before[-1]):
        return find_background(question, before[:-1])
    return replacements.leave_out(question, rewrite(before[-1], before[:-1]))


def _is_follow_up(question: str) -> bool:
    """Returns whether it refers back, or lacks a verb or a subject of its own."""
    n_own = len(content_words(question))
    if n_own == 0 or n_own > MAX_OWN_WORDS:
        return n_own == 0
    if _REFERS.search(question):
        return True
    if not _CLAUSE.search(question) or _FRAGMENT.match(question):
        return n_own == 1 or bool(_CONTINUES.match(question))
    about = _ABOUT_SOMETHING_NEW.search(question)
    return n_own == 1 and not (about and content_words(about[1]))
