"""What a document says of its care in its front matter: who looks after it, when it is to be reviewed, how long it
holds.

The texts are stored as they stand there and read when a report is made, so that a mistake in them can be told, and
is mended without reading the document again.
"""

import re
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta

OLD_AFTER = timedelta(days=365)  # of a document that says nothing else
MAX_CHARS = 60  # of a value
SLACK_USER = re.compile(r"[UW][A-Z0-9]{4,40}")
REVIEW_EXAMPLE = "90d, 6 months or 1 year"
EXPIRES_EXAMPLE = "2027-01-31"
_REVIEW = re.compile(r"(\d{1,4}) ?(d|days?|w|weeks?|months?|y|years?)")
_UNIT_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


@dataclass(frozen=True)
class Upkeep:
    """The values of ``owner_slack``, ``review_in`` and ``expires``, as texts; empty where there are none."""

    owner_slack: str = ""
    review_in: str = ""
    expires: str = ""

    def as_json(self) -> dict[str, str] | None:
        """Returns the values that there are, as they are stored; None without any."""
        return {name: value for name, value in asdict(self).items() if value} or None

    @staticmethod
    def from_json(stored: dict[str, str] | None) -> "Upkeep":
        """Reads what :meth:`as_json` wrote."""
        return Upkeep(**(stored or {}))

    @property
    def owner(self) -> str:
        """Returns the owner's id in Slack; empty where nobody is named, or nobody in particular."""
        return self.owner_slack if SLACK_USER.fullmatch(self.owner_slack) else ""


NO_UPKEEP = Upkeep()


def parse_review(text: str) -> timedelta | None:
    """Parses how long after its last change a document is to be reviewed; None where the text does not say it.

    >>> parse_review("6 months"), parse_review("soon")
    (datetime.timedelta(days=180), None)
    """
    match = _REVIEW.fullmatch(text.strip().lower())
    return timedelta(days=int(match[1]) * _UNIT_DAYS[match[2][0]]) if match else None


def parse_day(text: str) -> datetime | None:
    """Parses a day, from whose end on a document holds no more; None where the text is none."""
    try:
        return datetime.combine(date.fromisoformat(text.strip()[:10]), datetime.min.time(), UTC) + timedelta(
            days=1
        )
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class Staleness:
    """Why a document may be out of date: since when it is ``expired``, since when its ``review`` is due, or when
    it was last ``changed``, long ago; or which value of its front matter is a ``mistake``."""

    expired: datetime | None = None
    review: datetime | None = None
    changed: datetime | None = None
    mistake: str = ""


def find_staleness(upkeep: Upkeep, updated_at: datetime | None, at: datetime) -> Staleness | None:
    """Returns why a document may be out of date; None where nothing says so.

    One that says itself when it ends or is to be reviewed is not old before. Nothing is known of the age of one
    without a date.
    """
    expires, review = parse_day(upkeep.expires), parse_review(upkeep.review_in)
    if expires and expires <= at:
        return Staleness(expired=expires)
    if review is not None and updated_at and updated_at + review <= at:
        return Staleness(review=updated_at + review)
    if upkeep.expires and not expires:
        return Staleness(mistake=f"expires: {upkeep.expires}")
    if upkeep.review_in and review is None:
        return Staleness(mistake=f"review_in: {upkeep.review_in}")
    says_nothing = expires is None and review is None
    if says_nothing and updated_at and updated_at + OLD_AFTER <= at:
        return Staleness(changed=updated_at)
    return None
