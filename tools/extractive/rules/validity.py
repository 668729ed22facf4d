"""Recognises statements of pages that are not in force: marked so in their title or heading, or older than a
successor of the same title."""

import re
from collections.abc import Sequence

from tools.extractive.statements import Statement

_MARK = re.compile(
    r"\b(?:superseded|obsolete|outdated|deprecated|archived?|withdrawn|repealed|drafts?|not in force"
    r"|no longer (?:valid|in force)|veraltet|entwurf|obsolète|brouillon|obsoleto|borrador|rascunho)\b"
    r"|旧版|廃止|草案|下書き|已废止",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_NUMBERING = re.compile(r"\b(?:19|20)\d\d\b|\bv?\d+(?:\.\d+)*\b|[^\w ]")


def find_superseded(question: str, statements: Sequence[Statement]) -> list[bool]:
    """Returns for each statement whether its page is not in force, unless the question asks for just that."""
    if _MARK.search(question):
        return [False] * len(statements)
    asked = set(_YEAR.findall(question))
    newest = _find_newest(statements)
    return [_is_superseded(statement, asked, newest) for statement in statements]


def _is_superseded(statement: Statement, asked: set[str], newest: dict[str, str]) -> bool:
    place = f"{statement.title} {statement.heading}"
    years = _YEAR.findall(statement.title)
    if asked.intersection(years):
        return False
    is_older = bool(years) and max(years) < newest[_key(statement.title)]
    return is_older or bool(_MARK.search(place))


def _find_newest(statements: Sequence[Statement]) -> dict[str, str]:
    """Returns the latest year in the titles that are the same but for years and numbers."""
    newest: dict[str, str] = {}
    for statement in statements:
        if years := _YEAR.findall(statement.title):
            key = _key(statement.title)
            newest[key] = max(newest.get(key, ""), *years)
    return newest


def _key(title: str) -> str:
    return " ".join(_NUMBERING.sub(" ", title.lower()).split())
