"""Looks up whether channels whose verified answers are for all full members are still public.

Slack tells it when a channel becomes private; this makes up for what was not heard.
Promises that an answer is kept to the members only where Slack says so, or does not show the channel any more.
"""

from dataclasses import dataclass

from agent import observability
from agent.store.database import Database
from bot.slack.client import SlackClient, SlackRefused
from bot.slack.installation import origin
from ingest.verified import places

GONE = frozenset({"channel_not_found"})


@dataclass(frozen=True)
class VerifiedPlaces:
    """Looks them up in one workspace: ``workspace``, where many have installed the app."""

    database: Database
    slack: SlackClient
    workspace: str = ""

    def check(self) -> int:
        """Looks all up; returns how many answers have fewer readers since. Raises
        :class:`agent.errors.ReplyError` where Slack is away."""
        with self.database.transaction() as transaction:
            channels = places.list_public_places(transaction, self.workspace)
        return sum(self._narrow(channel) for channel in channels if not self._is_public(channel))

    def _narrow(self, channel: str) -> int:
        with self.database.transaction() as transaction:
            n_narrowed = places.narrow_to_members(transaction, channel, self.workspace)
        observability.log.info("verified_answers_narrowed", channel=channel, n=n_narrowed)
        return n_narrowed

    def _is_public(self, channel: str) -> bool:
        try:
            found = self.slack.call("conversations.info", is_repeatable=True, channel=channel)["channel"]
        except SlackRefused as error:
            if error.code in GONE:
                return False
            raise
        return not found.get("is_private") and origin.is_open_to_all(found, self.workspace)
