"""Work after an acknowledgement, on threads of the web process, of which the person hears what came.

A process that ends drops what waits: who clicked or typed can do it again.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import ReplyError, UserError
from bot.slack.block_kit import Message

THREADS = 4
FAILED = "Something went wrong on our side. Please try again; if it happens again, quote *{id}*."
AWAY = "I cannot do that right now. Please try again in a minute."

Work = Callable[[], Message | None]
Tell = Callable[[Message], None]


class Background:
    """Threads of their own, so that answers wait for no lists and figures."""

    def __init__(self, name: str, n_threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(n_threads, thread_name_prefix=name)

    def submit(self, work: Work, tell: Tell) -> None:
        """Does the work later, and tells the person what it returns, or that it failed."""
        self._pool.submit(perform, work, tell)

    def close(self) -> None:
        """Drops what has not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def perform(work: Work, tell: Tell) -> None:
    """Does the work, and tells the person what it returns, or that it failed; raises nothing."""
    message: Message | None
    try:
        message = work()
    except UserError as error:
        message = {"text": str(error)}
    except (SQLAlchemyError, ReplyError) as error:
        observability.report(error, event="request_failed")
        message = {"text": AWAY}
    except Exception as error:  # noqa: BLE001  a request ends here, visibly
        message = {"text": FAILED.format(id=observability.report(error, event="request_failed"))}
    if message is None:
        return
    try:
        tell(message)
    except Exception as error:  # noqa: BLE001  nobody else would hear of it
        observability.report(error, event="request_not_answered")
