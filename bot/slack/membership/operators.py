"""Who operates the bot in Slack: the workspace's admins and owners, and those whom the settings name.

Promises to take nobody for an operator of whom Slack does not say so now.
"""

import time
from collections.abc import Collection

from agent import observability
from agent.errors import ReplyError
from agent.store.database import Database
from bot.slack.client import SlackClient
from bot.slack.membership.directory import SlackDirectory

SECONDS = 10


class Operators:
    """Tells who is one. ``ids`` are those of the settings; with ``creators_edit``, whoever made a channel may edit
    what is set for it, but for what concerns money."""

    def __init__(
        self,
        slack: SlackClient,
        directory: SlackDirectory,
        database: Database,
        ids: Collection[str] = (),
        *,
        creators_edit: bool = False,
    ) -> None:
        self._slack, self._directory, self._database = slack, directory, database
        self._ids, self.creators_edit = frozenset(ids), creators_edit

    def has(self, user_id: str, *, seconds: float = SECONDS) -> bool:
        """Returns whether a person is an operator; False where Slack does not say so in ``seconds``."""
        if user_id in self._ids:
            return True
        try:
            with self._database.transaction() as transaction:
                self._directory.refresh(transaction)
            people = self._directory.people({user_id}, time.monotonic() + seconds)
        except ReplyError as error:
            observability.log.warning("operator_unknown", error=str(error))
            return False
        return people.by_id[user_id].is_admin

    def may_edit(self, user_id: str, channel: str, *, seconds: float = SECONDS) -> bool:
        """Returns whether a person may edit what is set for a channel."""
        if self.has(user_id, seconds=seconds):
            return True
        return self.creators_edit and self._has_made(user_id, channel, time.monotonic() + seconds)

    def _has_made(self, user_id: str, channel: str, deadline: float) -> bool:
        try:
            info = self._slack.call("conversations.info", is_repeatable=True, deadline=deadline, channel=channel)
        except ReplyError as error:
            observability.log.warning("creator_unknown", error=str(error))
            return False
        return bool(info["channel"].get("creator") == user_id)
