"""Finishes what people have clicked and a process left undone, and writes to owners and authors.

The clock calls it. Promises that a failure of one kind, or in one workspace, does not keep the others waiting, and
that a workspace in which nothing is to be done costs nothing.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
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
from ingest.verified import answers, places

SECONDS = 10.0  # that the process which stored something has for it
PLACES_SECONDS, RETRY_SECONDS = 1_800.0, 60.0  # between two looks at the channels of a workspace
LIST_SECONDS = 60.0  # between two looks at which workspaces have such channels
PLACES_AT_ONCE = 10  # workspaces in one round: what people wait for comes first


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
        _try(self.owners.send)
        _try(self.reviews.send)

    def check_places(self) -> bool:
        """Looks whether channels of verified answers are public still; returns False where Slack did not say."""
        return _try(self.places.check)


@dataclass
class UnfinishedEverywhere:
    """What is to be done in all workspaces, found out by one statement.

    ``find_names`` returns which of some workspaces have the app, by the names that ``open_workspace`` knows: ""
    stands for the one of the token.
    """

    database: Database
    open_workspace: Callable[[str], Unfinished]
    find_names: Callable[[Collection[str]], list[str]]
    clock: Callable[[], float] = time.monotonic
    _with_places: Collection[str] = ()
    _list_at: float = float("-inf")
    _look_at: dict[str, float] = field(default_factory=dict)  # the next look at the channels, by name

    def finish(self) -> None:
        """Does what is due."""
        with self.database.transaction() as transaction:
            busy = list_workspaces(transaction)
            if self.clock() >= self._list_at:
                self._with_places = places.list_workspaces(transaction)
                self._list_at = self.clock() + LIST_SECONDS
        for name in self.find_names(busy):
            self.open_workspace(name).finish()
        for name in self._find_due():
            is_done = self.open_workspace(name).check_places()
            self._look_at[name] = self.clock() + (PLACES_SECONDS if is_done else RETRY_SECONDS)

    def _find_due(self) -> list[str]:
        """Returns the workspaces whose channels are to be looked up now, those first that wait longest."""
        names = self.find_names(self._with_places)
        due = [name for name in names if self._look_at.get(name, 0.0) <= self.clock()]
        return sorted(due, key=lambda name: self._look_at.get(name, 0.0))[:PLACES_AT_ONCE]


_BUSY = text(f"""
SELECT team FROM human_requests WHERE {human_requests.IS_UNSHOWN}
UNION SELECT place ->> 'team' FROM verified_answers WHERE {corrections.IS_PENDING}
UNION SELECT a.place ->> 'team' FROM verified_answers a WHERE {answers.IS_TO_REVIEW}
UNION SELECT workspace FROM source_reports JOIN turns ON turns.id = turn_id WHERE told_at IS NULL AND owner <> ''
""")


def list_workspaces(transaction: Transaction, seconds: float = SECONDS) -> list[str]:
    """Lists the workspaces in which there is something to do that was stored ``seconds`` ago, or is due."""
    return [team or "" for team in transaction.scalars(_BUSY, {"seconds": seconds})]


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


def _try(work: Callable[[], object]) -> bool:
    try:
        work()
        return True
    except (ReplyError, SQLAlchemyError) as error:
        observability.log.warning("people_not_told", error=str(error))
    except Exception as error:  # noqa: BLE001  the others are done all the same
        observability.report(error, event="people_not_told")
    return False
