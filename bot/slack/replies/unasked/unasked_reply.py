"""The reply to a message that nobody addressed to the bot: nothing is shown before there is an answer."""

from agent.store.database import Transaction
from bot.slack.client import SlackRefused
from bot.slack.replies.reply import Answer
from bot.slack.replies.task_cards import TaskCard
from bot.slack.replies.thread_reply import ThreadReply


class UnaskedReply(ThreadReply):
    """A reply in a thread that shows no progress, and may end without a word."""

    def show_status(self, text: str) -> None:
        pass

    def show_card(self, card: TaskCard) -> None:
        pass

    def show_text(self, text: str) -> None:
        pass

    def reset_text(self) -> None:
        pass

    def refresh(self) -> None:
        pass

    def _show_waiting(self) -> None:
        """Shows nothing: nobody waits for it."""

    def _send_directly(self, answer: Answer, refusal: SlackRefused) -> None:
        """Sends nothing: nobody waits for it."""

    def prepare(self, transaction: Transaction) -> None:
        """Stores nothing: it is not known yet whether anything is said."""

    def retract(self) -> None:
        if self._rows:
            super().retract()
