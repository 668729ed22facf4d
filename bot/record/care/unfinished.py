"""Finishes what people have clicked and a process left undone, and writes to owners and authors.

The clock calls it. Promises that a failure of one kind does not keep the others waiting.
"""

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

import agent.settings
from agent import observability
from agent.errors import ReplyError
from agent.store.database import Database, Transaction
from bot.record.care.owner_messages import OwnerMessages
from bot.record.care.review_messages import ReviewMessages
from bot.record.care.verified_places import VerifiedPlaces
from bot.slack.client import SlackClient
from bot.slack.interactions.experts import corrections, human_requests
from bot.slack.interactions.experts.corrections import Corrections
from bot.slack.interactions.experts.request_posts import RequestPosts
from bot.slack.membership.audience import AudienceResolver
from bot.slack.membership.directory import SlackDirectory
from ingest.access.reader_sets import ReaderSets

SECONDS = 10.0  # that the process which stored something has for it


@dataclass(frozen=True)
class Unfinished:
    """What is to be done in one workspace: ``workspace``, where many have installed the app."""

    database: Database
    requests: RequestPosts
    corrections: Corrections
    owners: OwnerMessages
    reviews: ReviewMessages
    places: VerifiedPlaces
    workspace: str = ""

    def finish(self, seconds: float = SECONDS) -> None:
        """Does what was stored ``seconds`` ago and is not done, and what is due."""
        with self.database.transaction() as transaction:
            requests = human_requests.list_unshown(transaction, seconds=seconds, workspace=self.workspace)
            written = corrections.list_pending(transaction, seconds=seconds, workspace=self.workspace)
        for id_ in requests:
            _try(lambda id_=id_: self.requests.show(id_))  # type: ignore[misc]
        for id_ in written:
            _try(lambda id_=id_: self.corrections.complete(id_))  # type: ignore[misc]
        _try(self.places.check)
        _try(self.owners.send)
        _try(self.reviews.send)


_BUSY = text("""
SELECT team FROM human_requests WHERE shown_at IS NULL OR shown_at < changed_at
UNION SELECT place ->> 'team' FROM verified_answers WHERE status <> 'withdrawn'
UNION SELECT workspace FROM source_reports JOIN turns ON turns.id = turn_id WHERE told_at IS NULL AND owner <> ''
""")


def list_workspaces(transaction: Transaction) -> list[str]:
    """Lists the workspaces in which there may be something to do."""
    return [team or "" for team in transaction.scalars(_BUSY)]


def build(database: Database, slack: SlackClient, workspace: str = "") -> Unfinished:
    """Builds it for the workspace of a client."""
    directory = SlackDirectory(slack, workspace)
    audiences = AudienceResolver(directory, ReaderSets(), database, workspace)
    zone = ZoneInfo(agent.settings.load().time_zone)
    return Unfinished(
        database,
        RequestPosts(database, slack),
        Corrections(database, slack, directory, workspace),
        OwnerMessages(database, slack, audiences, directory, zone, workspace),
        ReviewMessages(database, slack, audiences, workspace),
        VerifiedPlaces(database, slack, workspace),
        workspace,
    )


def _try(work: Callable[[], object]) -> None:
    try:
        work()
    except (ReplyError, SQLAlchemyError) as error:
        observability.log.warning("people_not_told", error=str(error))
    except Exception as error:  # noqa: BLE001  the others are done all the same
        observability.report(error, event="people_not_told")
