"""Pictures of pages: a page of a PDF drawn, or a PNG or JPEG decoded; the only module that imports Pillow.

Promises pictures of at most :data:`MAX_PIXELS`, and not to decode one of more than :data:`MAX_DECODED_PIXELS`.
"""

from io import BytesIO
from typing import Any

from ingest.documents.raw import FetchProblem

MAX_PIXELS = 4_000_000  # of what is recognised: A4 at 205 dots an inch
MAX_DECODED_PIXELS = 50_000_000  # of a picture file; 150 MB
_MAX_ASPECT = 20  # of width to height or the other way: beyond, it is a line or a banner
_DAMAGED = "is a damaged picture", "open it, save it again as PNG or JPEG, or remove it"


def decode_picture(content: bytes) -> Any:
    """Returns the pixels of a PNG or JPEG, upright, on white: uint8 ``(height, width, 3)``; raises
    :class:`FetchProblem`."""
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the size is checked here
    try:
        picture = Image.open(BytesIO(content), formats=["PNG", "JPEG"])
        if picture.width * picture.height > MAX_DECODED_PIXELS:
            cause = f"has more than {MAX_DECODED_PIXELS // 1_000_000} million pixels"
            raise FetchProblem(cause, "make it smaller, or leave it out with exclude")
        upright = ImageOps.exif_transpose(picture)
        clear = upright.convert("RGBA")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise FetchProblem(*_DAMAGED) from error
    paper = Image.new("RGB", clear.size, "white")
    paper.paste(clear, mask=clear.getchannel("A"))
    n_pixels = paper.width * paper.height
    if n_pixels > MAX_PIXELS:
        scale = (MAX_PIXELS / n_pixels) ** 0.5
        paper = paper.resize((max(1, int(paper.width * scale)), max(1, int(paper.height * scale))))
    return np.array(paper)


def is_too_narrow(pixels: Any) -> bool:
    """Returns whether a picture is so narrow or so low that no page of text looks like it."""
    height, width = pixels.shape[:2]
    return bool(max(height, width) > _MAX_ASPECT * max(1, min(height, width)))
