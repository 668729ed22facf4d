"""Which parts are generated, and where they go."""

import re
from collections.abc import Callable
from pathlib import Path

from docs.generate import architecture, errors, licences, metrics, settings

DOCS = Path(__file__).parent.parent
PARTS: dict[str, Callable[[], str]] = {
    "diagram": architecture.diagram,
    "rooms": architecture.rooms,
    "settings": settings.tables,
    "errors": errors.classes,
    "messages": errors.messages,
    "metrics": metrics.table,
}
# What depends on the installed packages differs by platform: `make docs` writes it, and no test compares it.
OF_THE_ENVIRONMENT: dict[str, Callable[[], str]] = {"licences": licences.table}


def documents(*, with_licences: bool = False) -> dict[Path, str]:
    """Returns the text of every document with its parts as they should be."""
    parts = PARTS | (OF_THE_ENVIRONMENT if with_licences else {})
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
    for name, make in parts.items():
        pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end: {name} -->)", re.DOTALL)
        (path,) = (path for path, text in texts.items() if pattern.search(text))
        before, _, after = pattern.sub(r"\1\0\2", texts[path]).partition("\0")
        texts[path] = f"{before}{make()}\n{after}"
    return texts
