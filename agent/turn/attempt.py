"""One attempt at one turn, as everything that works on it shares it: the turn, its kit, its limits, its
transcript."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from agent.store import sessions
from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.store.trace import Transcript
from agent.turn.config import AgentConfig
from agent.turn.limits import Meter


@dataclass
class Work:
    """``check`` runs often and may raise :class:`Cancelled` or :class:`LeaseLost`, which pass through.

    ``history`` are (question, answer) of the session's earlier turns, oldest first.
    """

    turn: Turn
    kit: AgentConfig
    check: Callable[[], None]
    meter: Meter
    transcript: Transcript
    history: Sequence[tuple[str, str]] = field(default=())

    @contextmanager
    def step(self) -> Iterator[Transaction]:
        """The transaction of one step: whoever lost the lease writes nothing."""
        with self.kit.database.transaction() as transaction:
            sessions.verify_lease(transaction, self.turn)
            yield transaction
