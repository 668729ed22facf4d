"""Allows one demo per folder, by a file lock that the kernel releases when the process ends, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from agent.errors import UserError
from bot.outages import machine


class Claim:
    """An exclusive lock on a demo folder."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def publish(self, url: str) -> None:
        """Stores the demo's address, so that a second demo can say where the first one runs."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(url)
        self._file.flush()


@contextmanager
def claim(folder: Path) -> Iterator[Claim]:
    """Locks the folder; raises :class:`UserError` if it is not writable or a demo already runs there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "demo.lock").open("a+")
    except OSError as error:
        raise UserError(str(machine.explain_folder(folder, error))) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UserError(
                f"A demo is already running here: {file.read() or 'it is just starting'}. "
                "Stop it with Ctrl-C in its terminal first."
            ) from None
        yield Claim(file)
