"""Pictures as documents, and pages that hold no text: what recognition reads of them.

A picture has no text of its own, so :func:`read` only says that there is one to recognise.
"""

from ingest.documents.blocks import Document, Scans
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem
from ingest.documents.readers.ocr import layout


def read(content: bytes, *, max_chars: int) -> Document:
    """Raises :class:`FetchProblem` with the picture as the one page to recognise."""
    advice = "install Docent's extra 'ocr', or leave it out with exclude"
    raise FetchProblem("is a picture", advice, scans=Scans((1,)))


def recognize_page(content: bytes, format_: Format, number: int) -> Document:
    """Recognises the text of a picture, or of one page of a PDF, which counts from 1."""
    from ingest.documents.readers.ocr import engine, pixels

    if format_ == Format.PDF:
        from ingest.documents.readers.pdf import drawing

        drawn = drawing.draw_page(content, number, max_pixels=pixels.MAX_PIXELS)
    else:
        drawn = pixels.decode_picture(content)
    lines = [] if pixels.is_too_narrow(drawn) else engine.recognize(drawn)
    return Document("", tuple(layout.make_blocks(lines, page=number if format_ == Format.PDF else 0)))
