"""Document names that Postgres can store: valid Unicode without NUL, and short enough for an index."""

import hashlib

MAX_BYTES = 2_000  # of a uri; a row of a B-tree, with the source's name in it, holds 2,704


def escape(text: str) -> str:
    """Returns the text with invalid Unicode, which a file's name may contain, and NULs written as escapes."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")


def shorten(uri: str) -> str:
    """Returns the escaped uri; a long one is cut and ends with a hash, so that it stays unique."""
    name = escape(uri)
    if len(name.encode()) <= MAX_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name.encode()[: MAX_BYTES - 30].decode(errors='ignore')}…{digest}"
