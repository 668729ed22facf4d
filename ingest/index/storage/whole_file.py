"""Writes files that others see whole or not at all."""

import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def write(file: Path, parts: Iterable[bytes]) -> None:
    """Writes a file from its parts, and makes its folder; raises OSError and leaves what was there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        with unfinished.open("wb") as opened:
            for part in parts:
                opened.write(part)
        unfinished.replace(file)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise
