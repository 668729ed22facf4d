"""Reads what a statement claims: its values (amounts, dates, times), and the words that say of what.

Two claims with the same words and other values contradict each other; a word that only one of them has is taken
for a condition. Reads figures and the units in :mod:`.claim_words`; what it cannot read stays a word.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from ingest.search.languages import Language, has_cjk, stop_words
from ingest.search.text import STOP_WORDS, detect_language, stem_in, words
from tools.extractive.rules import claim_words
from tools.extractive.statements import Statement

_ACCENTS = re.compile("[\u0300-\u0304\u0306\u0307\u0308\u030a-\u036f]")
_WORD = r"[^\W\d_]+"
_MONTH = "(?:" + "|".join(sorted(claim_words.MONTHS, key=len, reverse=True)) + r")\b\.?"
_DATES = (
    re.compile(r"\b(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)\b"),
    re.compile(r"\b(?P<day>\d{1,2})[./](?P<month>\d{1,2})[./](?P<year>(?:19|20)\d\d)?(?!\d)"),
    re.compile(
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|º|\.)? (?:of |de |d')?(?P<name>{_MONTH})"
        r"(?:,? (?:de )?(?P<year>(?:19|20)\d\d))?"
    ),
    re.compile(
        rf"\b(?P<name>{_MONTH}) (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<year>(?:19|20)\d\d))?(?![.:]?\d)"
    ),
    re.compile(r"(?:(?P<year>(?:19|20)\d\d)年)?(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号]"),
)
_TIME = re.compile(
    rf"(?:\b(?P<since>(?:[01]?\d|2[0-4])(?:[:.h][0-5]\d)?)\s?(?:uhr)?\s?(?:{claim_words.RANGE})\s?)?"
    r"\b(?P<hour>[01]?\d|2[0-4])(?:[:h](?P<minute>[0-5]\d)(?: ?(?P<half>[ap])\.?m\b\.?)?(?: ?uhr)?"
    r"|(?:\.(?P<part>[0-5]\d))? ?(?:(?P<other>[ap])\.?m\b\.?|uhr\b|o'clock|h\b))"
    r"|(?P<cjk>[01]?\d|2[0-4])(?:時(?!間)|点)(?:(?P<past>[0-5]?\d)分)?"
)
_NUMBER = rf"(?:\d+(?:[.,]\d+)*|\b(?:{'|'.join(claim_words.NUMBERS)})\b)"
_AMOUNT = re.compile(
    rf"(?:(?P<least>{claim_words.AT_LEAST})\s+|(?P<most>{claim_words.AT_MOST})\s+)?(?:the |an? |of )?"
    rf"(?P<before>[€$£]|\b(?:eur|usd|gbp)\b)?\s?(?P<from>{_NUMBER})(?:\s?(?:{claim_words.RANGE})\s?(?P<to>{_NUMBER}))?"
    rf"\s?(?P<unit>[%€$£]|(?:日間|日|天|時間|小时|分钟|分|週間|週|周|ヶ月|か月|カ月|个月|年間|年|円|元|人|名|回|次|文字|位)"
    rf"|(?:\s?-?{_WORD}(?:-{_WORD})*))?(?P<then>\s{_WORD})?"
)
_EDITION = re.compile(
    r"\b\d{1,2}[./]\d{1,2}[./](?:19|20)\d\d\b|\b(?:19|20)\d\d(?:[-./]\d+)*\b|\b(?:version |v)\d+(?:\.\d+)*\b"
    r"|(?<![^\W\d_] )\b\d+(?:\.\d+)*(?=[.)]?\s)"  # the number of a section; that of "Building 3" is its name
)
_LAST_WORD = re.compile(rf"({_WORD})\s+$")
_IS = re.compile(r"(?:\b(?:is|are|was|be|ist|sind|est|sont|es|son|e|sao)|[:=])\s*$")
_PERMISSION = "allowed"  # the word for all that say so, and for their opposites
_NEGATED = re.compile(r"n't\b")
_MORE = re.compile(
    r"\b(?:not|cannot|no|nicht|ne)\b(?P<between>[^.;]{0,40}?)\b(?:more|longer|mehr|plus) (?:than|als|de|que)\b"
)
_TRAILING = re.compile(r"[,;] (?:which|who|and|plus|so|please|as well)\b[^\d]*$")
_YEARLY = re.compile(
    r"\b(?:per|a|an|each|every|pro|im|par|por|al|ao)\s(?:full\s|calendar\s)?(?:year|annum|jahr|kalenderjahr|an|ano)\b"
)


@dataclass(frozen=True)
class Value:
    """A number of a ``unit``, from ``low`` to ``high``; ``bound`` is -1 for at least, 1 for at most, else 0."""

    unit: str
    low: float
    high: float
    bound: int = 0


@dataclass(frozen=True)
class StatedClaim:
    """What a statement says: its ``values`` in order, of what (``words``, stemmed), and whether it denies it."""

    words: frozenset[str]
    values: tuple[Value, ...]
    is_denied: bool


def read(statement: Statement) -> StatedClaim:
    """Reads a statement under its title, heading and lead.

    >>> claim = read(Statement(1, "Leave", "", "", "Employees have 25 days of annual leave.", 0.5))
    >>> sorted(claim.words), claim.values
    (['annual', 'leav'], (Value(unit='day', low=25.0, high=25.0, bound=0),))
    """
    return _read(f"{statement.lead} {statement.text}".strip(), f"{statement.title}\n{statement.heading}")


@lru_cache(maxsize=2_000)  # statements: 2 MB
def _read(text: str, place: str) -> StatedClaim:
    language = detect_language(f"{place} {text}")
    rest, values, is_at_most = _take_values(_fold(_TRAILING.sub("", text)))
    own = words(rest)
    forbids = any(word in claim_words.FORBIDDEN for word in own)
    denies = any(word in claim_words.NEGATIONS for word in own) or bool(_NEGATED.search(rest))
    denies = denies or (has_cjk(rest) and any(mark in rest for mark in claim_words.NEGATED_IN_CJK))
    stems = {_stem(word, language) for word in own if _says_something(word, language)}
    stems |= {_stem(word, language) for word in _name_place(place) if _says_something(word, language)}
    if forbids or any(word in claim_words.ALLOWED for word in own):
        stems.add(_PERMISSION)
    return StatedClaim(frozenset(stems), tuple(values), (denies and not is_at_most) != forbids)


def _fold(text: str) -> str:
    """Returns a text in lower case, without accents but those that make another letter of Japanese ones."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("’", "'"))
    return unicodedata.normalize("NFC", _ACCENTS.sub("", plain))


def _take_values(text: str) -> tuple[str, list[Value], bool]:
    """Returns the text without its values, the values, and whether one is denied more than it."""
    text = _YEARLY.sub(" ", text)
    text, is_at_most = _MORE.subn(r"\g<between> at most ", text)
    values: list[Value] = []

    def take_date(match: re.Match[str]) -> str:
        parts = match.groupdict()
        month = claim_words.MONTHS.get((parts.get("name") or "").rstrip("."), 0) or int(parts.get("month") or 0)
        values.append(_read_date(month, int(parts["day"]), is_slashed="/" in match[0]))
        return f" {parts.get('year') or ''} "

    def take_time(match: re.Match[str]) -> str:
        hour = int(match["hour"] or match["cjk"])
        half = match["half"] or match["other"]
        hour += 12 * (half == "p" and hour < 12) - 12 * (half == "a" and hour == 12)
        minutes = float(60 * hour + int(match["minute"] or match["part"] or match["past"] or 0))
        since = re.split("[:.h]", match["since"]) if match["since"] else None
        begin = 60.0 * int(since[0]) + int(since[1] if len(since) > 1 else 0) if since else minutes
        values.append(Value("clock", begin, minutes))
        return " "

    def take_amount(match: re.Match[str]) -> str:
        value, rest = _read_amount(match)
        if value:
            values.append(value)
        return f" {rest} "

    for pattern in _DATES:
        text = pattern.sub(take_date, text)
    text = _TIME.sub(take_time, text)
    text = _AMOUNT.sub(take_amount, text)
    return text, values, bool(is_at_most)


def _read_date(month: int, day: int, *, is_slashed: bool) -> Value:
    """Returns a date; 3/4 is of March or of April, so it excludes only what is written as it is."""
    if is_slashed and month > 12:
        month, day = day, month
    unit = "slashed date" if is_slashed and day <= 12 else "date"
    return Value(unit, month * 100 + day, month * 100 + day)


def _read_amount(match: re.Match[str]) -> tuple[Value | None, str]:
    """Returns an amount and the words beside it that are no unit; no amount where a number is a name."""
    unit, then = (match["unit"] or "").strip(" -"), (match["then"] or "").strip()
    following = f"{unit} {then}".strip()
    known = claim_words.UNITS.get(match["before"] or unit, "")
    if not known and then in claim_words.UNITS:  # "25 working days"
        known, following = claim_words.UNITS[then], unit
    elif known and not match["before"]:
        following = then
    is_word = unit.replace("-", "").isalpha() and not has_cjk(unit)
    if not known and is_word and not _is_stop_word(unit) and not _is_name(match):
        known, following = unit, then
    if not known and not _IS.search(match.string[: match.start()]):
        return None, match[0]
    low, high = _parse(match["from"]), _parse(match["to"] or match["from"])
    bound = -1 if match["least"] else 1 if match["most"] else 0
    return Value(_stem(known, Language.ENGLISH), low, high, bound), following


def _is_name(match: re.Match[str]) -> bool:
    """Returns whether a number tells one thing from another, as in "building 3": what it stands behind says so."""
    last = _LAST_WORD.search(match.string[: match.start("from")])
    if last is None or match["least"] or match["most"]:
        return False
    return not (_is_stop_word(last[1]) or last[1] in claim_words.SAYING_LITTLE)


def _parse(number: str) -> float:
    """Returns a number as it is written, with thousands as in 2,500 or 2.500."""
    if number in claim_words.NUMBERS:
        return claim_words.NUMBERS[number]
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", number):
        return float(re.sub("[.,]", "", number))
    head, _, decimals = number.replace(",", ".").rpartition(".")
    return float(f"{head.replace('.', '')}.{decimals}" if head else decimals)


def _name_place(place: str) -> list[str]:
    """Returns the words of title and heading that do not just name a page or an edition of it."""
    plain = _EDITION.sub(" ", _fold(place))
    for name in claim_words.NAMING_IN_CJK:
        plain = plain.replace(name, " ")
    return [word for word in words(plain) if word not in claim_words.NAMING_A_PAGE]


def _says_something(word: str, language: Language) -> bool:
    if word in claim_words.CONDITIONS:
        return True
    ignored = claim_words.SAYING_LITTLE | claim_words.NEGATIONS | claim_words.ALLOWED | claim_words.FORBIDDEN
    is_stop_word = word in STOP_WORDS if language is Language.ENGLISH else word in stop_words(language)
    return not is_stop_word and word not in ignored


def _is_stop_word(word: str) -> bool:
    return word in STOP_WORDS or any(word in stop_words(language) for language in Language)


def _stem(word: str, language: Language) -> str:
    return word if has_cjk(word) else stem_in(word, language)
