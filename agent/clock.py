"""The current time, and ids that sort by it."""

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat


def now() -> datetime:
    """Returns the current time in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """Creates a UUIDv7: unique, and sorted by the time of its creation."""
    return uuid_utils.compat.uuid7()
