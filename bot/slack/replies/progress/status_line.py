"""The status below a thread while an answer is made: shown at once, and again before Slack clears it.

Promises few calls: one that changes soon is shown with the next change. Slack takes it away with any message of
the bot; an edit of one leaves it standing. A failure of Slack is never raised.
"""

import math
import time
from collections.abc import Callable

from agent import observability
from agent.errors import ReplyError
from bot.slack.replies.thread_messages import ThreadMessages

SETTLE_SECONDS = 1.0  # between two that differ
RENEW_SECONDS = 60.0  # Slack clears a status after two minutes


class StatusLine:
    """The status of one thread. ``clock`` returns seconds, as ``time.monotonic``."""

    def __init__(self, messages: ThreadMessages, clock: Callable[[], float] = time.monotonic) -> None:
        self._messages, self._clock = messages, clock
        self._text = ""
        self._shown = ""
        self._shown_at = -math.inf

    def show(self, text: str, *, is_urgent: bool = False) -> None:
        """Shows a status; one that ``is_urgent`` also where another was shown just now."""
        self._text = text
        if is_urgent:
            self._set(text)
        else:
            self.refresh()

    def refresh(self) -> None:
        """Shows what is not shown yet, or would be cleared, if it is time to."""
        pause = RENEW_SECONDS if self._text == self._shown else SETTLE_SECONDS
        if self._text and self._clock() - self._shown_at >= pause:
            self._set(self._text)

    def note_cleared(self) -> None:
        """Learns that Slack has taken it away, with a message of the bot: from now on that tells what is done."""
        self._text = self._shown = ""

    def clear(self) -> None:
        """Takes it away, if it is shown."""
        if self._shown:
            self._set("")
        self.note_cleared()

    def _set(self, text: str) -> None:
        self._shown, self._shown_at = text, self._clock()
        try:
            self._messages.set_status(text)
        except ReplyError as error:
            observability.log.debug("status_not_shown", error=str(error))
