"""Best-effort calls to Slack from the web process and the clock: after the commit, on other threads, one try each,
but a few for an offer that nothing else would make.

Nothing depends on them: no acknowledgement waits for one, and a failure is only logged.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID

from agent import observability
from agent.errors import ReplyError
from agent.translation.speech import mark, say, say_plural
from bot.slack.client import QUICK_TIMEOUT_SECONDS, SlackClient
from bot.slack.inbox import ReplyAddress
from bot.slack.installation.manifest import to_prompts
from bot.slack.interactions import answer_again, response_url
from bot.slack.interactions.background import ContextPool

THREADS = 4
OFFER_SECONDS = 60.0  # after which an offer is tried no more
NOTE = {"event_type": "docent_note", "event_payload": {}}  # marks a message that is no answer
PROMPT_TITLE = mark("Ask me something about the company's documents, for example:")


class Notifications:
    """Sends notifications in one workspace. ``prompts`` are questions to suggest, at most four (Slack's limit).

    ``pool`` is one that those of several workspaces share.
    """

    def __init__(
        self, slack: SlackClient, prompts: Sequence[str] = (), pool: ThreadPoolExecutor | None = None
    ) -> None:
        self._slack = slack
        self._prompts = prompts
        self._pool = pool or ContextPool(THREADS, thread_name_prefix="notifications")

    def show_queued(self, address: ReplyAddress, n_ahead: int) -> None:
        """Shows in the thread how many of its questions come first."""
        if address.thread_ts:
            self._submit(
                "assistant.threads.setStatus",
                channel_id=address.channel,
                thread_ts=address.thread_ts,
                status=say("queued, {n} ahead", n=n_ahead),
            )

    def show_place(self, address: ReplyAddress, n_before: int | None) -> "Future[None]":
        """Shows in the thread how many questions of all threads come first, or takes that away where the question
        waits no more; returns what ends with the call."""
        place = say("queued, yours is the next")
        if n_before:
            place = say_plural("queued, {n} question before yours", "queued, {n} questions before yours", n_before)
        return self._submit(
            "assistant.threads.setStatus",
            channel_id=address.channel,
            thread_ts=address.thread_ts,
            status="" if n_before is None else place,
        )

    def tell(self, address: ReplyAddress, text: str) -> None:
        """Tells the person something about what they did there: in a channel for their eyes only."""
        place = {"channel": address.channel, "thread_ts": address.thread_ts, "text": text}
        if address.is_direct:
            self._submit("chat.postMessage", **place)
        else:
            self._submit("chat.postEphemeral", user=address.user_id, **place)

    def respond(self, address: ReplyAddress, text: str) -> None:
        """Tells the person who used a shortcut, which takes no text as its acknowledgement, that it was heard."""
        if address.response_url:
            self._pool.submit(self._post, address.response_url, text)

    def answer_click(self, url: str, text: str, *, replaces: bool) -> None:
        """Tells the person who clicked what comes of it, in the place of the message that ``replaces`` says so."""
        if url:
            self._pool.submit(self._post, url, text, replaces=replaces)

    def offer_again(self, address: ReplyAddress, turn_id: UUID) -> None:
        """Offers to answer a question again that was edited after its answer."""
        self._pool.submit(self._offer_again, address, turn_id)

    def show_stopped(self, address: ReplyAddress) -> None:
        """Removes the Stop button, which Slack leaves to the app."""
        self._submit(
            "agents.sessions.setStatus", channel_id=address.channel, thread_ts=address.thread_ts, status="active"
        )

    def suggest_prompts(self, channel: str) -> None:
        """Suggests questions in the person's direct messages with the bot."""
        if self._prompts:
            prompts = to_prompts(self._prompts)
            self._submit(
                "assistant.threads.setSuggestedPrompts",
                channel_id=channel,
                title=say(PROMPT_TITLE),
                prompts=prompts,
            )

    def close(self) -> None:
        """Drops the calls that have not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _post(self, url: str, text: str, *, replaces: bool = False) -> None:
        try:
            response_url.post(url, {"text": text}, replaces=replaces, timeout_seconds=QUICK_TIMEOUT_SECONDS)
        except ReplyError as error:
            observability.log.info("courtesy_failed", method=response_url.METHOD, error=str(error))

    def _offer_again(self, address: ReplyAddress, turn_id: UUID) -> None:
        offer, deadline = answer_again.build(address, turn_id), time.monotonic() + OFFER_SECONDS
        method = "chat.postMessage" if address.is_direct else "chat.postEphemeral"
        place = {"metadata": NOTE} if address.is_direct else {"user": address.user_id}
        try:
            self._slack.call(method, is_repeatable=False, deadline=deadline, **place, **offer)
        except ReplyError as error:
            observability.log.warning("offer_not_made", method=method, error=str(error))

    def _submit(self, method: str, **arguments: object) -> "Future[None]":
        return self._pool.submit(self._call, method, arguments)

    def _call(self, method: str, arguments: dict[str, object]) -> None:
        try:
            self._slack.try_once(method, **arguments)
        except ReplyError as error:
            observability.log.info("courtesy_failed", method=method, error=str(error))
