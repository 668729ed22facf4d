"""Who would see an answer: looked up when it is begun, and again before it is delivered."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.errors import ReplyError
from agent.store import earlier_turns
from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.turn import history
from agent.types import Audience
from bot.jobs import turn_endings
from bot.jobs.context import WorkerContext
from bot.slack.client import SlackUnavailable
from bot.slack.inbox import Origin
from bot.slack.installation.tokens import NoToken
from bot.slack.membership import locales
from bot.slack.membership.audience import SeenBy
from bot.slack.reading.question_reader import ReadQuestion
from bot.slack.replies.closing.sources import Dates
from bot.slack.replies.reply import Reply
from bot.slack.replies.reply_rows import Posted
from ingest.index.active_index import IndexState


@dataclass(frozen=True)
class ClaimedTurn:
    """A claimed turn, and what was read in the same transaction: its reply so far, and the index's state."""

    turn: Turn
    posted: Posted | None  # None for a question from the terminal
    index: IndexState | None


def find_audience(context: WorkerContext, claimed: ClaimedTurn) -> SeenBy:
    """Returns who will see the turn's answer now, and what to say of that below it."""
    if context.audiences is None or claimed.posted is None:  # asked in the terminal
        return SeenBy(claimed.turn.audience)
    return context.audiences.resolve(claimed.posted.address)


def must_wait(turn: Turn, error: ReplyError) -> bool:
    """Returns whether a turn is not answered while Slack does not say who will see it: nobody waits for what is
    scheduled, and nothing can be said where there is no token, no access, or no way to Slack, which another
    machine may have."""
    is_shut_out = isinstance(error, NoToken) or turn_endings.is_shut_out(turn, error)
    is_cut_off = isinstance(error, SlackUnavailable) and error.is_unreached
    return turn.origin == Origin.SCHEDULED or is_shut_out or is_cut_off


def has_lost_readers(context: WorkerContext, turn: Turn, before: Audience) -> bool:
    """Returns whether what was read, for the audience ``before``, is not for all who would see the answer now."""
    with context.database.transaction() as transaction:
        basis = replace(earlier_turns.load_basis(transaction, turn.id), audience=before)
        (is_known,) = history.find_known(
            transaction,
            [basis],
            turn.audience,
            find_unreadable=context.agent.find_unreadable,
            passage_tools=context.agent.passage_tools,
        )
    return not is_known


class FinalCheck:
    """Tells whether somebody has come in, or lost a right, while the answer was made who may not see it.

    What Postgres knows of that is read in the transaction that stores the answer, with no further commit.
    """

    def __init__(
        self, context: WorkerContext, claimed: ClaimedTurn, asked: ReadQuestion, reply: Reply, *, locale: str = ""
    ) -> None:
        """``locale`` is what the asker's Slack is set to, which is stored with the answer where it is news."""
        self._context, self._claimed, self._asked, self._reply = context, claimed, asked, reply
        self._locale = locale
        self.list_documents: Callable[[], frozenset[str]] = frozenset  # that the answer rests on
        self._is_unreadable: bool | None = None  # None where the text was stored by an earlier attempt
        self.dates: Dates = {}  # of the documents

    def look(self, transaction: Transaction) -> None:
        """Reads what has changed, and stores that the answer is about to be delivered."""
        context, turn = self._context, self._claimed.turn
        self._reply.prepare(transaction)
        if not (context.audiences and self._claimed.posted):  # in the terminal nobody can come in
            return
        context.audiences.refresh(transaction)
        if self._locale and self._locale != self._claimed.posted.locale:
            locales.store(transaction, self._claimed.posted.address.team_id, turn.user_id, self._locale)
        documents = context.look_up_documents(transaction, self.list_documents(), turn.audience)
        self._is_unreadable, self.dates = bool(documents.unreadable), documents.dates

    def fails(self) -> bool:
        """Returns whether the answer is not for all who would see it now."""
        if not (self._context.audiences and self._claimed.posted):
            return False
        turn, seen_by = self._claimed.turn, find_audience(self._context, self._claimed)
        if seen_by.error:  # what was known when it began is the best there is
            return bool(self._is_unreadable)
        questions, address = self._context.questions, self._claimed.posted.address
        if questions and not questions.may_all_still_see(self._asked, address):
            return True
        if (
            self._is_unreadable is not None
            and not self._claimed.turn.has_record
            and seen_by.audience == turn.audience
        ):
            return self._is_unreadable
        return has_lost_readers(self._context, replace(turn, audience=seen_by.audience), turn.audience)
