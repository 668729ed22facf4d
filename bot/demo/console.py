"""Prints the demo's progress in the terminal."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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

    def repeat() -> None:
        while not is_over.wait(every_seconds):
            show()

    if is_terminal:
        show()
    is_over = threading.Event()
    thread = threading.Thread(target=repeat, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def show_done(what: str, how: str) -> None:
    """Prints a finished step."""
    print_line(f"  ✓ {what:<20} {how}")


def print_line(line: str) -> None:
    """Prints a line in place of what :func:`working` printed."""
    print(f"\r\x1b[K{line}" if sys.stdout.isatty() else line, flush=True)
