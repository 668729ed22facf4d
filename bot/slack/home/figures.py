"""Figures for operators: questions, answers, ratings, times, cost and failures of one workspace.

Small talk, greetings and what was taken back are no questions. Of questions it has the words of public channels
only: see :func:`load_unanswered`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import text

from agent.store.budgets import Budgets
from agent.store.database import Transaction
from agent.store.tables import BudgetPeriod, BudgetScope
from bot.slack.channels import channel_settings
from bot.slack.home.own_questions import Place

DAYS = 7  # that the figures are of
CHART_DAYS = 14
MAX_FAILURES, MAX_UNANSWERED, MAX_LOOKS, MAX_BUDGETS = 8, 8, 40, 6


@dataclass(frozen=True)
class AskedFigures:
    """Counts of a time. ``half_seconds`` and ``most_seconds``: within these half and 95 % of answers came."""

    n_asked: int
    n_unanswered: int
    n_failed: int
    n_up: int
    n_down: int
    half_seconds: float | None
    most_seconds: float | None
    cost_usd: Decimal

    @property
    def answered_share(self) -> float | None:
        """Returns the share that the documents answered; None without questions."""
        return (self.n_asked - self.n_unanswered - self.n_failed) / self.n_asked if self.n_asked else None

    @property
    def up_share(self) -> float | None:
        """Returns the share of 👍 among ratings; None without any."""
        n_rated = self.n_up + self.n_down
        return self.n_up / n_rated if n_rated else None


@dataclass(frozen=True)
class DayFigures:
    """A day in the operator's time zone."""

    day: date
    n_asked: int
    cost_usd: Decimal


@dataclass(frozen=True)
class FailedQuestion:
    """A question that ended with an error, or whose answer is not where it was asked."""

    error_id: str
    reason: str
    channel: str
    at: datetime


@dataclass(frozen=True)
class UnansweredFigures:
    """Questions of public channels without an answer, and how many more there are."""

    questions: Sequence[tuple[str, Place]]
    n_more: int


@dataclass(frozen=True)
class UsedBudget:
    """A budget of today or this month."""

    scope: str
    subject: str
    period: str
    used_usd: Decimal
    limit_usd: Decimal

    @property
    def share(self) -> float:
        """Returns how much of it is used; a limit of zero counts as used up."""
        return float(self.used_usd / self.limit_usd) if self.limit_usd else 1.0


_IS_QUESTION = """
workspace = :team AND origin <> 'eval'
AND coalesce(reason, '') NOT IN ('small_talk', 'greeting', 'withdrawn', 'not_allowed')
"""
_ASKED = text(f"""
SELECT count(*) FILTER (WHERE finished_at IS NOT NULL),
       count(*) FILTER (WHERE reason = 'no_evidence'), count(*) FILTER (WHERE status = 'failed'),
       coalesce(sum(ratings.n_up), 0), coalesce(sum(ratings.n_down), 0),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - created_at))
           FILTER (WHERE status = 'completed'),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - created_at))
           FILTER (WHERE status = 'completed'),
       coalesce(sum(cost_usd), 0)
FROM turns LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE rating = 1) AS n_up, count(*) FILTER (WHERE rating = -1) AS n_down
    FROM feedback WHERE feedback.turn_id = turns.id
) AS ratings ON true
WHERE created_at >= :since AND created_at < :until AND {_IS_QUESTION}
""")
_DAYS = text(f"""
SELECT CAST(created_at AT TIME ZONE :zone AS date), count(*), coalesce(sum(cost_usd), 0) FROM turns
WHERE created_at >= :since AND {_IS_QUESTION} GROUP BY 1
""")
_FAILURES = text(f"""
SELECT coalesce(error_id, ''), coalesce(reason, status), coalesce(channel, ''), coalesce(finished_at, created_at)
FROM turns WHERE created_at >= :since AND workspace = :team AND (error_id IS NOT NULL OR status = 'failed')
ORDER BY created_at DESC LIMIT {MAX_FAILURES}
""")
_UNANSWERED = text(f"""
SELECT question, origin, coalesce(channel, ''), place ->> 'ts', place ->> 'thread_ts', count(*) OVER ()
FROM turns LEFT JOIN deliveries ON deliveries.turn_id = turns.id
WHERE created_at >= :since AND workspace = :team AND reason = 'no_evidence' AND origin <> 'eval'
ORDER BY turns.created_at DESC LIMIT {MAX_LOOKS}
""")
_BUDGETS = text("""
SELECT scope, subject, period, spent_usd + held_usd FROM budgets
WHERE ((period = 'day' AND starts_on = :day) OR (period = 'month' AND starts_on = :month))
  AND (subject = :team OR starts_with(subject, CAST(:team AS text) || ':'))
""")
SHOWN_ORIGINS = frozenset({"mention", "thread"})  # of which everybody in a public channel saw the question


def load_asked(transaction: Transaction, *, team: str, since: datetime, until: datetime) -> AskedFigures:
    """Loads the figures of a time."""
    values = {"team": team, "since": since, "until": until}
    return AskedFigures(*transaction.execute(_ASKED, values).one())


def load_days(transaction: Transaction, *, team: str, zone: ZoneInfo, at: datetime) -> list[DayFigures]:
    """Loads the last days, the oldest first, also those on which nothing was asked."""
    today = at.astimezone(zone).date()
    days = [today - timedelta(days=n) for n in reversed(range(CHART_DAYS))]
    since = datetime.combine(days[0], datetime.min.time(), zone)
    rows = transaction.execute(_DAYS, {"team": team, "zone": zone.key, "since": since})
    known = {day: DayFigures(day, n_asked, cost_usd) for day, n_asked, cost_usd in rows}
    return [known.get(day, DayFigures(day, 0, Decimal(0))) for day in days]


def load_failures(transaction: Transaction, *, team: str, since: datetime) -> list[FailedQuestion]:
    """Loads the last failures, the newest first."""
    return [FailedQuestion(*row) for row in transaction.execute(_FAILURES, {"team": team, "since": since})]


def load_unanswered(
    transaction: Transaction, *, team: str, since: datetime
) -> Callable[[Callable[[str], bool]], UnansweredFigures]:
    """Loads the last questions without an answer; returns what keeps those of channels that are public."""
    rows = transaction.execute(_UNANSWERED, {"team": team, "since": since}).all()

    def select(is_public: Callable[[str], bool]) -> UnansweredFigures:
        shown = [
            (question, Place(channel, ts or "", thread_ts or ""))
            for question, origin, channel, ts, thread_ts, _ in rows
            if origin in SHOWN_ORIGINS and channel and is_public(channel)
        ][:MAX_UNANSWERED]
        return UnansweredFigures(shown, (rows[0][-1] if rows else 0) - len(shown))

    return select


def load_budgets(transaction: Transaction, budgets: Budgets, *, team: str, at: datetime) -> list[UsedBudget]:
    """Loads the budgets that have a limit, which a channel may have set lower: the workspace's first, then those
    that are used most."""
    of_channels = channel_settings.load_budgets(transaction)
    today = at.astimezone(budgets.zone).date()
    rows = transaction.execute(_BUDGETS, {"team": team, "day": today, "month": today.replace(day=1)}).all()
    used = {(scope, subject, period): usd for scope, subject, period, usd in rows}
    used = {(BudgetScope.WORKSPACE, team, period): Decimal(0) for period in BudgetPeriod} | used
    known = []
    for (scope, subject, period), usd in used.items():
        everywhere = budgets.limits.get((BudgetScope(scope), BudgetPeriod(period)))
        own = of_channels.get((subject, BudgetPeriod(period))) if scope == BudgetScope.CHANNEL else None
        if limits := [limit for limit in (everywhere, own) if limit is not None]:
            known.append(UsedBudget(scope, subject, period, usd, min(limits)))
    return sorted(known, key=lambda one: (one.scope != BudgetScope.WORKSPACE, -one.share))[:MAX_BUDGETS]
