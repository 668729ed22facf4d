"""The rules of gitleaks 8.30.1 (``gitleaks.toml``, MIT, see ``gitleaks.LICENSE``), read for Python.

A rule is tried only on a text that has one of its words, and only then compiled. What is changed: Go's syntax
becomes Python's; words before a key are not part of what is matched, since only the key is taken out; and a key
ends wherever a word ends, since in prose it is followed by a full stop or a bracket. Rules for paths of files are
left out, and those for code in several lines, which would take out what is no secret.
"""

import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

GENERIC = "generic-api-key"
_LEFT_OUT = frozenset(
    {"pkcs12-file", "private-key", "kubernetes-secret-yaml", "curl-auth-header", "nuget-config-password"}
)
_BEFORE = "(?i)[\\w.-]{0,50}?"
_END = "(?:[\\x60'\"\\s;]|\\\\[nr]|$)"
_FLAG = re.compile(r"\(\?i\)")


@dataclass(frozen=True)
class Allowlist:
    """Values that are none although they look like it."""

    regexes: tuple[re.Pattern[str], ...]
    stopwords: tuple[str, ...]
    takes_match: bool  # the regexes look at the whole match, and not at the value alone

    def allow(self, match: str, value: str) -> bool:
        """Returns whether the value is none."""
        looked_at = match if self.takes_match else value
        lower = value.lower()
        return any(regex.search(looked_at) for regex in self.regexes) or any(w in lower for w in self.stopwords)


@dataclass(frozen=True)
class Rule:
    """One kind of secret. ``keywords`` are in lower case; ``source`` is the pattern as gitleaks has it."""

    id: str
    source: str
    keywords: tuple[str, ...]
    entropy: float
    group: int
    allowlists: tuple[Allowlist, ...]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Returns the pattern for Python."""
        return re.compile(translate(self.source))

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yields where the values stand."""
        for match in self.pattern.finditer(text):
            group = self.group or next((n for n in range(1, len(match.groups()) + 1) if match[n]), 0)
            value = match[group]
            if not value or compute_entropy(value) < self.entropy:
                continue
            if self.id == GENERIC and not _may_be_generic(text, match.start(group), value):
                continue
            if not any(listed.allow(match[0], value) for listed in (*self.allowlists, load()[1])):
                yield match.span(group)


def find(text: str, lower: str) -> Iterator[tuple[int, int]]:
    """Yields where values of any rule stand, some within others; ``lower`` is the text in lower case."""
    for keyword, rules in _by_keyword().items():
        if keyword in lower:
            for rule in rules:
                if next(word for word in rule.keywords if word in lower) == keyword:  # once for each rule
                    yield from rule.find(text)


def compute_entropy(value: str) -> float:
    """Computes Shannon's entropy in bits a character.

    >>> compute_entropy("aaaa"), compute_entropy("abcd")
    (0.0, 2.0)
    """
    n = len(value)
    return -sum(k / n * math.log2(k / n) for k in Counter(value).values()) + 0.0


def translate(source: str) -> str:
    r"""Writes a pattern of Go for Python.

    >>> translate(r"\b(p8e-(?i)[a-z0-9]{32})\z")
    '\\b(p8e-(?i:[a-z0-9]{32}))\\Z'
    """
    pattern = source.removeprefix(_BEFORE)
    flags = "(?i)" if pattern != source else ""
    pattern = (
        pattern.replace(_END, r"(?![\w-])")
        .replace(r"\z", r"\Z")
        .replace("[:alnum:]", "0-9A-Za-z")
        .replace("(?i)(?i)", "(?i)")
    )
    if pattern.startswith("(?i)"):
        flags, pattern = "(?i)", pattern[4:]
    while flag := _FLAG.search(pattern):
        end = _find_group_end(pattern, flag.end())
        pattern = f"{pattern[: flag.start()]}(?i:{pattern[flag.end() : end]}){pattern[end:]}"
    return flags + pattern


def _may_be_generic(text: str, start: int, value: str) -> bool:
    """Returns whether a value with an ordinary word before it may be a key: an address with one is for sharing."""
    word = text[max(0, start - 2_000) : start].rsplit(maxsplit=1)[-1:]
    return "://" not in "".join(word) and any(character.isdigit() for character in value)


def _find_group_end(pattern: str, start: int) -> int:
    """Returns where the group ends within which the place stands: a flag in Go lasts until there."""
    depth, i, in_class = 0, start, False
    while i < len(pattern):
        character = pattern[i]
        if character == "\\":
            i += 1
        elif in_class:
            in_class = character != "]"
        elif character == "[":
            in_class = True
        elif character == "(":
            depth += 1
        elif character == ")":
            if not depth:
                return i
            depth -= 1
        i += 1
    return len(pattern)


@cache
def load() -> tuple[Sequence[Rule], Allowlist]:
    """Reads the file: the rules, and what no rule finds."""
    content = tomllib.loads(files("agent.secrets").joinpath("gitleaks.toml").read_text(encoding="utf-8"))
    rules = [_to_rule(table) for table in content["rules"] if table["id"] not in _LEFT_OUT]
    return rules, _to_allowlist(content["allowlist"])


@cache
def _by_keyword() -> Mapping[str, Sequence[Rule]]:
    by_keyword: dict[str, list[Rule]] = {}
    for rule in load()[0]:
        for keyword in rule.keywords:
            by_keyword.setdefault(keyword, []).append(rule)
    return by_keyword


def _to_rule(table: Mapping[str, Any]) -> Rule:
    return Rule(
        id=table["id"],
        source=table["regex"],
        keywords=tuple(word.lower() for word in table.get("keywords", ())),
        entropy=table.get("entropy", 0.0),
        group=table.get("secretGroup", 0),
        allowlists=tuple(map(_to_allowlist, table.get("allowlists", ()))),
    )


def _to_allowlist(table: Mapping[str, Any]) -> Allowlist:
    return Allowlist(
        regexes=tuple(re.compile(translate(regex)) for regex in table.get("regexes", ())),
        stopwords=tuple(word.lower() for word in table.get("stopwords", ())),
        takes_match=table.get("regexTarget", "secret") != "secret",
    )
