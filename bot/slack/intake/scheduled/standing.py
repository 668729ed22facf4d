"""Whether a scheduled question may still be asked: its setter is there, and its channel takes messages of the bot.

Asks Slack, and raises :class:`agent.errors.ReplyError` where Slack does not say: then it is asked later.
"""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.store.database import Database
from bot.slack.client import Payload, SlackClient, SlackRefused
from bot.slack.intake.scheduled.rows import PauseReason
from bot.slack.membership.audience import AudienceResolver
from bot.slack.membership.directory import UNKNOWN_USER
from bot.slack.replies import direct_message

UNKNOWN_CHANNEL = {"channel_not_found"}


class Standing:
    """Looks up people and channels of one workspace; ``zone`` is that of people who have none in Slack."""

    def __init__(
        self, database: Database, slack: SlackClient, audiences: AudienceResolver, zone: ZoneInfo
    ) -> None:
        self._database, self._slack, self._audiences, self._zone = database, slack, audiences, zone

    def find_zone(self, user_id: str) -> ZoneInfo | None:
        """Returns the time zone of a person; None for one who has left."""
        try:
            user: Payload = self._slack.call("users.info", is_repeatable=True, user=user_id)["user"]
        except SlackRefused as error:
            if error.code in UNKNOWN_USER:
                return None
            raise
        if user.get("deleted"):
            return None
        try:
            return ZoneInfo(str(user.get("tz") or self._zone.key))
        except (ZoneInfoNotFoundError, ValueError):
            return self._zone

    def find_problem(self, channel: str, user_id: str) -> PauseReason | None:
        """Returns why nothing can be asked there for this person; None where nothing is in the way."""
        if channel.startswith("D"):
            is_ours = direct_message.open_channel(self._slack, user_id) == channel
            return None if is_ours else PauseReason.NOT_INVITED
        try:
            info: Payload = self._slack.call("conversations.info", is_repeatable=True, channel=channel)["channel"]
        except SlackRefused as error:
            if error.code in UNKNOWN_CHANNEL:
                return PauseReason.CHANNEL_GONE
            raise
        if info.get("is_archived"):
            return PauseReason.CHANNEL_ARCHIVED
        if not info.get("is_member"):
            return PauseReason.NOT_INVITED
        with self._database.transaction() as transaction:
            self._audiences.refresh(transaction)
        return None if self._audiences.is_member(channel, user_id) else PauseReason.SETTER_NOT_HERE
