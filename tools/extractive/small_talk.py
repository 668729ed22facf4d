"""Recognises messages that no document answers: greetings, thanks, questions about the bot itself.

Only a message that consists of such phrases is one: "hi, how many days of leave do I have?" is a question. The
phrases are those people type first, in the languages that offices write most.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path

PHRASES = Path(__file__).with_name("small_talk.txt")
MAX_CHARS = 120  # a longer message says something else as well


class SmallTalk(StrEnum):
    """What a message without a question for the documents is; later ones count more in a message of several."""

    FILLER = "filler"  # says nothing alone
    ACKNOWLEDGEMENT = "acknowledgement"
    GREETING = "greeting"
    FAREWELL = "farewell"
    THANKS = "thanks"
    WHO_TO_ASK = "who_to_ask"
    ABOUT_BOT = "about_bot"
    ABOUT_DOCUMENTS = "about_documents"


_EMOJI = re.compile("[\u2190-\u2bff\ufe0f\u200d\u20e3\U0001f000-\U0001faff]+")
_PUNCTUATION = re.compile(
    r"[^\w\s':+-]|(?<!\w)'|'(?!\w)|_(?=\s|$)|(?<!\w)-+|-+(?!\w)|(?<![a-z0-9_+-]):(?![a-z0-9_+-]+:)"
)
_LIST_NAME = re.compile(r"[A-Z]{3,}")
_LENGTHENED = re.compile(r"([^\W\d_])\1{2,}")  # "hiii", "thankssss"


def recognise(message: str) -> SmallTalk | None:
    """Returns what the message is where it is nothing but small talk; None for everything else.

    >>> recognise("Thanks a lot, Docent!"), recognise("hi, how many days of leave do I have?")
    (<SmallTalk.THANKS: 'thanks'>, None)
    """
    if len(message) > MAX_CHARS:
        return None
    text = _normalise(message)
    if not text:
        return SmallTalk.ACKNOWLEDGEMENT if _EMOJI.search(message) else None
    found: list[SmallTalk] = []
    position = 0
    while position < len(text):
        kind, end = _match_longest(text, position)
        if kind is None:
            return None
        found.append(kind)
        position = end + 1
    strongest = max(found, key=list(SmallTalk).index)
    return None if strongest is SmallTalk.FILLER and not _EMOJI.search(message) else strongest


def needs_no_search(message: str) -> bool:
    """Returns whether a message is answered without documents, whatever was said before it.

    "Yes" and "who do I ask?" may go on with what was said before.
    """
    return recognise(message) not in (None, SmallTalk.ACKNOWLEDGEMENT, SmallTalk.WHO_TO_ASK)


def needs_listing(kind: SmallTalk | None, examples: Sequence[str]) -> bool:
    """Returns whether the reply names documents."""
    return kind is SmallTalk.ABOUT_DOCUMENTS or (kind is SmallTalk.ABOUT_BOT and not examples)


@cache
def _load_patterns() -> Mapping[SmallTalk, Sequence[re.Pattern[str]]]:
    """Reads the phrases: lists such as ``BOT = …``, and below ``[kind]`` one regular expression a line."""
    lists: dict[str, str] = {}
    phrases: dict[SmallTalk, list[str]] = {}
    kind = SmallTalk.FILLER
    for line in PHRASES.read_text(encoding="utf-8").splitlines():
        name, _, expression = line.partition(" = ")
        if name.isupper():
            lists[name] = expression
        elif line.startswith("["):
            kind = SmallTalk(line.strip("[]"))
        elif line and not line.startswith("#"):
            phrases.setdefault(kind, []).append(_LIST_NAME.sub(lambda match: lists[match[0]], line))
    return {kind: [re.compile(rf"(?:{line})(?=\s|$)") for line in lines] for kind, lines in phrases.items()}


def _normalise(message: str) -> str:
    text = message.lower().replace("’", "'").replace("`", "'")
    text = _PUNCTUATION.sub(" ", _EMOJI.sub(" ", text))
    return " ".join(_LENGTHENED.sub(r"\1", text).split())


def _match_longest(text: str, position: int) -> tuple[SmallTalk | None, int]:
    """Returns the kind of the longest phrase that begins there, and where it ends; of equals the later kind."""
    best: tuple[SmallTalk | None, int] = (None, position)
    for kind, patterns in _load_patterns().items():
        end = max(
            (match.end() for pattern in patterns if (match := pattern.match(text, position))), default=position
        )
        if end >= best[1] and end > position:
            best = (kind, end)
    return best
