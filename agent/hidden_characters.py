"""Removes characters that nobody sees: they hide instructions to a model in a text, and words from a search.

The one place that knows them: for documents, questions, messages of a thread and results of tools. Follows
Unicode's property Default_Ignorable_Code_Point. What an honest text needs stays: the joiners of Persian, Indic
scripts and emoji, and the selectors that choose how an emoji or a symbol looks. Rare variants of ideographs and
the flags of regions are lost: the characters that choose them can carry any text unseen.
"""

import re

_EMOJI = "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_IDEOGRAPHS = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Arabic and its neighbours, the Indic scripts, Myanmar, Khmer, Mongolian: letters that join
_JOINING = (
    "\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\u1a20-\u1aad\u1b00-\u1c4f\ua840-\uaaff"
    "\ufb50-\ufdff\ufe70-\ufefe\U00010a00-\U00011fff\U0001e900-\U0001e95f"
)
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # control characters; Postgres refuses NUL
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff"
    "\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\ud800-\udfff\U000e0000-\U000e0fff]"  # halves of characters, tags, variants that carry hidden bytes
    # Selectors stay after what they vary: an emoji, an ideograph or symbol, the digit of a keycap.
    f"|(?<![{_EMOJI}])(?<![0-9#*](?=\ufe0f\u20e3))[\ufe0e\ufe0f]"
    f"|(?<![{_IDEOGRAPHS}{_JOINING}\u2190-\u2bff])[\ufe00-\ufe0d]"
    f"|(?<![{_JOINING}{_EMOJI}])(?<![{_EMOJI}]\ufe0f)[\u200c\u200d]"
    "|[\u200c\u200d](?=[\u200c\u200d])"
)
# Every character that any of these may be about: where there is none, nothing else is looked at.
_SUSPECT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_BREAKS = str.maketrans(dict.fromkeys("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", "\n") | {"\x1f": " "})


def strip_invisible(text: str) -> str:
    """Returns the text without invisible characters, and with every kind of line or page break as ``\\n``.

    >>> strip_invisible("leave\U000e0069\U000e0067 \u200bdays")
    'leave days'
    """
    if not _SUSPECT.search(text):
        return text
    return _INVISIBLE.sub("", text).translate(_BREAKS)
