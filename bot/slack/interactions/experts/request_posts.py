"""Posts the message about a request for a person, and changes it with that: whatever crashes, there is one."""

from dataclasses import dataclass
from uuid import UUID

from agent import observability
from agent.store import locks
from agent.store.database import Database
from agent.translation import speech
from bot.slack.client import SlackClient, SlackRefused
from bot.slack.interactions import marked_posts
from bot.slack.interactions.experts import expertise, human_requests, request_message
from bot.slack.interactions.experts.human_requests import HumanRequest
from bot.slack.membership import locales
from bot.slack.replies import forms


@dataclass(frozen=True)
class RequestPosts:
    """Shows requests in one workspace."""

    database: Database
    slack: SlackClient

    def show(self, id_: UUID) -> bool:
        """Shows a request as it is now; returns False where Slack refuses that, and raises
        :class:`agent.errors.ReplyError` where Slack is away."""
        with locks.acquire(self.database, f"human request:{id_}"):
            with self.database.transaction() as transaction:
                request = human_requests.load(transaction, id_)
                if request is None:
                    return True
                settings = expertise.load_settings(transaction, team=request.team, channel=request.channel)
                human_requests.note_begun(transaction, id_)
                spoken = locales.find_speech(transaction, request.team, request.asked_by)
            try:
                with speech.speak(spoken):
                    message_ts = self._show(request, settings.experts)
            except SlackRefused as error:
                if error.is_transient:
                    raise
                observability.log.warning("request_not_shown", code=error.code)
                with self.database.transaction() as transaction:
                    human_requests.note_failure(transaction, id_)
                return False
            with self.database.transaction() as transaction:
                human_requests.note_shown(transaction, request, message_ts)
        return True

    def _show(self, request: HumanRequest, experts: tuple[str, ...]) -> str:
        """Posts the message, or changes the one that is there: it may say what was so before a click."""
        message, place = request_message.build(request, experts), (request.channel, request.thread_ts)
        mark, ts = request_message.make_mark(request), request.message_ts
        if ts is None and request.begun_at:
            ts = marked_posts.find(self.slack, *place, mark=mark, since=request.begun_at)
        if ts is None:
            channel, thread_ts = place
            return marked_posts.post(
                self.slack, message, channel=channel, thread_ts=thread_ts, mark=mark, sought_since=None
            )
        forms.send(
            message,
            lambda form: self.slack.call(
                "chat.update", is_repeatable=True, channel=request.channel, ts=ts, **form
            ),
        )
        return ts
