"""What is nice to tell Slack from the web process: after the commit, on other threads, one try each.

Nothing depends on any of it: an acknowledgement never waits for it, and a failure is only logged.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from agent import observability
from agent.errors import ReplyError
from bot.slack import feedback_form
from bot.slack.client import SlackClient
from bot.slack.inbox import ReplyAddress
from bot.slack.manifest import to_prompts

THREADS = 4
PROMPT_TITLE = "Ask me something about the company's documents, for example:"


class Notifications:
    """``prompts`` are questions to suggest, at most four (Slack's limit)."""

    def __init__(self, slack: SlackClient, prompts: Sequence[str] = ()) -> None:
        self._slack = slack
        self._prompts = prompts
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="courtesy")

    def show_queued(self, place: ReplyAddress, n_ahead: int) -> None:
        """Says in the thread how many of its questions come first."""
        if place.thread_ts:
            self._tell(
                "assistant.threads.setStatus",
                channel_id=place.channel,
                thread_ts=place.thread_ts,
                status=f"queued, {n_ahead} ahead",
            )

    def show_stopped(self, place: ReplyAddress) -> None:
        """Takes the Stop button away, which Slack leaves to the app."""
        self._tell(
            "agents.sessions.setStatus", channel_id=place.channel, thread_ts=place.thread_ts, status="active"
        )

    def suggest(self, channel: str) -> None:
        """Suggests questions to somebody who opens their direct messages with the bot."""
        if self._prompts:
            prompts = to_prompts(self._prompts)
            self._tell(
                "assistant.threads.setSuggestedPrompts", channel_id=channel, title=PROMPT_TITLE, prompts=prompts
            )

    def ask_why(self, trigger_id: str, turn_id: UUID) -> None:
        """Opens the form for what was wrong; Slack allows three seconds from the click."""
        self._tell("views.open", trigger_id=trigger_id, view=feedback_form.build_view(turn_id))

    def close(self) -> None:
        """Drops what was not said yet."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _tell(self, method: str, **arguments: Any) -> None:
        self._pool.submit(self._try, method, arguments)

    def _try(self, method: str, arguments: dict[str, Any]) -> None:
        try:
            self._slack.try_once(method, **arguments)
        except ReplyError as error:
            observability.log.info("courtesy_failed", method=method, error=str(error))
