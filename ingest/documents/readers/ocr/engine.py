"""Runs the networks that find and read lines of text in a picture: the only module that imports rapidocr.

Their weights are in its wheel (PP-OCRv6, small). Takes 3 s of a processor and 0.9 GB for a page of 30 lines.
"""

from functools import cache
from typing import Any

from ingest.documents.readers.ocr.layout import RecognizedLine

_ONE_THREAD = {
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Global.log_level": "critical",
}


def recognize(pixels: Any) -> list[RecognizedLine]:
    """Returns the lines of a picture, uint8 ``(height, width, 3)``, in no order."""
    found = _engine()(pixels)
    if found.boxes is None or not found.txts:
        return []
    return [
        RecognizedLine(
            text=str(text).strip(),
            left=float(box[:, 0].min()),
            top=float(box[:, 1].min()),
            right=float(box[:, 0].max()),
            bottom=float(box[:, 1].max()),
        )
        for box, text in zip(found.boxes, found.txts, strict=True)
        if str(text).strip()
    ]


@cache
def _engine() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(params=_ONE_THREAD)
