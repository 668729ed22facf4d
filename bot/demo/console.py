"""What the demo says in the terminal: what it is doing, what is done."""

import sys
from contextlib import suppress
from pathlib import Path


def short(path: Path) -> str:
    """The path as the person at the terminal would write it."""
    with suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def doing(what: str) -> None:
    """A line that the next one takes the place of."""
    if sys.stdout.isatty():
        print(f"  … {what}", end="", flush=True)


def step(what: str, how: str) -> None:
    """Something is done."""
    tell(f"  ✓ {what:<20} {how}")


def tell(line: str) -> None:
    """A line, in the place of what :func:`doing` said."""
    print(f"\r\x1b[K{line}" if sys.stdout.isatty() else line, flush=True)
