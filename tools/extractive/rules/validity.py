"""Recognises statements of pages that are not in force.

They are expired, marked so in their title or heading, or older than a successor of the same title, by the year in
the title or in the path.
"""

import re
from collections.abc import Sequence

from tools.extractive.statements import Statement

_MARK = re.compile(
    r"\b(?:superseded|obsolete|outdated|deprecated|archived?|withdrawn|repealed|drafts?|not in force"
    r"|no longer (?:valid|in force)|veraltet|entwurf|obsolète|brouillon|obsoleto|borrador|rascunho)\b"
    r"|旧版|廃止|草案|下書き|已废止",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_NUMBERING = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|\bv?\d+(?:\.\d+)*\b|[^\w ]|_")


def find_superseded(question: str, statements: Sequence[Statement]) -> list[bool]:
    """Returns for each statement whether its page is not in force, unless the question asks for just that."""
    if _MARK.search(question):
        return [False] * len(statements)
    asked = set(_YEAR.findall(question))
    newest = _find_newest(statements)
    return [_is_superseded(statement, asked, newest) for statement in statements]


def _is_superseded(statement: Statement, asked: set[str], newest: dict[tuple[str, str], str]) -> bool:
    years = {key: _YEAR.findall(text) for key, text in _list_dated(statement)}
    if asked.intersection(year for found in years.values() for year in found):
        return False
    is_older = any(found and max(found) < newest[key] for key, found in years.items())
    return is_older or bool(statement.expired) or bool(_MARK.search(f"{statement.title} {statement.heading}"))


def _find_newest(statements: Sequence[Statement]) -> dict[tuple[str, str], str]:
    """Returns the latest year of the titles, and of the paths, that are the same but for years and numbers."""
    newest: dict[tuple[str, str], str] = {}
    for statement in statements:
        for key, text in _list_dated(statement):
            if years := _YEAR.findall(text):
                newest[key] = max(newest.get(key, ""), *years)
    return newest


def _list_dated(statement: Statement) -> list[tuple[tuple[str, str], str]]:
    """Returns what may have a year in it, title and path, by what all editions share of it."""
    title, path = _key(statement.title), _key(statement.url)
    return [(("", title), statement.title), *([((path, title), statement.url)] if path and title else [])]


def _key(text: str) -> str:
    return " ".join(_NUMBERING.sub(" ", text.lower()).split())
