"""Reminds owners of documents of theirs that may be out of date or were rated down, by direct message.

An owner is named by a page's front matter, else by its source in ``docent.toml``. Promises one message per owner
in 30 days at most, with nothing in it but documents that the owner may read, and of ratings those of public
channels.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, text

from agent import observability
from agent.store.database import Database, Transaction
from agent.text import cut
from agent.translation import speech
from agent.types import Audience
from bot.record.reports import documents, notices, wording
from bot.record.reports.documents import DocumentCounts, DocumentFigures
from bot.record.reports.scope import ReportScope
from bot.slack.client import SlackClient, SlackRefused
from bot.slack.membership import locales
from bot.slack.membership.audience import AudienceResolver
from bot.slack.replies import direct_message
from ingest.tables import DocumentRow

AGAIN_AFTER = timedelta(days=30)
RATED_WITHIN = timedelta(days=30)
MAX_LISTED = 15
PORTION = 1_000  # rows


@dataclass(frozen=True)
class Reminders:
    """Sends them. ``source_owners`` are those of whole sources, by the source's name.

    ``workspace`` is the one whose people are reminded, where many have installed the app.
    """

    database: Database
    slack: SlackClient
    audiences: AudienceResolver
    is_public: Callable[[str], bool]
    source_owners: Mapping[str, str]
    workspace: str = ""

    def send(self, at: datetime) -> int:
        """Sends what is due; returns how many. Raises :class:`agent.errors.ReplyError` where Slack is away."""
        with self.database.transaction() as transaction:
            owned = _load_owned(transaction, self.source_owners, at, is_one_of_many=bool(self.workspace))
        return sum(self._remind(owner, ids, at) for owner, ids in sorted(owned.items()))

    def _remind(self, owner: str, ids: Sequence[str], at: datetime) -> bool:
        subject = make_subject(owner, self.workspace)
        try:
            audience = self.audiences.of_reader(f"user:{owner}")
            listed = self._select(ids, audience, at)
            if not listed or not (notice := notices.begin(self.database, subject, again_after=AGAIN_AFTER)):
                return False
            shown, n_more = cut(listed, MAX_LISTED)
            channel = direct_message.open_channel(self.slack, owner)
            with self.database.transaction() as transaction:
                spoken = locales.find_speech(transaction, self.workspace, owner)
            with speech.speak(spoken):
                notices.send(self.slack, notice, channel, wording.to_reminder(shown, n_more))
        except SlackRefused as error:
            if error.is_transient:
                raise
            observability.log.warning("owner_not_reminded", owner=owner, code=error.code)
            return False
        notices.complete(self.database, notice)
        return True

    def _select(self, ids: Sequence[str], audience: Audience, at: datetime) -> list[DocumentFigures]:
        """Returns which of these documents the owner may read and has to look at: those with most 👎 first, then
        those cited most."""
        scope = ReportScope(self.is_public, audience, workspace=self.workspace or None)
        with self.database.transaction() as transaction:
            cited = documents.count_cited(transaction, at - RATED_WITHIN, at, scope)
            counts = {id_: cited.get(id_, DocumentCounts()) for id_ in ids}
            figures = documents.load_figures(transaction, counts, audience, at)
        return sorted((one for one in figures if one.staleness or one.n_down), key=lambda one: -one.n_down)


def make_subject(owner: str, workspace: str = "") -> str:
    """Returns the subject of an owner's reminders."""
    return f"reminder:{notices.name_person(owner, workspace)}"


_RATED = text("""
SELECT DISTINCT document_id FROM sources JOIN feedback ON feedback.turn_id = sources.turn_id AND rating = -1
WHERE is_cited AND feedback.updated_at >= :since
""")


def _load_owned(
    transaction: Transaction, source_owners: Mapping[str, str], at: datetime, *, is_one_of_many: bool
) -> dict[str, list[str]]:
    """Returns by owner the ids of documents that may be out of date or that an answer rated 👎 cites; of one of
    many workspaces, in its own sources alone."""
    rated = set(transaction.scalars(_RATED, {"since": at - RATED_WITHIN}))
    row = DocumentRow
    has_owner = or_(row.upkeep.is_not(None), row.source.in_(source_owners))
    query = select(*documents.COLUMNS).where(has_owner).execution_options(yield_per=PORTION)
    owned: defaultdict[str, list[str]] = defaultdict(list)
    for columns in transaction.execute(query):
        one = documents.make_figures(tuple(columns), {}, at)
        owner = one.owner or source_owners.get(one.source, "")
        is_theirs = not is_one_of_many or one.source in source_owners
        if owner and is_theirs and (one.staleness or one.id in rated):
            owned[owner].append(one.id)
    return owned
