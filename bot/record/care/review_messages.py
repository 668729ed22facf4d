"""Asks the authors of verified answers whether these still hold, once something they rest on has changed.

Promises one message for each change, and none about documents that the author may not read. An answer is not used
meanwhile, whether or not its author can be asked.
"""

from dataclasses import dataclass

from agent import observability
from agent.store.database import Database
from agent.translation import speech
from bot.record.reports import notices
from bot.slack.client import SlackClient, SlackRefused
from bot.slack.interactions.experts import reviews
from bot.slack.membership import locales
from bot.slack.membership.audience import AudienceResolver
from bot.slack.replies import direct_message
from ingest.access import reader_sets
from ingest.verified import answers
from ingest.verified.answers import VerifiedAnswer


@dataclass(frozen=True)
class ReviewMessages:
    """Sends them in one workspace: about answers of ``workspace``, where many have installed the app."""

    database: Database
    slack: SlackClient
    audiences: AudienceResolver
    workspace: str = ""

    def send(self) -> int:
        """Sends what is due; returns how many. Raises :class:`agent.errors.ReplyError` where Slack is away."""
        with self.database.transaction() as transaction:
            changed = answers.load_changed(transaction, self.workspace)
        return sum(self._ask(answer) for answer in changed)

    def _ask(self, answer: VerifiedAnswer) -> bool:
        is_sent = False
        try:
            is_sent = self._send(answer)
        except SlackRefused as error:
            if error.is_transient:
                raise
            observability.log.warning("author_not_asked", answer=str(answer.id), code=error.code)
        with self.database.transaction() as transaction:
            answers.note_asked(transaction, answer)
        return is_sent

    def _send(self, answer: VerifiedAnswer) -> bool:
        author = notices.name_person(answer.author, self.workspace)
        subject = f"review:{author}:{answer.id}:{answer.version}:{answer.state_of_documents}"
        notice = notices.begin(self.database, subject)
        if notice is None:
            return False
        audience = self.audiences.of_reader(f"user:{answer.author}")
        unreadable = {one.id for one in answer.documents if not reader_sets.are_readers(audience, one.readers)}
        channel = direct_message.open_channel(self.slack, answer.author)
        with self.database.transaction() as transaction:
            spoken = locales.find_speech(transaction, self.workspace, answer.author)
        with speech.speak(spoken):
            notices.send(self.slack, notice, channel, reviews.build(answer, unreadable=unreadable))
        notices.complete(self.database, notice)
        return True
