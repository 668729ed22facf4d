"""Names the sections of a document as the site that shows it does, so that a link can open one.

An id in the document itself always counts: of an HTML heading, or ``{#id}`` after a Markdown one. Headings without
one get the name that the renderer of their source makes of the text, if the source says which that is.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import StrEnum
from urllib.parse import quote

from ingest.documents.blocks import BlockKind, Document


class AnchorStyle(StrEnum):
    """Which renderer shows a source's Markdown: its option ``anchors``."""

    IDS = "ids"  # an unknown one: only ids that stand in the document
    GITHUB = "github"
    GITLAB = "gitlab"
    MKDOCS = "mkdocs"
    DOCUSAURUS = "docusaurus"
    SPHINX = "sphinx"
    NONE = "none"  # links open the top of the page


def assign(document: Document, style: AnchorStyle) -> Document:
    """Returns the document with the anchor of each heading.

    >>> from ingest.documents.blocks import Block
    >>> headings = (Block(BlockKind.HEADING, "Q&A: sick leave", level=2),) * 2
    >>> [block.anchor for block in assign(Document("Leave", headings), AnchorStyle.GITHUB).blocks]
    ['qa-sick-leave', 'qa-sick-leave-1']
    """
    headings = [block for block in document.blocks if block.kind == BlockKind.HEADING]
    if not headings:
        return document
    texts = [(block.text, block.anchor) for block in headings]
    top = [] if any(block.level == 1 for block in headings) else [(document.title, "")]  # dropped, as the title
    names = iter([*name_headings([*top, *texts], style)][len(top) :])
    blocks = (
        replace(block, anchor=next(names)) if block.kind == BlockKind.HEADING else block
        for block in document.blocks
    )
    return replace(document, blocks=tuple(blocks))


def name_headings(headings: Iterable[tuple[str, str]], style: AnchorStyle) -> Iterator[str]:
    """Yields the anchor of each heading (its text, and the id it has); no two are the same."""
    make, number = _STYLES.get(style, (None, None))
    used: set[str] = set()
    for n, (text, own) in enumerate(headings):
        if style == AnchorStyle.NONE:
            yield ""
            continue
        name = own or (make(text) if make else "")
        if name and not own and number:
            candidates = (number(name, count) for count in range(1, n + 2))
            name = name if name not in used else next(c for c in candidates if c not in used)
        used.add(name)
        yield name


def link(url: str, anchor: str) -> str:
    """Returns the address of a section; of a page that no browser opens, or without an anchor, the page's own."""
    if not anchor or "#" in url or not url.startswith(("http://", "https://")):
        return url
    return f"{url}#{quote(anchor, safe=':._~-')}"


def _github(text: str) -> str:
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def _gitlab(text: str) -> str:
    name = re.sub(r"-{2,}", "-", _github(text))
    return f"anchor-{name}" if name.isdigit() else name


def _mkdocs(text: str) -> str:
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", _to_ascii(text)).strip().lower())


def _sphinx(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", _to_ascii(text).lower()).strip("-").lstrip("-0123456789")


def _to_ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


_Make = Callable[[str], str]
_Number = Callable[[str, int], str]  # the name of a heading whose text stood before
_STYLES: dict[AnchorStyle, tuple[_Make, _Number]] = {
    AnchorStyle.GITHUB: (_github, lambda name, n: f"{name}-{n}"),
    AnchorStyle.DOCUSAURUS: (_github, lambda name, n: f"{name}-{n}"),
    AnchorStyle.GITLAB: (_gitlab, lambda name, n: f"{name}-{n}"),
    AnchorStyle.MKDOCS: (_mkdocs, lambda name, n: f"{name}_{n}"),
    AnchorStyle.SPHINX: (_sphinx, lambda name, n: f"id{n}"),
}
