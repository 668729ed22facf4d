"""The report for the operator, in the terminal: all documents, and of private questions how many there were."""

from dataclasses import asdict
from datetime import datetime
from functools import cache, partial
from typing import TypedDict

from agent.store.database import Database
from bot.record import export_scope
from bot.record.reports import weekly, wording
from bot.record.reports.documents import DocumentFigures
from bot.record.reports.report import Report, make_report
from bot.record.reports.scope import ReportScope
from bot.slack.client import SlackClient


class ReportedDocument(TypedDict):
    """A document in the JSON."""

    id: str
    source: str
    uri: str
    title: str
    url: str
    n_answers: int
    n_down: int
    problem: str | None
    owner_slack: str | None
    n_outdated: int
    n_wrong: int


class ReportJson(TypedDict):
    """The JSON of ``docent report --json``; times are ISO 8601."""

    since: str
    until: str
    n_asked: int
    n_unanswered: int
    n_private: int
    unanswered: list[dict[str, object]]
    most_used: list[ReportedDocument]
    most_down_voted: list[ReportedDocument]
    stale: list[ReportedDocument]
    reported: list[ReportedDocument]


def make(
    database: Database, since: datetime, until: datetime, slack: SlackClient | None, workspace: str | None = None
) -> Report:
    """Makes the report, of one of many workspaces where it is named.

    Without a client of Slack no channel is known to be public, and no question has a link.
    """
    if slack is None:
        scope = ReportScope(lambda channel: False, workspace=workspace)
        return make_report(database, since, until, scope, lambda question: None)
    scope = ReportScope(cache(partial(export_scope.is_public, slack)), workspace=workspace)
    return make_report(database, since, until, scope, partial(weekly.find_link, slack))


def to_json(report: Report) -> ReportJson:
    """Returns the report as data."""
    return {
        "since": report.since.isoformat(timespec="seconds"),
        "until": report.until.isoformat(timespec="seconds"),
        "n_asked": report.asked.n_asked,
        "n_unanswered": report.asked.n_unanswered,
        "n_private": report.asked.n_private,
        "unanswered": [asdict(group) | {"session_id": str(group.session_id)} for group in report.groups],
        "most_used": [_to_entry(one) for one in report.most_used],
        "most_down_voted": [_to_entry(one) for one in report.most_down_voted],
        "stale": [_to_entry(one) for one in report.stale],
        "reported": [_to_entry(one) for one in report.reported],
    }


def _to_entry(document: DocumentFigures) -> ReportedDocument:
    problem = wording.describe_staleness(document.staleness) if document.staleness else None
    return {
        "id": document.id,
        "source": document.source,
        "uri": document.uri,
        "title": document.title,
        "url": document.url,
        "n_answers": document.n_answers,
        "n_down": document.n_down,
        "problem": problem,
        "owner_slack": document.owner or None,
        "n_outdated": document.n_outdated,
        "n_wrong": document.n_wrong,
    }
