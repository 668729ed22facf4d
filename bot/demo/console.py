"""Prints the demo's progress in the terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ingest.sync.heartbeat import call_periodically

EVERY_SECONDS = 3.0  # nobody should wonder whether something still happens


def shorten_path(path: Path) -> str:
    """Returns the path relative to the current folder where that is possible."""
    with suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


@contextmanager
def working(
    what: str, describe: Callable[[], str] = lambda: "", *, every_seconds: float = EVERY_SECONDS
) -> Iterator[None]:
    """Shows what is being done while the ``with`` lasts: in a terminal in one line that the next one replaces,
    elsewhere in a line every few seconds. ``describe`` says how far it is, and is called in a thread."""
    is_terminal = sys.stdout.isatty()

    def show() -> None:
        line = f"  … {what}{describe()}"
        print(f"\r\x1b[K{line}" if is_terminal else line, end="" if is_terminal else "\n", flush=True)

    if is_terminal:
        show()
    with call_periodically(show, every_seconds=every_seconds):
        yield


def show_done(what: str, how: str) -> None:
    """Prints a finished step."""
    print_line(f"  ✓ {what:<20} {how}")


def print_line(line: str) -> None:
    """Prints a line in place of what :func:`working` printed."""
    print(f"\r\x1b[K{line}" if sys.stdout.isatty() else line, flush=True)
