"""The kinds of values that settings of a channel take: how people write them, and how they are stored as JSON.

A stored value that its kind does not take, such as one of another release, counts as not set.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from agent.errors import UserError
from agent.hidden_characters import strip_invisible
from agent.text import shorten

MAX_NAMES = 50
SHOWN_CHARS = 120  # of a text, in a list
MAX_USD = Decimal(100_000)
_SEPARATOR = re.compile(r"[,\n]+")
_MENTION = re.compile(r"<(?:@|!subteam\^)([A-Z0-9]+)(?:\|[^>]*)?>")


class Setting(Protocol):
    """One setting of a channel: the field that it fills, what it is for, and what it takes."""

    @property
    def field(self) -> str:
        """Returns the field of :class:`bot.slack.channels.channel_settings.ChannelSettings`."""

    @property
    def help(self) -> str:
        """Returns what it is for."""

    @property
    def takes_what(self) -> str:
        """Returns what may be written, in words."""

    def parse(self, written: str) -> Any:
        """Returns the JSON of what was written; raises :class:`UserError`."""

    def takes(self, value: object) -> bool:
        """Returns whether a stored value can be used."""

    def read(self, value: Any) -> Any:
        """Returns a stored value as the settings have it."""

    def format(self, value: Any) -> str:
        """Returns a stored value as people write it."""


@dataclass(frozen=True)
class Choice:
    """One of a few values, by what people write."""

    field: str
    values: Mapping[str, Any]
    help: str

    @property
    def takes_what(self) -> str:
        """Returns the words to choose from."""
        *first, last = self.values
        return f"{', '.join(first)} or {last}" if first else last

    def parse(self, written: str) -> Any:
        """Returns the value that was written."""
        if written not in self.values:
            raise UserError(f"'{written}' is no value of it. Write one of: {', '.join(self.values)}, default.")
        return self.values[written]

    def takes(self, value: object) -> bool:
        """Returns whether a stored value is one of them."""
        return any(value == known and type(value) in (type(known), str) for known in self.values.values())

    def read(self, value: Any) -> Any:
        """Returns the value as it was declared."""
        return next(known for known in self.values.values() if known == value)

    def format(self, value: Any) -> str:
        """Returns a value as people write it."""
        return next((written for written, known in self.values.items() if known == value), str(value))


@dataclass(frozen=True)
class FreeText:
    """Words of people's own, of at most so many characters."""

    field: str
    most: int
    help: str
    takes_what: str = "a text in quotes"

    def parse(self, written: str) -> str:
        """Returns the text without characters that nobody sees."""
        text = strip_invisible(written).strip()
        if len(text) > self.most:
            raise UserError(f"It has {len(text):,} characters; at most {self.most:,} are possible. Shorten it.")
        if not text:
            raise UserError("It is empty. Write 'default' to take it out.")
        return text

    def takes(self, value: object) -> bool:
        """Returns whether it is a text of that length."""
        return isinstance(value, str) and 0 < len(value) <= self.most

    def read(self, value: Any) -> str:
        """Returns the text."""
        return str(value)

    def format(self, value: Any) -> str:
        """Returns the beginning of the text, in quotes."""
        return f"“{shorten(' '.join(str(value).split()), SHOWN_CHARS)}”"


@dataclass(frozen=True)
class NameList:
    """Names or ids, each of which looks like ``pattern``."""

    field: str
    pattern: re.Pattern[str]
    help: str
    takes_what: str

    def parse(self, written: str) -> list[str]:
        """Returns the names, each once; ids may be written as mentions."""
        text = _MENTION.sub(r"\1", written)
        parts = [part.strip() for part in _SEPARATOR.split(text) if part.strip()]
        if not all(self.pattern.fullmatch(part) for part in parts):  # ids may stand with spaces between them
            parts = text.replace(",", " ").split()
        names = list(dict.fromkeys(parts))
        if not names:
            raise UserError("It is empty. Write 'default' to take it out.")
        if wrong := next((name for name in names if not self.pattern.fullmatch(name)), None):
            raise UserError(f"'{shorten(wrong, 60)}' is none of them. Write {self.takes_what}.")
        if len(names) > MAX_NAMES:
            raise UserError(f"These are {len(names)}; at most {MAX_NAMES} are possible.")
        return names

    def takes(self, value: object) -> bool:
        """Returns whether it is such a list."""
        if not isinstance(value, list) or not 0 < len(value) <= MAX_NAMES:
            return False
        return all(isinstance(name, str) and self.pattern.fullmatch(name) for name in value)

    def read(self, value: Any) -> tuple[str, ...]:
        """Returns the names."""
        return tuple(str(name) for name in value)

    def format(self, value: Any) -> str:
        """Returns the names, comma-separated."""
        return ", ".join(map(str, value))


@dataclass(frozen=True)
class Dollars:
    """An amount of dollars."""

    field: str
    help: str
    takes_what: str = "dollars, such as 2.50"

    def parse(self, written: str) -> str:
        """Returns the amount as it is stored: a decimal number as text."""
        try:
            amount = Decimal(written.strip().removeprefix("$").replace(",", ""))
        except InvalidOperation:
            raise UserError(f"'{shorten(written, 40)}' is no amount of dollars, such as 2.50.") from None
        if not (amount.is_finite() and 0 <= amount <= MAX_USD):
            raise UserError(f"It must be between 0 and {MAX_USD:,} dollars.")
        return format(amount.quantize(Decimal("0.01")), "f")

    def takes(self, value: object) -> bool:
        """Returns whether it is an amount."""
        try:
            return isinstance(value, str) and 0 <= Decimal(value) <= MAX_USD
        except InvalidOperation:
            return False

    def read(self, value: Any) -> Decimal:
        """Returns the amount."""
        return Decimal(value)

    def format(self, value: Any) -> str:
        """Returns the amount with its sign."""
        return f"${Decimal(value):,.2f}"
