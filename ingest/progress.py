"""Defines how a long run reports its progress to its caller."""

from collections.abc import Callable

Progress = Callable[[int, int | None], None]  # documents done, and how many there are, if that is known


def ignore_progress(n_done: int, n_total: int | None) -> None:
    """Does nothing: the default where progress is not shown."""
