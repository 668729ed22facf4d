"""Text for people and models, cut to a length."""

ELLIPSIS = "…"


def shorten(text: str, limit: int) -> str:
    """Returns the text, cut to ``limit`` characters with an ellipsis as the last one where it is longer.

    >>> shorten("annual leave", 8)
    'annual …'
    """
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS
