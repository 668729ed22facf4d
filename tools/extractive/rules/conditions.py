"""Compares amounts in a question with the conditions of the rows of a table or the items of a list.

Whoever asks about three years wants the row "2 to 5 years", not the one for more. Reads amounts with a unit
(years, days, euros, percent, …) in English and in figures, with thousands as in 2,500 or 2.500; what it cannot
read is no condition.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_NAMES = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_NUMBER_WORDS = {word: float(i) for i, word in enumerate(_NAMES)}
_UNITS = {
    "minute": "minute", "hour": "hour", "day": "day", "week": "week", "month": "month", "year": "year",
    "working day": "day", "business day": "day", "calendar day": "day", "night": "night", "euro": "euro",
    "dollar": "dollar", "pound": "pound", "percent": "percent", "per cent": "percent", "%": "percent", "€": "euro",
    "eur": "euro", "$": "dollar", "usd": "dollar", "£": "pound", "gbp": "pound", "kilometre": "kilometre",
    "kilometer": "kilometre", "km": "kilometre", "mile": "mile", "person": "person", "people": "person",
    "employee": "person", "guest": "person", "user": "user", "seat": "user", "child": "child", "children": "child",
}  # fmt: skip
_DAYS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}
_COMMAS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DOTS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?")
_NUMBER = rf"(?:{_COMMAS.pattern}|{_DOTS.pattern}(?!\d)|\d+(?:[.,]\d+)?|{'|'.join(_NUMBER_WORDS)})"
_UNIT = "(?:" + "|".join(sorted((re.escape(unit) for unit in _UNITS), key=len, reverse=True)) + r")"


def _amount(which: str) -> str:
    return rf"(?P<before{which}>[€$£])?\s?(?P<number{which}>{_NUMBER})\+?\s?(?P<after{which}>{_UNIT})?s?(?!\w)"


_BEGIN = r"(?<![\w.,])"
_ONE = re.compile(_BEGIN + _amount(""), re.IGNORECASE)
_TWO = re.compile(
    rf"{_BEGIN}(?:between |from )?{_amount('1')}\s?(?:to|-|–|and|or|until)\s?{_amount('2')}", re.IGNORECASE
)
_MORE = re.compile(
    r"(?<!no )(?<!not )(?:more than|over|above|longer than|after|exceeding|beyond|>)\s*$", re.IGNORECASE
)
_AT_LEAST = re.compile(
    r"(?:at least|(?:no|not) (?:less|fewer) than|(?:no|not) (?:under|below|before)|from|as of|starting at|minimum"
    r"|≥)\s*$",
    re.IGNORECASE,
)
_LESS = re.compile(r"(?<!no )(?<!not )(?:less than|fewer than|under|below|before|<)\s*$", re.IGNORECASE)
_AT_MOST = re.compile(
    r"(?:up to|at most|(?:no|not) (?:more|longer) than|(?:no|not) (?:over|above|after|exceeding|beyond)"
    r"|until|within|maximum|≤)\s*$",
    re.IGNORECASE,
)
_OR_MORE = re.compile(r"^\s*(?:or more|and more|or longer|or over|and over|and above|\+)", re.IGNORECASE)
_OR_LESS = re.compile(r"^\s*(?:or less|or fewer|or under|and under|or below)", re.IGNORECASE)


@dataclass(frozen=True)
class Amount:
    """A number of a unit."""

    value: float
    unit: str


@dataclass(frozen=True)
class Range:
    """The amounts of a unit for which something holds. An end belongs to it if it is ``closed`` there."""

    low: float
    high: float
    unit: str
    is_low_closed: bool = True
    is_high_closed: bool = True

    def contains(self, amount: Amount) -> bool:
        """Returns whether an amount of the same unit is within."""
        above = amount.value > self.low or (self.is_low_closed and amount.value == self.low)
        below = amount.value < self.high or (self.is_high_closed and amount.value == self.high)
        return above and below


def find_amounts(text: str) -> list[Amount]:
    """Returns the amounts with a unit that a text names.

    >>> find_amounts("How much notice after 3 years?")
    [Amount(value=3.0, unit='year')]
    """
    return list(_amounts(text))


def _amounts(text: str) -> Iterator[Amount]:
    for match in _ONE.finditer(text):
        unit = _unit(match["before"], match["after"])
        if unit:
            yield Amount(_value(match["number"], unit), unit)


def find_range(text: str) -> Range | None:
    """Returns the range that an entry of a list is about; None where it names none.

    >>> find_range("more than 5 years")
    Range(low=5.0, high=inf, unit='year', is_low_closed=False, is_high_closed=True)
    >>> find_range("2 to 5 years")
    Range(low=2.0, high=5.0, unit='year', is_low_closed=True, is_high_closed=True)
    """
    if two := _TWO.search(text):
        first, second = _unit(two["before1"], two["after1"]), _unit(two["before2"], two["after2"])
        unit = second or first
        low = _convert(Amount(_value(two["number1"], first or unit), first or unit), unit)
        high = _value(two["number2"], unit)
        if unit and low and low.value <= high:
            return Range(low.value, high, unit)
    for one in _ONE.finditer(text):
        if unit := _unit(one["before"], one["after"]):
            return _read_bound(text[: one.start()], Amount(_value(one["number"], unit), unit), _behind(one))
    return None


def _behind(one: re.Match[str]) -> str:
    """Returns what follows an amount: a plus stands between the number and its unit."""
    return "+" if "+" in one[0] else one.string[one.end() :]


def _read_bound(before: str, amount: Amount, after: str) -> Range:
    if _MORE.search(before):
        return Range(amount.value, math.inf, amount.unit, is_low_closed=False)
    if _AT_LEAST.search(before) or _OR_MORE.search(after):
        return Range(amount.value, math.inf, amount.unit)
    if _LESS.search(before):
        return Range(-math.inf, amount.value, amount.unit, is_high_closed=False)
    if _AT_MOST.search(before) or _OR_LESS.search(after):
        return Range(-math.inf, amount.value, amount.unit)
    return Range(amount.value, amount.value, amount.unit)


def judge(question: str, entries: Sequence[str]) -> list[bool | None]:
    """Returns for each entry of a list whether its condition holds for what is asked; None where nothing is known.

    Only where the entries tell ranges apart: at least two have one in a unit of the question, and one is open or
    wide. An entry without a range in that unit is for another case than the one asked for.

    >>> judge("notice after 3 years", ["during probation", "up to 2 years", "2 to 5 years", "more than 5 years"])
    [False, False, True, False]
    """
    ranges = [find_range(entry) for entry in entries]
    for amount in find_amounts(question):
        fitting = [_convert(amount, range_.unit) if range_ else None for range_ in ranges]
        known = [range_ for range_, own in zip(ranges, fitting, strict=True) if range_ and own]
        if len(known) < 2 or all(range_.low == range_.high for range_ in known):
            continue
        holds = [
            bool(range_ and own and range_.contains(own)) for range_, own in zip(ranges, fitting, strict=True)
        ]
        if any(holds):
            return list(holds)
    return [None] * len(entries)


def _convert(amount: Amount, unit: str) -> Amount | None:
    """Returns the amount in another unit of time, or as it is; None where they are not of one kind."""
    if amount.unit == unit:
        return amount
    if amount.unit not in _DAYS or unit not in _DAYS:
        return None
    return Amount(amount.value * _DAYS[amount.unit] / _DAYS[unit], unit)


def _value(number: str, unit: str) -> float:
    """Returns the value of a number as it is written; three decimals are usual of percent only."""
    if number.lower() in _NUMBER_WORDS:
        return _NUMBER_WORDS[number.lower()]
    if _DOTS.fullmatch(number) and unit != "percent":
        number = number.replace(".", "").replace(",", ".")
    return float(number.replace(",", "" if _COMMAS.fullmatch(number) else "."))


def _unit(before: str | None, after: str | None) -> str:
    return _UNITS.get((before or after or "").lower(), "")
