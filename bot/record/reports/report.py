"""One report: what was asked in a time, what the documents did not answer, and which documents to look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.store.database import Database
from bot.record.reports import documents, questions
from bot.record.reports.documents import DocumentFigures
from bot.record.reports.questions import AskedCounts, QuestionGroup, UnansweredQuestion
from bot.record.reports.scope import ReportScope

MAX_GROUPS = 10
MAX_DOCUMENTS = 5  # of each list

FindLink = Callable[[UnansweredQuestion], str | None]


@dataclass(frozen=True)
class Report:
    """What was asked from ``since`` until ``until``. Every list has the most frequent first; ``stale`` has only
    documents that an answer cites, ``reported`` those said to be out of date or wrong of which no owner hears."""

    since: datetime
    until: datetime
    asked: AskedCounts
    groups: Sequence[QuestionGroup]
    most_used: Sequence[DocumentFigures]
    most_down_voted: Sequence[DocumentFigures]
    stale: Sequence[DocumentFigures]
    reported: Sequence[DocumentFigures] = ()


def make_report(
    database: Database, since: datetime, until: datetime, scope: ReportScope, find_link: FindLink
) -> Report:
    """Makes the report for whoever the scope names; ``find_link`` finds a question's message in Slack."""
    with database.transaction() as transaction:
        asked = questions.count_asked(transaction, since, until, scope)
        unanswered = questions.load_unanswered(transaction, since, until, scope)
        counts = documents.count_cited(transaction, since, until, scope)
        figures = documents.load_figures(transaction, counts, scope.audience, until)
    down_voted = sorted((one for one in figures if one.n_down), key=lambda one: -one.n_down)
    reported = [one for one in figures if one.n_outdated or one.n_wrong]
    reported.sort(key=lambda one: -(one.n_outdated + one.n_wrong))
    return Report(
        since=since,
        until=until,
        asked=asked,
        groups=questions.show_groups(questions.group(unanswered), find_link, limit=MAX_GROUPS),
        most_used=[one for one in figures if one.n_answers][:MAX_DOCUMENTS],
        most_down_voted=down_voted[:MAX_DOCUMENTS],
        stale=[one for one in figures if one.staleness and one.n_answers][:MAX_DOCUMENTS],
        reported=reported[:MAX_DOCUMENTS],
    )
