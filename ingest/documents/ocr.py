"""Whether text recognition is on in this process, and for what; and the limits of a page."""

from enum import StrEnum
from functools import cache
from importlib.util import find_spec

EXTRA = "pip install 'docent-answers[ocr]'"
_PACKAGES = ("rapidocr", "onnxruntime")


class OcrUse(StrEnum):
    """What is recognised, by the setting ``DOCENT_OCR``."""

    ALL = "all"  # scanned pages, and pictures as documents
    SCANS = "scans"
    OFF = "off"


@cache
def is_installed() -> bool:
    """Returns whether the extra is there."""
    return all(find_spec(name) for name in _PACKAGES)


def find_use() -> OcrUse:
    """Returns what is recognised here: nothing without the extra."""
    from ingest import settings

    return OcrUse(settings.load().ocr) if is_installed() else OcrUse.OFF


def explain_how() -> str:
    """Returns what to do so that scans are read."""
    if is_installed():
        return "set DOCENT_OCR=scans, or run text recognition (OCR) on it and save it again"
    return f"install Docent's extra for text recognition ({EXTRA}), or run OCR on it and save it again"
