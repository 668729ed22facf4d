"""Which events the app is told.

Promises that only events of subscribed types pass, and only those of channels that the app is in.
"""

from bot.simulator.delivery.events import EventBuilder, subscription_name
from bot.simulator.delivery.outbox import Outbox
from bot.simulator.payloads import EventPayload
from bot.simulator.stores.directory import Channel
from bot.simulator.stores.installed_app import InstalledApp


class EventPublisher:
    """Passes events to the outbox; the caller holds the lock."""

    def __init__(self, app: InstalledApp, builder: EventBuilder, outbox: Outbox) -> None:
        self._app, self._builder, self._outbox = app, builder, outbox

    def publish(self, event: EventPayload, channel: Channel | None) -> None:
        """Sends the event if the app subscribes to it and is in the channel, if it is of one."""
        if not (self._app.is_installed and self._app.has_access) or (
            channel and self._app.bot_user_id not in channel.members
        ):
            return
        if subscription_name(event) in self._app.subscriptions:
            self._outbox.send_event(self._builder.envelope(event, channel))

    def publish_end(self, event: EventPayload) -> None:
        """Sends an event that tells of the end of the installation: through no installation, so without an
        authorization."""
        if subscription_name(event) in self._app.subscriptions:
            envelope = self._builder.envelope(event, None)
            envelope["authorizations"] = []
            self._outbox.send_event(envelope)

    def publish_access(self, event: EventPayload) -> None:
        """Sends an event about one of an organisation's workspaces; as Slack documents it, not through the
        organisation's installation."""
        if subscription_name(event) in self._app.subscriptions:
            envelope = self._builder.envelope(event, None)
            (authorization,) = envelope["authorizations"]
            own = {"team_id": self._app.team_id, "is_bot": False, "is_enterprise_install": False}
            envelope["authorizations"] = [authorization | own]
            self._outbox.send_event(envelope)
