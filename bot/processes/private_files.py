"""Keeps what Docent writes to its own user: the index holds every document's text, the logs names of files."""

import os
import stat
from pathlib import Path

OTHERS = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH


def keep_private() -> None:
    """Makes the files and folders that this process and its children create readable by their owner alone."""
    os.umask(0o077)


def close_to_others(home: Path) -> None:
    """Takes the rights of others from the home folder of an earlier release, where it is this user's.

    Passing through stays allowed where it is: PostgreSQL runs as another user when Docent is root.
    """
    if not home.is_dir():
        return
    mode = stat.S_IMODE(home.stat().st_mode)
    if home.stat().st_uid == os.geteuid() and mode & OTHERS:
        home.chmod(mode & ~OTHERS)


def find_open(home: Path) -> Path | None:
    """Returns the folder that others can read: the home, or one directly in it that can be reached."""
    if not home.is_dir() or not stat.S_IMODE(home.stat().st_mode) & (OTHERS | stat.S_IXOTH | stat.S_IXGRP):
        return None
    try:
        folders = [home, *(folder for folder in sorted(home.iterdir()) if folder.is_dir())]
        return next((folder for folder in folders if stat.S_IMODE(folder.stat().st_mode) & OTHERS), None)
    except OSError:  # it is another user's
        return None
