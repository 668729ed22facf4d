"""Says our own sentences in the language of the person for whom something is done here and now.

Who begins the work binds the language (:func:`speak`, :func:`switch`); it holds for the thread and for whatever
starts with a copy of its context. Sentences stand in English in the code, where :func:`mark` or the call that says
them finds them for the catalogues. What operators read, and what models read, is never translated.
"""

import string
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from babel.lists import format_list
from babel.numbers import format_decimal

from agent.translation import catalogues
from agent.translation.languages import REGIONS, Speech

_SPEECH: ContextVar[Speech] = ContextVar("speech", default=Speech())  # noqa: B039  it is frozen
_ENDS_SENTENCE = ("。", "！", "？")  # after which Chinese and Japanese write no space


def mark(sentence: str) -> str:
    """Returns the sentence as it is: it is said later, and the catalogues have to know it."""
    return sentence


@contextmanager
def speak(speech: Speech) -> Iterator[None]:
    """Speaks this while the block runs."""
    token = _SPEECH.set(speech)
    try:
        yield
    finally:
        _SPEECH.reset(token)


def switch(speech: Speech) -> None:
    """Speaks this from here on, until the block of :func:`speak` around it ends."""
    _SPEECH.set(speech)


def current() -> Speech:
    """Returns what is spoken here."""
    return _SPEECH.get()


def say(sentence: str, /, **values: object) -> str:
    """Says a sentence in the person's language; ``values`` fill its placeholders, numbers as written there.

    >>> with speak(Speech("de")): say("Nothing found"), say("{n:,} of {most:,}", n=7, most=12_000)
    ('Nichts gefunden', '7 of 12.000')
    """
    return say_in(current().person, sentence, **values)


def say_in_answer(sentence: str, /, **values: object) -> str:
    """Says a sentence of an answer's text: in the language of the question."""
    return say_in(current().answer, sentence, **values)


def say_in(language: str, sentence: str, /, **values: object) -> str:
    """Says a sentence in a language."""
    if not sentence:  # under which catalogues keep a header
        return ""
    return _fill(catalogues.load(language).gettext(sentence), language, values)


def say_plural(one: str, many: str, n: int, /, **values: object) -> str:
    """Says one of two sentences in the person's language, by the number ``n``, which both may name.

    >>> say_plural("{n} passage", "{n} passages", 1), say_plural("{n} passage", "{n} passages", 2)
    ('1 passage', '2 passages')
    """
    language = current().person
    return _fill(catalogues.load(language).ngettext(one, many, n), language, {"n": n, **values})


def join(sentences: Sequence[str | None]) -> str:
    """Joins those of the sentences that say something, with a space where the language has one.

    >>> join(["One.", "", "Two."]), join(["一つ。", "二つ。"])
    ('One. Two.', '一つ。二つ。')
    """
    text = ""
    for sentence in filter(None, sentences):
        text += sentence if not text or text.endswith(_ENDS_SENTENCE) else f" {sentence}"
    return text


def name_all(items: Sequence[str], style: str = "standard", *, language: str = "") -> str:
    """Joins items as a sentence names them: with "and", or with "or" in the style ``or``.

    >>> name_all(["a", "b", "c"]), name_all(["a", "b"], "or")
    ('a, b and c', 'a or b')
    """
    region = REGIONS[language or current().person]
    return format_list(list(items), style, region) if items else ""  # type: ignore[arg-type]


class _LocalFormatter(string.Formatter):
    """Formats as ``str.format`` does, but whole numbers as the language writes them."""

    def __init__(self, language: str) -> None:
        self._region = REGIONS[language]

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and format_spec in {"", ","}:
            return format_decimal(value, locale=self._region)
        return str(super().format_field(value, format_spec))


def _fill(sentence: str, language: str, values: dict[str, object]) -> str:
    return _LocalFormatter(language).vformat(sentence, (), values) if values else sentence
