"""Prints the demo's progress in the terminal."""

import sys
from contextlib import suppress
from pathlib import Path


def shorten_path(path: Path) -> str:
    """Returns the path relative to the current folder where that is possible."""
    with suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def show_activity(what: str) -> None:
    """Prints a line that the next one replaces."""
    if sys.stdout.isatty():
        print(f"  … {what}", end="", flush=True)


def show_done(what: str, how: str) -> None:
    """Prints a finished step."""
    print_line(f"  ✓ {what:<20} {how}")


def print_line(line: str) -> None:
    """Prints a line in place of what :func:`show_activity` printed."""
    print(f"\r\x1b[K{line}" if sys.stdout.isatty() else line, flush=True)
