"""A question that the documents do not answer, in a channel that has its experts asked then by itself."""

from dataclasses import dataclass
from uuid import UUID

from agent import observability
from agent.errors import ReplyError
from agent.store.database import Database, Transaction
from agent.store.sessions import Turn
from bot.slack.client import SlackClient
from bot.slack.inbox import ReplyAddress
from bot.slack.interactions.experts import human_requests
from bot.slack.interactions.experts.request_posts import RequestPosts
from bot.slack.replies.closing.buttons import HumanHelp
from bot.slack.replies.reply_rows import Posted


@dataclass
class UnansweredRequest:
    """The request for a person that a turn's end makes; ``address`` is None where it makes none."""

    turn: Turn
    address: ReplyAddress | None
    _id: UUID | None = None

    @staticmethod
    def make(turn: Turn, posted: Posted | None, help_: HumanHelp) -> "UnansweredRequest":
        """Makes the request of a turn, if its channel wants one."""
        return UnansweredRequest(turn, posted.address if posted and help_.goes_by_itself else None)

    def store(self, transaction: Transaction) -> None:
        """Stores it, in the transaction that ends the turn."""
        if self.address:
            self._id = human_requests.store(
                transaction,
                self.turn.id,
                team=self.address.team_id,
                channel=self.address.channel,
                thread_ts=self.address.thread_ts,
                asked_by=self.turn.user_id,
            )

    def show(self, database: Database, slack: SlackClient | None) -> None:
        """Shows it in the thread; where Slack is away, the clock does so later."""
        if self._id and slack:
            try:
                RequestPosts(database, slack).show(self._id)
            except ReplyError as error:
                observability.log.info("request_not_shown", error=str(error))
