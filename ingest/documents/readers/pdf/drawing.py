"""Draws a page of a PDF, so that its text can be recognised."""

from typing import Any

import pypdfium2

from ingest.documents.raw import FetchProblem

_SCALE = 200 / 72  # 200 dots an inch; recognition is no better with more
_UNDRAWABLE = "cannot be drawn", "open it in a PDF reader and save it again"


def draw_page(content: bytes, number: int, *, max_pixels: int) -> Any:
    """Returns the pixels of a page, which counts from 1, uint8 ``(height, width, 3)``; raises
    :class:`FetchProblem`."""
    try:
        pdf = pypdfium2.PdfDocument(content)
        page = pdf[number - 1]
        area = max(page.get_width() * page.get_height(), 1.0)
        scale = min(_SCALE, (max_pixels / area) ** 0.5)
        bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False, may_draw_forms=False)
        pixels = bitmap.to_numpy()[:, :, :3].copy()
    except (pypdfium2.PdfiumError, MemoryError, ValueError, IndexError) as error:
        raise FetchProblem(*_UNDRAWABLE) from error
    bitmap.close()
    page.close()
    pdf.close()
    return pixels
