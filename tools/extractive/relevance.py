"""How well a statement answers a question: shared words, nearness in meaning, the kind of answer asked for.

The weights were chosen on 54 questions of our own over 246 handbook pages, and NEIGHBOUR, IN_TITLE and BESIDE anew
on 150 over the sample handbook. Half or twice of any one of them changes the facts found there, or on 50 other
questions to the 246 pages, by four at most.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.embedding import embed
from ingest.search.text import stems
from tools.extractive.features import Evidence, Match, Place, matches, rarity
from tools.extractive.question import ParsedQuestion
from tools.extractive.statements import Statement

IN_TEXT, IN_LEAD, IN_HEADING, IN_TITLE = 0.6, 0.45, 0.35, 0.45  # what a word of the question is worth where
OWN_MEANING, MEANING_IN_PLACE = 0.4, 1.5  # cosine of the statement alone, and with its title and heading
KIND, PASSAGE_SCORE = 0.2, 1.0
NEIGHBOUR = 0.3  # of the better neighbour's relevance: answers stand together
UNNAMED = 0.8  # of a passage that holds none of the names in the question
TELLS_MUCH = 0.2  # share of all that the words asked for tell
BESIDE = 0.5  # of an entry, when the question names others of its list
FEW = 0.34  # share of a list's entries that a word may stand in and still name them
TOO_SHORT_CHARS, TOO_SHORT, ASKS_ITSELF = 25, 0.15, 0.3

_QUANTITY = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|once|twice|daily|weekly|monthly"
    r"|annually|unlimited|maximum|minimum)\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\d|\b(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|mon|tues|wednes|thurs|fri|satur|sun)(?:day|[a-z]*)\b"
    r"|\b(?:days?|hours?|weeks?|months?|years?|minutes?|deadline|before|after|within|until|every|immediately)\b",
    re.IGNORECASE,
)
_PERSON = re.compile(
    r"@|#[a-z]|\b(?:e-?mail|contact|supervisor|manager|team|director|officer|employees?|people|staff|lead|specialist"
    r"|desk|anyone|everyone)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"[a-z]\.(?:gov|com|org|net|io)\b|#[a-z]|\b(?:floor|room|building|street|avenue|suite|located|location|office"
    r"|side|folder|page|site|website|channel|wing)\b",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d{3}")
_INSTRUCTION = re.compile(
    r"(?:^|[,:;] |\b(?:then|and|please|first) )(?:ask|book|bring|call|click|contact|do|enter|file|fill|follow|give"
    r"|go|inform|install|open|post|press|put|read|report|run|send|show|submit|take|tell|use|write)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"@|#[a-z]")
_CODE = re.compile(r"`")
_KINDS = (
    (re.compile(r"\bhow (?:many|much|soon|long|often|early|fast|late|old|far|big|high)\b|\bmaxim|\bminim"
                r"|\bmost\b|\blimit\b|\brate\b|\bcost|\bprice|\blength\b|\bexpir|\bnumber\b|\bphone\b"
                r"|\bcode\b"), _QUANTITY),
    (re.compile(r"\bwhen\b|\bhow (?:soon|long|often|early|fast|late)\b|\bdeadline\b|\bexpir|\bdate\b"), _TIME),
    (re.compile(r"\bwho(?:m|se)?\b|\be-?mail\b|\bcontact\b"), _PERSON),
    (re.compile(r"\bwheres?\b|\bwebsite\b|\blink\b|\burl\b|\bfloor\b|\bchannel\b|\baddress\b"), _PLACE),
    (re.compile(r"\be-?mail\b|\bwrite to\b"), _ADDRESS),
    (re.compile(r"\bwhat (?:do|should|must|can) (?:i|we) do\b|\bwhat now\b"
                r"|\bhow (?:do|can|should|must) (?:i|we)\b"), _INSTRUCTION),
    (re.compile(r"\bcommands?\b|\bin the shell\b"), _CODE),
    (re.compile(r"\bphone\b|\bnumber\b|\bcode\b|\baddress\b"), _DIGITS),
)  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """How relevant each statement is (about 4 is a certain answer), and the grounds there are for an answer.

    ``coverage`` is the share of the words asked for that one passage holds, by what they tell. ``is_name_missing``
    when no passage holds a name of the question; ``is_named_without`` when those that hold most of its names
    lack another word that tells much; ``absent`` are the words asked for that no passage holds.
    """

    relevance: Sequence[float]
    coverage: float
    is_name_missing: bool
    is_named_without: bool
    absent: frozenset[str]


def judged(question: ParsedQuestion, evidence: Evidence) -> Scores:
    """Judges every statement."""
    statements = evidence.statements
    matched = matches(question, evidence)
    telling = rarity(matched, evidence, question.weights)
    unnamed = _unnamed(question, evidence, matched)
    asked = embed([question.whole])[0]
    own, in_place = (evidence.own @ asked).tolist(), (evidence.in_place @ asked).tolist()
    kinds = [answer for asks, answer in _KINDS if asks.search(question.text.lower())]
    beside = _beside(statements, matched)
    alone = [
        _shared(evidence.places[i], matched, telling)
        + OWN_MEANING * own[i]
        + MEANING_IN_PLACE * in_place[i]
        + KIND * _kind(statement.text, kinds)
        + PASSAGE_SCORE * statement.score
        - UNNAMED * unnamed[statement.n]
        - _flaws(statement.text)
        for i, statement in enumerate(statements)
    ]
    relevance = [
        value + NEIGHBOUR * _better_neighbour(statements, alone, i) - BESIDE * beside[i]
        for i, value in enumerate(alone)
    ]
    return _with_grounds(relevance, question, evidence, matched=matched, telling=telling, unnamed=unnamed)


def _with_grounds(
    relevance: Sequence[float],
    question: ParsedQuestion,
    evidence: Evidence,
    *,
    matched: Mapping[str, Match],
    telling: Mapping[str, float],
    unnamed: Mapping[int, float],
) -> Scores:
    asked = sorted(word for word in question.asked if word in matched)
    named = [held for n, held in evidence.held.items() if unnamed[n] == min(unnamed.values())]
    absent = frozenset(word for word in asked if not matched[word])
    total = sum(telling[word] for word in asked)

    def share(held: set[str]) -> float:
        return sum(
            telling[w] * max((s for other, s in matched[w].items() if other in held), default=0.0) for w in asked
        )

    union: set[str] = set().union(*named)
    elsewhere = [word for word in asked if matched[word] and matched[word].keys().isdisjoint(union)]
    lacking = [word for word in elsewhere if telling[word] >= TELLS_MUCH * total]
    return Scores(
        relevance,
        coverage=max(map(share, named)) / total if total else 1.0,
        is_name_missing=not question.names.isdisjoint(absent),
        is_named_without=bool(question.names and lacking),
        absent=absent,
    )


def _beside(statements: Sequence[Statement], matched: Mapping[str, Match]) -> list[bool]:
    """Which entries of a list or table are not those that the question names.

    A word names entries when few of its list hold it: asked for Bergen, the rows of other towns are beside the
    point.
    """
    lists: dict[tuple[int, str], list[int]] = {}
    for i, statement in enumerate(statements):
        if statement.entry:
            lists.setdefault((statement.n, statement.lead), []).append(i)
    beside = [False] * len(statements)
    for entries in lists.values():
        about = {i: stems(statements[i].entry) for i in entries}
        named = [{i for i in entries if not found.keys().isdisjoint(about[i])} for found in matched.values()]
        naming = [held for held in named if 0 < len(held) <= FEW * len(entries)]
        if naming:
            most = max(sum(i in held for held in naming) for i in entries)
            for i in entries:
                beside[i] = sum(i in held for held in naming) < most
    return beside


def _shared(place: Place, matched: Mapping[str, Match], telling: Mapping[str, float]) -> float:
    worth = 0.0
    for word, found in matched.items():
        for value, stems_ in zip((IN_TEXT, IN_LEAD, IN_HEADING, IN_TITLE), place, strict=True):
            if not found.keys().isdisjoint(stems_):
                worth += value * telling[word]
                break
    return worth


def _unnamed(question: ParsedQuestion, evidence: Evidence, matched: Mapping[str, Match]) -> dict[int, float]:
    """Of each passage: which share of the names in the question it does not hold."""
    names = [name for name in question.names if name in matched]
    return {
        n: sum(matched[name].keys().isdisjoint(held) for name in names) / len(names) if names else 0.0
        for n, held in evidence.held.items()
    }


def _kind(text: str, kinds: Sequence[re.Pattern[str]]) -> float:
    return sum(bool(kind.search(text)) for kind in kinds) / len(kinds) if kinds else 0.0


def _flaws(text: str) -> float:
    short = TOO_SHORT if len(text) < TOO_SHORT_CHARS else 0.0
    return short + (ASKS_ITSELF if text.endswith(("?", ":")) else 0.0)


def _better_neighbour(statements: Sequence[Statement], values: Sequence[float], i: int) -> float:
    around = (j for j in (i - 1, i + 1) if 0 <= j < len(values) and statements[j].n == statements[i].n)
    return max((values[j] for j in around), default=0.0)
