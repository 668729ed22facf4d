"""Work after an acknowledgement, on threads of the web process, of which the person hears what came.

A process that ends finishes what it has begun and what waits, for a few seconds: nothing of it is stored.
"""

import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import ReplyError, UserError
from agent.translation.speech import mark, say
from bot.slack.block_kit import Message

THREADS = 4
FINISH_SECONDS = 4.0  # of a process that ends: within ten, with what it serves by HTTP
FAILED = mark("Something went wrong on our side. Please try again; if it happens again, quote *{id}*.")
AWAY = mark("I cannot do that right now. Please try again in a minute.")

Params = ParamSpec("Params")
Result = TypeVar("Result")
Work = Callable[[], Message | None]
Tell = Callable[[Message], None]


class ContextPool(ThreadPoolExecutor):
    """A pool whose threads speak the language of whoever gave them work; see :mod:`agent.translation.speech`."""

    def submit(
        self, fn: Callable[Params, Result], /, *args: Params.args, **kwargs: Params.kwargs
    ) -> "Future[Result]":
        """Does the work later, within a copy of the caller's context."""
        context = contextvars.copy_context()
        return super().submit(partial(context.run, fn, *args, **kwargs))


class Background:
    """Threads of their own, so that answers wait for no lists and figures."""

    def __init__(self, name: str, n_threads: int = THREADS) -> None:
        self.pool = ContextPool(n_threads, thread_name_prefix=name)

    def submit(self, work: Work, tell: Tell) -> None:
        """Does the work later, and tells the person what it returns, or that it failed."""
        self.pool.submit(perform, work, tell)


def finish(pools: Mapping[str, ThreadPoolExecutor], seconds: float = FINISH_SECONDS) -> None:
    """Finishes what was given to the pools, at once; after ``seconds`` in all, drops what has not begun."""
    until = time.monotonic() + seconds
    waiting = {name: threading.Thread(target=pool.shutdown, daemon=True) for name, pool in pools.items()}
    for thread in waiting.values():
        thread.start()
    for thread in waiting.values():
        thread.join(max(0.0, until - time.monotonic()))
    if unfinished := [name for name, thread in waiting.items() if thread.is_alive()]:
        observability.log.warning("requests_dropped", what=unfinished)
    for pool in pools.values():
        pool.shutdown(wait=False, cancel_futures=True)


def perform(work: Work, tell: Tell) -> None:
    """Does the work, and tells the person what it returns, or that it failed; raises nothing."""
    message: Message | None
    try:
        message = work()
    except UserError as error:
        message = {"text": str(error)}
    except (SQLAlchemyError, ReplyError) as error:
        observability.report(error, event="request_failed")
        message = {"text": say(AWAY)}
    except Exception as error:  # noqa: BLE001  a request ends here, visibly
        message = {"text": say(FAILED, id=observability.report(error, event="request_failed"))}
    if message is None:
        return
    try:
        tell(message)
    except Exception as error:  # noqa: BLE001  nobody else would hear of it
        observability.report(error, event="request_not_answered")
