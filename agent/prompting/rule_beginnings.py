"""Where in a text a rule of ``instruction_rules.txt`` may match: where one of the beginnings of the rules stands.

A rule that is tried at each character is slow: Python looks for no fixed letters where letter case does not count.
Promises to name each place at which a rule matches, and few others. Reads the rules with the parser of :mod:`re`,
so that whoever adds a rule need not think of its beginning.
"""

import re
from collections.abc import Iterator, Sequence
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

START = r"(?:^|(?<=[.!?])\s)\W*"  # of a sentence or a line
_LINE_START = r"^\W{0,3}"
_MAX_ATOMS = 8  # of a beginning
_START_PLACE = re.compile(r"^|(?<=[.!?])\s", re.MULTILINE)
_BETWEEN = r"\W+"
_STOP = ""  # ends a beginning where what follows is not worked out
_ALIKE = str.maketrans("ıſςϐϑϕϖϰϱϵᲀᲁᲂᲃᲄᲅᲆᲇᲈ", "isσβθφπκρεвдосттъѣꙋ")
_Beginning = tuple[str, ...]  # regular expressions, each of one letter or of what is between words
_Trie = dict[str, "_Trie"]


class Beginnings:
    """The beginnings of rules."""

    def __init__(self, rules: Sequence[str]) -> None:
        self._any = _compile(rules)
        self._of_sentences = _compile([rule for rule in rules if START in rule])

    def find(self, text: str) -> list[int]:
        """Returns the places at which a rule may match, in order."""
        plain = _to_lower(text)
        places: set[int] = set()
        for hit in self._any.finditer(plain):
            at = hit.start()
            places.add(at)
            places.update(near for near in range(max(at - 3, 0), at) if near == 0 or text[near - 1] == "\n")
        for hit in self._of_sentences.finditer(plain):
            begin = hit.start()
            while begin and not (text[begin - 1].isalnum() or text[begin - 1] == "_"):
                begin -= 1
            start = _START_PLACE.search(text, begin, hit.start() + 1)
            places |= {start.start()} if start else set()
        return sorted(places)


def _to_lower(text: str) -> str:
    """Returns a text of the same length in which letters that :mod:`re` takes for one another are the same."""
    return text.replace("İ", "i").lower().translate(_ALIKE)


def _compile(rules: Sequence[str]) -> re.Pattern[str]:
    trie: _Trie = {}
    for rule in rules:
        tree = parser.parse(rule.replace(START, "").replace(_LINE_START, ""), re.IGNORECASE | re.MULTILINE)
        for beginning in sorted(_begin(tree)):
            _add(trie, beginning)
    bounded = trie.pop(r"\b", {})
    return re.compile(rf"\b(?={_to_regex(bounded)})|(?={_to_regex(trie)})")


def _begin(tree: Any) -> set[_Beginning]:
    """Returns the beginnings of what a parsed expression matches; what is around them is left out."""
    found: set[_Beginning] = {()}
    for operation, value in tree:
        going_on = {one for one in found if len(one) < _MAX_ATOMS and _STOP not in one}
        if not going_on:
            break
        name = str(operation)
        if name == "AT":
            at_edge = str(value) == "AT_BOUNDARY" and () in found
            found = (found - {()}) | {(r"\b",)} if at_edge else found
        elif name not in {"ASSERT", "ASSERT_NOT"}:
            more = _begin_one(name, value)
            found -= going_on
            found |= {(one + other)[:_MAX_ATOMS] for one in going_on for other in more}
    return found


def _begin_one(name: str, value: Any) -> set[_Beginning]:
    if name == "LITERAL":
        return {(re.escape(_to_lower(chr(value))),)}
    if name == "IN":
        return _begin_class(value)
    if name == "BRANCH":
        return set().union(*map(_begin, value[1]))
    if name == "SUBPATTERN":
        return _begin(value[3])
    if name in {"MAX_REPEAT", "MIN_REPEAT"}:
        least, most, inner = value
        once = _begin(inner)
        if most > 1 and once != {(_BETWEEN,)}:
            once = {(*one * max(least, 1), _STOP) for one in once}
        return once | ({()} if not least else set())
    return {(_STOP,)}


def _begin_class(parts: Sequence[tuple[Any, Any]]) -> set[_Beginning]:
    letters: set[_Beginning] = set()
    is_between = True
    for kind, value in parts:
        if str(kind) == "LITERAL":
            letters.add((re.escape(_to_lower(chr(value))),))
            is_between &= not (chr(value).isalnum() or chr(value) == "_")
        elif str(kind) != "CATEGORY" or str(value) != "CATEGORY_SPACE":
            return {(_STOP,)}
        else:
            letters.add((_STOP,))
    return {(_BETWEEN,)} if is_between and (_STOP,) in letters else letters


def _add(trie: _Trie, beginning: _Beginning) -> None:
    for atom in beginning:
        if atom == _STOP:
            break
        trie = trie.setdefault(atom, {})
    trie[_STOP] = {}


def _to_regex(trie: _Trie) -> str:
    """Returns an expression for the beginnings in a trie; one that matches nothing for an empty trie."""
    if _STOP in trie:
        return ""
    branches = [atom + _to_regex(rest) for atom, rest in trie.items()]
    return f"(?:{'|'.join(branches)})" if branches else "(?!)"


def matches(rules: re.Pattern[str], beginnings: Beginnings, text: str) -> Iterator[re.Match[str]]:
    """Yields what ``rules.finditer`` yields."""
    end = 0
    for place in beginnings.find(text):
        match = rules.match(text, place) if place >= end else None
        if match:
            yield match
            end = max(match.end(), place + 1)
