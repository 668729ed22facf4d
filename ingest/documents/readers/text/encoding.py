"""Decodes text, whatever encoding it was saved in.

Promises to refuse binary data and to accept text. An encoding that is neither marked nor declared is guessed:
nearly always correctly from two lines on, not always from a single word.
"""

import codecs
import re
import unicodedata
from contextlib import suppress

from charset_normalizer import from_bytes

from ingest.documents.raw import FetchProblem
from ingest.documents.readers.text.inline_data import strip_inline_data

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
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_LEAST_WIDE_CHARS = 4  # unless all are ASCII
_STRANGE = {"Cc", "Cn", "Co", "Cs"}  # control, unassigned, private and half characters
_BULLETS = ("\uf000", "\uf0ff")  # private characters that Word writes for its symbols
_MOST_STRANGE = 0.02  # of a text's characters; random bytes have 0.15
_ONE_STRANGE_CHARS = 20  # of a text in which one may be strange
_LEAST_COMMON = 0.01  # of them: spaces, line ends, digits, marks
_ONE_SCRIPT = 0.8  # of the characters of a line of kana or Thai, which may have no other at all
_UNSPACED_ROWS = {0x0E, 0x30}  # of Unicode's chart: Thai and Lao; kana
_WHITESPACE = "\t\n\v\f\r\x1b"
_WIDE_SPACES = "\u3000\u3001\u3002\uff0c\uff0e\uff01\uff1f\uff1a"
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
    """Decodes a text, makes every line end ``\\n``, and leaves out files that stand in it as letters.

    ``declared`` is the encoding that the document names. Raises :class:`FetchProblem` for binary data.
    """
    text = _decode_bytes(content, declared).replace("\r\n", "\n").replace("\r", "\n")
    return strip_inline_data(text)


def _decode_bytes(content: bytes, declared: str | None) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    if _is_utf_8(content):
        return content.decode("utf-8-sig", errors="replace")
    for encoding in (_detect_wide(content), declared or "", *_guess_encodings(content)):
        with suppress(ValueError, LookupError):  # a declared encoding may be misspelt or not a text encoding
            return content.decode(encoding, errors="replace" if encoding in _WIDE else "strict")
    raise FetchProblem("is not text, despite its name", "save it as UTF-8, or remove it")


def _is_utf_8(content: bytes) -> bool:
    """Returns whether a text is UTF-8, a few broken characters aside."""
    if _count_controls(content) > _MOST_CONTROLS * len(content):
        return False
    text = content.decode(errors="replace")
    n_broken = text.count("\ufffd")
    return not n_broken or content.startswith(codecs.BOM_UTF8) or len(_FOREIGN.findall(text)) > 3 * n_broken


def _detect_wide(content: bytes) -> str:
    """Returns the encoding and byte order of unmarked UTF-16 or UTF-32, empty for other text.

    In either, bytes that are control characters elsewhere are everywhere. Read in the wrong order or width, a text
    has characters that no text has, or letters of many more scripts.
    """
    is_row = any(
        content[at::2].count(row) > _ONE_SCRIPT * len(content) / 2 for row in _UNSPACED_ROWS for at in (0, 1)
    )
    if not is_row and _count_controls(content) <= _MOST_OTHER_CONTROLS * len(content):
        return ""
    found = {encoding: n for encoding in _WIDE if (n := _count_scripts(content, encoding))}
    return min(found, key=found.__getitem__, default="")


def _count_scripts(content: bytes, encoding: str) -> int:
    """Returns how many rows of Unicode's chart a text in this encoding has letters of; 0 if it is none."""
    width = 2 if "16" in encoding else 4
    sample = content[: min(len(content), _GUESSED_BYTES) // width * width]
    text = _try_decode(sample, encoding) or _try_decode(sample[:-width], encoding)  # cut in the middle of a pair
    if not text or (len(text) < _LEAST_WIDE_CHARS and not text.isascii()):
        return 0
    most_strange = max(_MOST_STRANGE * len(text), len(text) >= _ONE_STRANGE_CHARS)
    n_common = sum(char.isascii() or char in _WIDE_SPACES or ord(char) >> 8 in _UNSPACED_ROWS for char in text)
    is_text = sum(map(_is_strange, text)) <= most_strange and n_common >= _LEAST_COMMON * len(text)
    return len({ord(char) >> 8 for char in text}) if is_text else 0


def _is_strange(char: str) -> bool:
    is_usual = char in _WHITESPACE or _BULLETS[0] <= char <= _BULLETS[1]
    return not is_usual and unicodedata.category(char) in _STRANGE


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
