"""What a turn answers with, and where the answer goes."""
# ruff: noqa: B027  methods that do nothing are the default of a reply that cannot show progress

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from agent.store.database import Transaction
from agent.types import CitedPassage
from bot.slack.replies.closing.buttons import NO_HELP, AnswerPlace, HumanHelp, SuggestedQuestion
from bot.slack.replies.closing.sources import Dates
from bot.slack.replies.task_cards import TaskCard
from bot.slack.replies.text.tables import LongTable


@dataclass(frozen=True)
class Closing:
    """What stands below an answer beside its sources: how old those are, what it cost, what can be clicked, and
    which people can help.

    Without a ``place`` nothing can be; ``session_key`` is that of a command's answer.
    """

    dates: Dates = field(default_factory=dict)
    cost: str = ""
    suggestions: Sequence[SuggestedQuestion] = ()
    place: AnswerPlace | None = None
    session_key: str = ""
    help: HumanHelp = NO_HELP


NOTHING_BELOW = Closing()


@dataclass(frozen=True)
class Answer:
    """What is delivered: Markdown that is safe to show, the passages it cites, and a sentence about it.

    ``closest`` are documents to name if nothing is cited; ``steps`` are shown above an answer that was stopped;
    ``long_tables`` are shown in part, and go into files. It ``is_partial`` where a limit or an outage cut it
    short. ``has_menu`` puts the menu below it that says who is answered in its thread.
    """

    turn_id: UUID
    text: str
    sources: Sequence[CitedPassage] = ()
    notice: str = ""
    has_feedback: bool = True
    closest: Sequence[CitedPassage] = ()
    steps: Sequence[TaskCard] = ()
    has_menu: bool = False
    is_partial: bool = False
    long_tables: Sequence[LongTable] = ()
    closing: Closing = NOTHING_BELOW

    def add_notice(self, sentence: str) -> "Answer":
        """Returns the answer with one more sentence about it."""
        return replace(self, notice=" ".join(filter(None, [self.notice, sentence])))


class Reply(ABC):
    """Where an answer goes: a thread, the person who used a command, a terminal.

    Everything but :meth:`deliver` only shows progress, and never raises. A reply that cannot show some kind of
    progress inherits the method that does nothing: this is why it is a base class and not a Protocol.
    """

    def note_question(self, question: str) -> None:
        """Learns what is asked, which was not known before it was read."""

    def show_status(self, text: str) -> None:
        """Shows what is being done."""

    def show_card(self, card: TaskCard) -> None:
        """Shows a tool call that begins or has ended."""

    def show_text(self, text: str) -> None:
        """Shows the next piece of the answer, which is safe to show."""

    def reset_text(self) -> None:
        """Takes back the text so far: it was not the answer."""

    def get_shown_text(self) -> str | None:
        """Returns the part of the answer that the person sees; None where that is everything so far."""
        return None

    def refresh(self) -> None:
        """Shows what is not shown yet, if it is time to; called while nothing happens."""

    def begin_again(self) -> None:
        """Takes back what is shown: another wording of the question is answered from now on."""

    def retract(self) -> None:
        """Takes back whatever is shown: the question was deleted."""

    def prepare(self, transaction: Transaction) -> None:
        """Stores, in the transaction with the final text, that it is about to be delivered."""

    def finalise(self, transaction: Transaction) -> None:
        """Stores, in the transaction that ends the turn, what was delivered."""

    @abstractmethod
    def deliver(self, answer: Answer) -> None:
        """Delivers the final answer once; raises :class:`agent.errors.ReplyError`."""

    @property
    def is_said(self) -> bool:
        """Returns whether a delivered answer was said: a scheduled one that brings nothing new is not."""
        return True
