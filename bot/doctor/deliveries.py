"""Checks that answers reach the people who asked, by the record of the last days."""

from collections.abc import Iterator

from sqlalchemy import bindparam, text

from agent.types import EndReason
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, FindingState
from bot.outages.undelivered import DIAGNOSES

DAYS = 7
_UNDELIVERED = text("""
SELECT reason, count(*) AS n FROM turns
WHERE created_at > now() - make_interval(days => :days) AND reason IN :reasons AND status = 'failed'
GROUP BY reason ORDER BY n DESC, reason
""").bindparams(bindparam("reasons", expanding=True))
_WAITING = text("""
SELECT count(*) FROM turns WHERE status = 'running' AND lease_token IS NULL AND run_after > now()
""")


def deliveries(context: CheckContext) -> Iterator[Finding]:
    """Counts the answers that wait for Slack, and those that are not where they were asked for."""
    if not context.database:
        yield Finding("answers", FindingState.SKIPPED, "no database")
        return
    with context.database.transaction() as transaction:
        n_waiting = int(transaction.execute(_WAITING).scalar_one())
        rows = transaction.execute(_UNDELIVERED, {"days": DAYS, "reasons": list(DIAGNOSES)}).all()
    if n_waiting:
        text_ = f"{_count(n_waiting)} for Slack to take {'it' if n_waiting == 1 else 'them'}."
        advice = (
            f"Posted once it does, for up to {context.bot.delivery_hours:g} hours; the logs say why it did not."
        )
        yield Finding("answers", FindingState.WARNING, text_, advice)
    for row in rows:
        diagnosis = DIAGNOSES[EndReason(row.reason)]
        text_ = f"{row.n} of the last {DAYS} days not posted where asked: {diagnosis.text} ({row.reason})."
        yield Finding("answers", FindingState.WARNING, text_, diagnosis.advice)
    if not (n_waiting or rows):
        yield Finding("answers", FindingState.OK, f"all of the last {DAYS} days are where they were asked for")


def _count(n: int) -> str:
    return "1 answer waits" if n == 1 else f"{n} answers wait"
