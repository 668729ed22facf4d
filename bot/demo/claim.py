"""One demo per folder: who holds the claim runs it. The kernel drops it with the process, however that ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from agent.errors import UserError


class Claim:
    """The right to run the demo of a folder."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def say(self, url: str) -> None:
        """Lets a second demo tell where the first one is."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(url)
        self._file.flush()


@contextmanager
def alone(folder: Path) -> Iterator[Claim]:
    """Claims the folder; raises :class:`UserError` when it cannot be written to or a demo runs there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "demo.lock").open("a+")
    except OSError as error:
        raise UserError(
            f"Cannot write to {folder} ({error.strerror}). Set DOCENT_HOME to a folder you can write to."
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UserError(
                f"The demo is running already: {file.read() or 'it is just starting'}. "
                "Stop it with Ctrl-C in its terminal first."
            ) from None
        yield Claim(file)
