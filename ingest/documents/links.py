"""Turns a path within a source into the URL that people click."""

from pathlib import PurePosixPath
from urllib.parse import quote

from ingest.documents import formats


def expand(pattern: str, path: str) -> str:
    """Returns the URL of a document by its source's ``link``.

    ``{file}`` in the pattern is the path; ``{path}`` is the path as a site would show it: Markdown and text
    without their ending, a folder's index as the folder.

    >>> expand("https://handbook.example/{path}", "travel/by train.md")
    'https://handbook.example/travel/by%20train'
    """
    page = str(PurePosixPath(path).with_suffix("")) if formats.is_page(path) else path
    if formats.is_index(path):
        page = page[: -len(PurePosixPath(page).name)]
    return pattern.replace("{path}", _quote(page)).replace("{file}", _quote(path))


def _quote(path: str) -> str:
    return quote(path, errors="surrogateescape")  # a file's name may be invalid Unicode
