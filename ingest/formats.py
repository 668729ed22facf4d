"""Which files are documents: formats by the ending of a name, and how large each may be."""

from pathlib import PurePosixPath
from typing import Literal

Format = Literal["markdown", "text", "html", "webpage", "pdf", "docx"]  # a web page has a site around it

FORMATS: dict[str, Format] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".docx": "docx",
}
MAX_BYTES = 5_000_000  # a larger text file is a log or a dump, and one answer's worth of it is noise
MAX_PACKED_BYTES = 50_000_000  # PDF and Word files hold pictures too
_TEXTUAL = {"markdown", "text", "html"}
_PAGES = {".md", ".markdown", ".txt"}  # a site shows them as pages; other files it serves under their whole name


def of(path: str) -> Format | None:
    """The format that a file's name promises."""
    return FORMATS.get(_suffix(path))


def max_bytes(path: str) -> int:
    """How large a file of this name may be."""
    return MAX_BYTES if of(path) in _TEXTUAL else MAX_PACKED_BYTES


def is_page(path: str) -> bool:
    """Whether a site shows such a file as a page, under its name without the ending."""
    return _suffix(path) in _PAGES


def is_index(path: str) -> bool:
    """Whether it is the page of its folder, which stands under the folder's address."""
    return PurePosixPath(path).stem == "index" and of(path) in _TEXTUAL


def title(path: str) -> str:
    """What a document is called that does not name itself: its file's name, or its folder's if it is the index."""
    pure = PurePosixPath(path)
    is_the_folders = pure.stem.lower() in {"index", "readme"} and len(pure.parts) > 1
    words = (pure.parent.name if is_the_folders else pure.stem).replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()
