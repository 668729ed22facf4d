"""Waits for what may take long before a turn has its own loop, such as Slack, and notices that it must stop."""

from collections.abc import Callable
from typing import TypeVar

from agent.llm.threaded_iterator import ThreadedIterator

POLL_SECONDS = 0.25
T = TypeVar("T")


def wait(work: Callable[[], T], check: Callable[[], None]) -> T:
    """Does the work in a thread of its own, and returns what it returns, or raises what it raises.

    Raises what ``check`` raises meanwhile; then the thread is left alone, and ends when the work does.
    """
    results = ThreadedIterator(lambda: (work() for _ in range(1)), lambda _: None)
    while True:
        try:
            return results.next(POLL_SECONDS)
        except TimeoutError:
            check()
