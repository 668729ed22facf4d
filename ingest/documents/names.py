"""Names of documents as Postgres can keep them: Unicode without NULs, and short enough for an index."""

import hashlib

MAX_BYTES = 2_000  # of a uri; a row of a B-tree, with the source's name in it, holds 2,704


def escape(text: str) -> str:
    """What is no Unicode, as a file's name may be, is written as its escapes."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")


def shorten(uri: str) -> str:
    """The uri itself, wherever it can be kept; else one that is as unique."""
    name = escape(uri)
    if len(name.encode()) <= MAX_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name.encode()[: MAX_BYTES - 30].decode(errors='ignore')}…{digest}"
