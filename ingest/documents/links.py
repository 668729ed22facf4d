"""How a path within a source becomes the URL that people click."""

from pathlib import PurePosixPath
from urllib.parse import quote

from ingest.documents import formats


def expand(pattern: str, path: str) -> str:
    """``{file}`` in the pattern is the path; ``{path}`` is it as a site would show it: Markdown and text without
    their ending, a folder's index as the folder."""
    shown = str(PurePosixPath(path).with_suffix("")) if formats.is_page(path) else path
    if formats.is_index(path):
        shown = shown[: -len(PurePosixPath(shown).name)]
    return pattern.replace("{path}", _quoted(shown)).replace("{file}", _quoted(path))


def _quoted(path: str) -> str:
    """A file's name may be no Unicode at all."""
    return quote(path, errors="surrogateescape")
