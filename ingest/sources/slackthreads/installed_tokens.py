"""The tokens of workspaces that have installed the app, which the bot knows and a source asks for by their ids."""

from collections.abc import Callable

FindToken = Callable[[str], str]
_registered: list[FindToken] = []  # at most one, of the process


def register(find: FindToken) -> None:
    """Sets who is asked, once per process and before its first sync."""
    _registered[:] = [find]


def find(workspace: str) -> str | None:
    """Returns a workspace's token; None where nobody knows any."""
    return _registered[0](workspace) if _registered else None
