"""The events that the app has to acknowledge.

Owns every event sent, and which of them are neither acknowledged nor given up; these are archived. Does not send
them: `delivery.outbox` does.
"""

from dataclasses import dataclass
from enum import StrEnum

from bot.simulator.payloads import EventEnvelope
from bot.simulator.stores.archive import Archive, RecordKind
from bot.simulator.stores.changes import Changes


class FailureReason(StrEnum):
    """Slack's word for why an attempt at a delivery failed; empty when it did not."""

    NONE = ""
    HTTP_ERROR = "http_error"
    HTTP_TIMEOUT = "http_timeout"
    TIMEOUT = "timeout"
    CONNECTION_FAILED = "connection_failed"
    UNKNOWN_ERROR = "unknown_error"


@dataclass(frozen=True)
class PendingEvent:
    """An event that is neither acknowledged nor given up. `reason`: why its last attempt failed, as far as
    known."""

    envelope: EventEnvelope
    n_attempts: int = 0
    reason: FailureReason = FailureReason.NONE

    @property
    def id(self) -> str:
        """Slack's event id."""
        return self.envelope["event_id"]


class PendingEvents:
    """Events by id. `envelopes` has acknowledged ones too, for as long as the process lives."""

    def __init__(self, archive: Archive, changes: Changes, events: list[PendingEvent]) -> None:
        self._archive, self._changes = archive, changes
        self._unsent = events
        self.envelopes = {event.id: event.envelope for event in events}

    def add(self, event: PendingEvent) -> None:
        """Stores a new event."""
        self.envelopes[event.id] = event.envelope
        self.save(event)

    def save(self, event: PendingEvent) -> None:
        """Archives how far its delivery has come."""
        with self._changes.lock:
            self._archive.keep(RecordKind.EVENT, event.id, event)

    def settle(self, event_id: str) -> None:
        """Ends the delivery of an event, for good or bad."""
        with self._changes.lock:
            self._archive.forget(RecordKind.EVENT, event_id)

    def defer(self, event: PendingEvent) -> None:
        """Puts an event aside until there is a server."""
        self._unsent.append(event)

    def take_deferred(self) -> list[PendingEvent]:
        """Returns the events put aside, also those of an earlier run, and forgets that they were."""
        with self._changes.lock:
            events, self._unsent = self._unsent, []
        return events
