"""Reads what was written in the bot's conversations since a moment, as Slack's history has it.

Promises bounded calls: a page of a conversation is asked for once, and none after the limits below. Paced, because
other parts of Docent share Slack's rate limits.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent import observability
from bot.slack.client import MISSING_SCOPE, Payload, SlackClient, SlackRefused

KINDS = ("public_channel", "private_channel", "mpim", "im")
PAGE = 200  # messages
MAX_PAGES = 5  # of one conversation or thread: the newest thousand messages
MAX_THREADS = 50  # of one conversation
PAUSE_SECONDS = 1.3  # between two calls; Slack allows about 50 per minute and method
JOINS = {"channel_join", "group_join"}


@dataclass(frozen=True)
class Conversation:
    """A conversation that the bot is in; ``kind`` is the ``channel_type`` of its events."""

    id: str
    kind: str
    is_ext_shared: bool = False


class History:
    """Reads the conversations of one app."""

    def __init__(
        self, slack: SlackClient, *, sleep: Callable[[float], None] = time.sleep, is_organisation: bool = False
    ) -> None:
        """An app that is in a whole organisation asks for the lists of each of its workspaces."""
        self._slack, self._sleep, self._is_organisation = slack, sleep, is_organisation

    def list_conversations(self) -> list[Conversation]:
        """Lists the conversations that the bot is in; leaves out kinds that the token has no scope for."""
        found: list[Conversation] = []
        for kind in KINDS:
            try:
                for team in self._list_teams():
                    for page in self._pages(
                        "users.conversations", types=kind, exclude_archived=True, team_id=team
                    ):
                        found += [_to_conversation(channel) for channel in page.get("channels", ())]
            except SlackRefused as error:
                if error.code != MISSING_SCOPE:
                    raise
        return found

    def _list_teams(self) -> list[str | None]:
        if not self._is_organisation:
            return [None]
        return [str(team["id"]) for page in self._pages("auth.teams.list") for team in page.get("teams", ())]

    def read(self, conversation: Conversation, since: float, bot_user_id: str) -> list[Payload]:
        """Reads the messages since a moment (seconds since 1970), replies too, oldest first.

        Nothing from before the bot joined. A conversation that may not be read has none.
        """
        messages: list[Payload] = []
        try:
            for message in self._list_newest(conversation, since):
                if message.get("subtype") in JOINS and message.get("user") == bot_user_id:
                    break
                messages.append(message)
            roots = [m["ts"] for m in messages if float(m.get("latest_reply") or 0) > since]
            for ts in roots[:MAX_THREADS]:
                messages += self.read_thread(conversation, ts, since)
        except SlackRefused as error:
            _pass_over(error)
        return sorted(messages, key=lambda message: str(message["ts"]))

    def read_thread(self, conversation: Conversation, thread_ts: str, since: float) -> list[Payload]:
        """Reads the replies of one thread since a moment; none of one that may not be read."""
        arguments = {"channel": conversation.id, "ts": thread_ts, "oldest": f"{since:.6f}", "limit": PAGE}
        try:
            pages = list(self._pages("conversations.replies", **arguments))
        except SlackRefused as error:
            _pass_over(error)
            return []
        return [m for page in pages for m in page.get("messages", ()) if m["ts"] != thread_ts]

    def _list_newest(self, conversation: Conversation, since: float) -> Iterator[Payload]:
        arguments = {"channel": conversation.id, "oldest": f"{since:.6f}", "limit": PAGE}
        for page in self._pages("conversations.history", **arguments):
            yield from page.get("messages", ())

    def _pages(self, method: str, **arguments: object) -> Iterator[Payload]:
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = self._slack.call(method, is_repeatable=True, deadline=None, cursor=cursor, **arguments)
            self._sleep(PAUSE_SECONDS)
            yield page
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
        observability.log.warning("history_cut_off", method=method, n_pages=MAX_PAGES)


def _to_conversation(channel: Payload) -> Conversation:
    kinds = {"is_im": "im", "is_mpim": "mpim", "is_private": "group"}
    kind = next((kind for flag, kind in kinds.items() if channel.get(flag)), "channel")
    return Conversation(str(channel["id"]), kind, bool(channel.get("is_ext_shared")))


def _pass_over(error: SlackRefused) -> None:
    """Raises what concerns the token; the bot may have left a single conversation, or may not read its kind."""
    if error.is_transient and error.code != MISSING_SCOPE:
        raise error
    observability.log.info("history_unreadable", code=error.code)
