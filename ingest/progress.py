"""How a long run tells its caller how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int | None], None]  # documents done, and how many there are, if that is known


def ignore_progress(n_done: int, n_total: int | None) -> None:
    """Nobody watches."""
