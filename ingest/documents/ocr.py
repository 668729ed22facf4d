"""Whether text recognition is on in this process, and for what."""

from functools import cache
from importlib.util import find_spec

EXTRA = "pip install 'docent-answers[ocr]'"
_PACKAGES = ("rapidocr", "onnxruntime")


@cache
def is_installed() -> bool:
    """Returns whether the extra is there."""
    return all(find_spec(name) for name in _PACKAGES)


def is_on() -> bool:
    """Returns whether scanned pages are recognised here, by the setting ``DOCENT_OCR``."""
    if not is_installed():
        return False
    from ingest import settings  # the child that parses documents has no use for it

    return settings.load().ocr != settings.OcrUse.OFF


def reads_pictures() -> bool:
    """Returns whether pictures are documents here."""
    if not is_on():
        return False
    from ingest import settings

    return settings.load().ocr == settings.OcrUse.ALL


def explain_how() -> str:
    """Returns what to do so that scans are read."""
    if is_installed():
        return "set DOCENT_OCR=scans, or run text recognition (OCR) on it and save it again"
    return f"install Docent's extra for text recognition ({EXTRA}), or run OCR on it and save it again"
