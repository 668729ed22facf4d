"""Decodes text, whatever encoding it was saved in.

Promises to refuse binary data and to accept text. An encoding that is neither marked nor declared is guessed:
nearly always correctly from two lines on, not always from a single word.
"""

import codecs
import re
from contextlib import suppress

from charset_normalizer import from_bytes

from ingest.documents.raw import FetchProblem

_MARKS = (  # UTF-32 first: its mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes({*range(0x20)} - {*b"\t\n\v\f\r\x1b"})
_MOST_CONTROLS = 0.1  # of a text in UTF-8, by mistake; random bytes have as many, but are not UTF-8
_MOST_OTHER_CONTROLS = 0.01
_GUESSED_BYTES = 50_000  # from the first line that is not ASCII
_GUESSES = [
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
]
_CYRILLIC = re.compile(  # Cyrillic words, at least one of them with a capital (Hebrew would have none)
    r"(?=[^А-ЯЁ]*[А-ЯЁ])(?:[\x00-\x7f«»–—№…“”]|(?<![A-Za-zА-яёЁ])(?:[А-ЯЁ]?[а-яё]+|[А-ЯЁ]+)(?![A-Za-zА-яёЁ]))*"
)
_LETTER = "[A-Za-zÀ-ÖØ-öø-ÿŒœŠšŽžŸ]"
_NOT_WESTERN = re.compile(rf"{_LETTER}[¹³¿¶¼¾£¥ª±¡¤¦¯²¸º]{_LETTER}")
_NEVER_BOTH = (
    {*"ìøòù"},
    {*"šžŠŽ"},
)  # in one Western text; read as cp1252, Czech and its neighbours have both (ěřňů and šž)
_HANJA = re.compile("[一-鿿]")
HANJA_SHARE = 0.1  # of a Korean text's characters; with more it is short Chinese, which is often guessed as Korean
_FOREIGN = re.compile(r"[^\x00-\x7f\ufffd]")


def decode(content: bytes, *, declared: str | None = None) -> str:
    """Decodes a text and makes every line end ``\\n``; ``declared`` is the encoding that the document names.

    Raises :class:`FetchProblem` for binary data.
    """
    return _decode_bytes(content, declared).replace("\r\n", "\n").replace("\r", "\n")


def _decode_bytes(content: bytes, declared: str | None) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    if _is_utf_8(content):
        return content.decode("utf-8-sig", errors="replace")
    for encoding in (_detect_utf_16(content), declared or "", *_guess_encodings(content)):
        with suppress(ValueError, LookupError):  # a declared encoding may be misspelt or not a text encoding
            return content.decode(encoding)
    raise FetchProblem("is not text, despite its name", "save it as UTF-8, or remove it")


def _is_utf_8(content: bytes) -> bool:
    """Returns whether a text is UTF-8, a few broken characters aside."""
    if _count_controls(content) > _MOST_CONTROLS * len(content):
        return False
    text = content.decode(errors="replace")
    n_broken = text.count("\ufffd")
    return not n_broken or content.startswith(codecs.BOM_UTF8) or len(_FOREIGN.findall(text)) > 3 * n_broken


def _detect_utf_16(content: bytes) -> str:
    """Returns the byte order of unmarked UTF-16, empty for other text.

    In most scripts spaces, line ends and digits make every second byte zero, and no other byte is.
    """
    n_even, n_odd = content[::2].count(0), content[1::2].count(0)
    if (
        _count_controls(content) > n_even + n_odd
        or max(n_even, n_odd) < 0.1 * len(content)
        or min(n_even, n_odd) > 0.01 * len(content)
    ):
        return ""
    return "utf-16-le" if n_odd > n_even else "utf-16-be"


def _guess_encodings(content: bytes) -> list[str]:
    """Returns the likeliest other encodings; none for binary data."""
    if _count_controls(content) > _MOST_OTHER_CONTROLS * len(content):
        return []
    return [_guess(_choose_sample(content)), "cp1252", "latin-1"]


def _count_controls(content: bytes) -> int:
    return len(content) - len(content.translate(None, _CONTROLS))


def _choose_sample(content: bytes) -> bytes:
    """Returns up to ``_GUESSED_BYTES``, in whole lines where possible, so that no character is cut."""
    first = next((match.start() for match in re.finditer(rb"[\x80-\xff]", content)), 0)
    start = content.rfind(b"\n", 0, first) + 1
    if len(content) <= start + _GUESSED_BYTES:
        return content[start:]
    end = content.rfind(b"\n", start, start + _GUESSED_BYTES)
    return content[start : end if end > first else start + _GUESSED_BYTES]


def _guess(sample: bytes) -> str:
    """Returns charset-normalizer's guess, corrected for Western texts, some Russian, and short Chinese."""
    if (cyrillic := _try_decode(sample, "cp1251")) and _CYRILLIC.fullmatch(cyrillic):
        return "cp1251"
    best = from_bytes(sample, cp_isolation=_GUESSES).best()
    guess = best.encoding if best else "cp1252"
    if guess == "cp1250" and _is_western(sample):
        return "cp1252"
    if guess == "cp949" and len(_HANJA.findall(sample.decode(guess))) > HANJA_SHARE * len(sample) / 2:
        return "gb18030" if _try_decode(sample, "gb18030") else guess
    return guess


def _is_western(sample: bytes) -> bool:
    text = _try_decode(sample, "cp1252")
    return bool(text and not _NOT_WESTERN.search(text) and not all(set(text) & letters for letters in _NEVER_BOTH))


def _try_decode(sample: bytes, encoding: str) -> str | None:
    try:
        return sample.decode(encoding)
    except UnicodeDecodeError:
        return None
