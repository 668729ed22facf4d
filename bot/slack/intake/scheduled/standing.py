"""Whether a scheduled question may still be asked: its setter is there, and is one of those whom the channel wants
to be answered, and its channel takes messages of the bot.

Asks Slack, and raises :class:`agent.errors.ReplyError` where Slack does not say: then it is asked later.
"""

import time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.store.database import Database
from bot.slack.channels import channel_settings
from bot.slack.client import Payload, SlackClient, SlackRefused
from bot.slack.intake.scheduled.rows import PauseReason
from bot.slack.membership.audience import SECONDS, AudienceResolver
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

    def find_problem(self, team: str, channel: str, user_id: str) -> PauseReason | None:
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
            settings = channel_settings.load(transaction, team=team, channel=channel)
        if settings.muted:
            return PauseReason.CHANNEL_MUTED
        if not self._audiences.is_member(channel, user_id):
            return PauseReason.SETTER_NOT_HERE
        allowed, deadline = settings.allowed_groups, time.monotonic() + SECONDS
        is_allowed = not allowed or self._audiences.is_in_group(user_id, allowed, deadline)
        return None if is_allowed else PauseReason.NOT_ALLOWED
