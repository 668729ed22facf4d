"""Takes out of a text what a wall changes from one address and minute to the next, to tell that it is the same.

Clocks and numbers with a label, such as a request's, always go. All numbers and the page's own name go where the
rest is what walls say; elsewhere they may be what a page is about: ``The desk in Berlin opens at 9``.
"""

import re
from urllib.parse import unquote, urlsplit

from ingest.sources.web import wall_words

_MOSTLY = 0.7  # of the words that mean something
_MIN_WORDS = 4  # fewer, such as a name and a number, are no wall's
_MIN_NAME_CHARS = 2
_MAX_CHARS = 5_000  # of a text that is masked; a longer one is no wall's
_URL = r"https?://\S+"
_CODE = r"[#\w.-]{0,40}\d[\w.-]*"
_LABEL = r"(?:reference|ref|request|incident|error|ray|trace|event|ticket|support|correlation|session|transaction"
_LABEL += r"|referenz|vorgang|anfrage|kennung|fehlercode|vorfall|id)"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?[ap]\.?m\b\.?)?(?:\s?(?:z|utc|gmt|uhr)\b)?"
_DATE = r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
_MOMENT_LABEL = r"(?:stand|as of|(?:last )?updated|time|date|zeit|uhrzeit|generated|now|it is|es ist|timestamp)"
_IDS = re.compile(
    rf"{_URL}|#{_CODE}"
    rf"|\b{_LABEL}(?:[ -](?:number|no|nr|id|code|key))?[\s:#.=]{{1,4}}{_CODE}"
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{13,}\b|\b(?=[a-z]*\d)(?=\d*[a-z])[0-9a-z]{10,}\b|\b[0-9a-f]{16,}\b"
    rf"|\b\d{{7,}}\b|\b(?:{_DATE})[ t,]{{1,3}}{_CLOCK}|\b\d{{1,2}}:\d\d:\d\d(?:[.,]\d+)?"
    rf"|\b{_MOMENT_LABEL}[\s:]{{1,3}}(?:{_CLOCK}|{_DATE})",
    re.IGNORECASE,
)
_CODES = re.compile(r"[^\s\d]{0,40}\d\S*")
_SPACES = re.compile(r"\s+")


def mask_ids(text: str) -> str:
    """Takes out addresses, numbers of requests, and times to the second.

    >>> mask_ids("Reference #18.2d17: open from 9 to 17, room 12")
    ': open from 9 to 17, room 12'
    """
    return _SPACES.sub(" ", _IDS.sub(" ", text)).strip()


def mask(text: str, url: str) -> str:
    """Takes out what only the moment and the page's own address have put there."""
    path = urlsplit(url).path
    for part in (url, path, unquote(path)):
        text = text.replace(part, "") if len(part) > 1 else text
    if len(text) > _MAX_CHARS:
        return text
    text = mask_ids(text)
    bare = _SPACES.sub(" ", _CODES.sub("", _without_name(text, path)))
    words = wall_words.split(bare)
    return bare if len(words) >= _MIN_WORDS and wall_words.share(words) >= _MOSTLY else text


def _without_name(text: str, path: str) -> str:
    name = unquote(path).rstrip("/").rpartition("/")[2]
    for one in (name, name.partition(".")[0]):
        words = [re.escape(word) for word in re.split(r"[-_+\s]+", one) if word]
        if len(one) >= _MIN_NAME_CHARS and words:
            text = re.sub(rf"(?<!\w){'[-_+ ]+'.join(words)}(?!\w)", "", text, flags=re.IGNORECASE)
    return text
