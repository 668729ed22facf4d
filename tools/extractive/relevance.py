"""Scores how well statements answer a question, by a logistic regression over a few named features.

The features are the share of the question's words that the statement has in its place, the cosine of their static
vectors, whether it has the kind of answer asked for, whether it asks itself, and the score of its passage. The
weights are in ``weights.json``, trained by ``make train``; the words of a neighbour, the place where a word stands
and near words were features too, and bought nothing on the collections that were left out.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.embedding.embedder import embed_recurring
from ingest.search.regression import read_regression
from ingest.search.text import stems
from tools.extractive.features import Evidence, Match, Place, idf_weights, match_words
from tools.extractive.question import ParsedQuestion
from tools.extractive.rules import conditions, validity
from tools.extractive.statements import Statement

FEATURES = ("covered", "meaning", "kind", "asks", "passage")
IMPORTANT = 0.2  # share of the weight of all words asked for
OFF_TOPIC = 3.0  # taken from an entry when the question names others of its list
EXCLUDED = 20.0  # taken from an entry whose condition does not hold for what is asked
HOLDS = 2.0  # given to one whose condition does
SUPERSEDED = 2.0  # taken from what a page says that is not in force
FEW = 0.34  # share of a list's entries that a word may be in and still name them
_LEAST_SCORE = 0.002  # of a passage, whose score is rounded
WEIGHTS_FILE = Path(__file__).with_name("weights.json")

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
_FIGURE = re.compile(r"\d")
_DIGITS = re.compile(r"\d{3}")
_INSTRUCTION = re.compile(
    r"(?:^|[,:;] |\b(?:then|and|please|first) )(?:ask|book|bring|call|click|contact|do|enter|file|fill|follow|give"
    r"|go|inform|install|open|post|press|put|read|report|run|send|show|submit|take|tell|use|write)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"@|#[a-z]")
_CODE = re.compile(r"`")
_KINDS = (
    (re.compile(r"\bwie (?:viel|lange|hoch|oft|gro[sß])|\bwieviel|\bfrist\b|\bcombien\b|\bd[ée]lai"
                r"|\bcu[aá]nt[oa]|\bplazo\b|\bquant[oa]s?\b|\bprazo\b|いくら|何[日時円回分人件度歳]|多少|几[天个次]"
                r"|多久|多长"), _FIGURE),
    (re.compile(r"\bwann\b|\bquand\b|\bcu[aá]ndo\b|\bquando\b|いつ|何時|期限|什么时候|何时"), _FIGURE),
    (re.compile(r"\b(?:wer|wen|wem)\b|\bqui\b|\bqui[eé]n|\bquem\b|誰|だれ|谁"), _ADDRESS),
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


Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """How relevant each statement is (the log odds that it answers), and the grounds for answering at all.

    ``coverage`` is the share, by weight, of the words asked for that one passage has. ``is_name_missing`` when no
    passage has a name of the question; ``is_named_without`` when those with most of its names lack another
    important word; ``absent`` are the words asked for that no passage has.
    """

    relevance: Sequence[float]
    coverage: float
    is_name_missing: bool
    is_named_without: bool
    absent: frozenset[str]


@lru_cache(maxsize=24)  # the parts of as many questions as evidence is remembered of
def score(question: ParsedQuestion, evidence: Evidence) -> Scores:
    """Scores every statement, and the grounds for an answer."""
    matches = match_words(question, evidence)
    weights = idf_weights(matches, evidence, question.weights)
    trained = read_regression(WEIGHTS_FILE, FEATURES, "statement")
    relevance = measure(question, evidence, matches, weights) @ trained.weights + trained.constant
    relevance -= OFF_TOPIC * np.array(_find_off_topic(evidence, matches))
    asked = question.text if conditions.find_amounts(question.text) else question.whole
    relevance += np.array(_weigh_conditions(asked, evidence.statements))
    relevance -= SUPERSEDED * np.array(validity.find_superseded(question.whole, evidence.statements))
    unnamed = _share_unnamed(question, evidence, matches)
    return _with_grounds(relevance.tolist(), question, evidence, matches=matches, weights=weights, unnamed=unnamed)


def measure(
    question: ParsedQuestion, evidence: Evidence, matches: Mapping[str, Match], weights: Mapping[str, float]
) -> Numbers:
    """Returns the features of each statement, float64 ``(n_statements, len(FEATURES))``."""
    vector = embed_recurring([question.whole])[0]
    kinds = [answer for asks, answer in _KINDS if asks.search(question.text.lower())]
    features = np.zeros((len(evidence.statements), len(FEATURES)))
    for i, (statement, place) in enumerate(zip(evidence.statements, evidence.places, strict=True)):
        features[i, 0] = _share_covered(place, matches, weights)
        features[i, 2] = _score_kind(statement.text, kinds)
        features[i, 3] = statement.text.endswith(("?", ":"))
        features[i, 4] = _log_odds(statement.score)
    features[:, 1] = evidence.in_place @ vector
    return features


def _with_grounds(
    relevance: Sequence[float],
    question: ParsedQuestion,
    evidence: Evidence,
    *,
    matches: Mapping[str, Match],
    weights: Mapping[str, float],
    unnamed: Mapping[int, float],
) -> Scores:
    asked = sorted(word for word in question.asked if word in matches)
    named = [own for n, own in evidence.stems_by_passage.items() if unnamed[n] == min(unnamed.values())]
    absent = frozenset(word for word in asked if not matches[word])
    total = sum(weights[word] for word in asked)

    def covered(own: set[str]) -> float:
        return sum(
            weights[w] * max((s for other, s in matches[w].items() if other in own), default=0.0) for w in asked
        )

    union: set[str] = set().union(*named)
    elsewhere = [word for word in asked if matches[word] and matches[word].keys().isdisjoint(union)]
    lacking = [word for word in elsewhere if weights[word] >= IMPORTANT * total]
    return Scores(
        relevance,
        coverage=max(map(covered, named)) / total if total else 1.0,
        is_name_missing=not question.names.isdisjoint(absent),
        is_named_without=bool(question.names and lacking),
        absent=absent,
    )


def _find_off_topic(evidence: Evidence, matches: Mapping[str, Match]) -> list[bool]:
    """Returns for each statement whether it is an entry of a list or table of which the question names others.

    A word names entries when few of its list have it: asked for Bergen, the rows of other towns are off topic.
    """
    statements = evidence.statements
    off_topic = [False] * len(statements)
    for entries in _group_entries(statements).values():
        about = {i: stems(statements[i].entry, evidence.language) for i in entries}
        by_word = [{i for i in entries if not match.keys().isdisjoint(about[i])} for match in matches.values()]
        naming = [named for named in by_word if 0 < len(named) <= FEW * len(entries)]
        if naming:
            most = max(sum(i in named for named in naming) for i in entries)
            for i in entries:
                off_topic[i] = sum(i in named for named in naming) < most
    return off_topic


def asks_how(question: str) -> bool:
    """Returns whether a question asks what to do, so that a single step does not answer it."""
    return any(asks.search(question.lower()) for asks, answer in _KINDS if answer is _INSTRUCTION)


def _weigh_conditions(question: str, statements: Sequence[Statement]) -> list[float]:
    """Returns what speaks for each entry of a list, or against it, by whether its condition holds."""
    weights = [0.0] * len(statements)
    for entries in _group_entries(statements).values():
        verdicts = conditions.judge(question, [statements[i].entry for i in entries])
        for i, holds in zip(entries, verdicts, strict=True):
            if holds is not None:
                weights[i] = HOLDS if holds else -EXCLUDED
    return weights


def _group_entries(statements: Sequence[Statement]) -> dict[tuple[int, str], list[int]]:
    """Returns which statements are entries of one list, by passage and lead."""
    lists: dict[tuple[int, str], list[int]] = {}
    for i, statement in enumerate(statements):
        if statement.entry:
            lists.setdefault((statement.n, statement.lead), []).append(i)
    return lists


def _share_covered(place: Place, matches: Mapping[str, Match], weights: Mapping[str, float]) -> float:
    """Returns the share, by weight, of the question's words that stand in a statement or above it."""
    return sum(
        weights[word]
        * max((sure for other, sure in match.items() if any(other in part for part in place)), default=0.0)
        for word, match in matches.items()
    )


def _share_unnamed(question: ParsedQuestion, evidence: Evidence, matches: Mapping[str, Match]) -> dict[int, float]:
    """Returns for each passage which share of the names in the question it lacks."""
    names = [name for name in question.names if name in matches]
    return {
        n: sum(matches[name].keys().isdisjoint(own) for name in names) / len(names) if names else 0.0
        for n, own in evidence.stems_by_passage.items()
    }


def _score_kind(text: str, kinds: Sequence[re.Pattern[str]]) -> float:
    return sum(bool(kind.search(text)) for kind in kinds) / len(kinds) if kinds else 0.0


def _log_odds(score: float) -> float:
    share = min(max(score, _LEAST_SCORE), 1 - _LEAST_SCORE)
    return math.log(share / (1 - share))
