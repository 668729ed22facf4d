"""Languages of documents: how they are written, and which of them search has rules for.

A language is the first part of its tag in lower case (BCP 47), ``de`` for ``de-AT``; empty where it is not known.
"""

import re

SERVED = ("en", "de", "fr", "es", "pt", "ja", "zh")  # search has rules for their words
_TAG = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9-_]{1,30})?", re.IGNORECASE)
_SAME = {"iw": "he", "in": "id", "ji": "yi", "nb": "no", "nn": "no", "cmn": "zh", "yue": "zh"}
_NAMES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "pt": "Portuguese", "ja": "Japanese",
    "zh": "Chinese", "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish",
    "el": "Greek", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ko": "Korean", "lt": "Lithuanian",
    "lv": "Latvian", "ms": "Malay", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "th": "Thai",
    "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese",
}  # fmt: skip
_CODES = {name.lower(): code for code, name in _NAMES.items()}


def parse(text: str) -> str:
    """Returns the language that a tag or an English name stands for; empty for anything else.

    >>> parse("de_AT"), parse("Dutch"), parse("zh-Hant"), parse("a language")
    ('de', 'nl', 'zh', '')
    """
    plain = text.strip().lower()
    match = _TAG.fullmatch(plain)
    code = _CODES.get(plain) or (match[1] if match else "")
    return _SAME.get(code, code)


def describe(language: str) -> str:
    """Returns the name of a language, or its tag where only that is known."""
    return _NAMES.get(language, f"the language '{language}'")


def is_served(language: str) -> bool:
    """Returns whether search has rules for the words of a language; true of one that is not known."""
    return not language or language in SERVED
