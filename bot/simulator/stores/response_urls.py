"""Response URLs: how an app answers a command or a click without a token.

Owns the URLs issued with commands and clicks, and how often each was used. Promises Slack's budget of five uses
within thirty minutes, after which they answer 404 with `used_url` or `expired_url`. Does not post:
`messaging.responder` does. Does not serve incoming webhooks.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.simulator import limits
from bot.simulator.stores.archive import Archive, RecordKind


@dataclass
class ResponseUrl:
    """One issued URL. `message_ts` is the message clicked on; of a command, the first that came of it, if any."""

    id: str
    channel: str
    user: str
    created_at: float
    message_ts: str | None = None
    n_uses: int = 0


class ResponseUrls:
    """Response URLs by id. The server sets `base_url` when it starts; the caller of any method holds the lock."""

    def __init__(
        self, team_id: str, clock: Callable[[], float], archive: Archive, urls: Iterable[ResponseUrl]
    ) -> None:
        self.base_url = ""
        self._team_id, self._clock, self._archive = team_id, clock, archive
        self.by_id = {url.id: url for url in urls}

    def issue(self, channel: str, user: str, message_ts: str | None = None) -> str:
        """Returns a new URL for a command, or for a click on a message."""
        url = ResponseUrl(secrets.token_hex(12), channel, user, self._clock(), message_ts)
        self.by_id[url.id] = url
        self._archive.keep(RecordKind.RESPONSE_URL, url.id, url)
        kind = "actions" if message_ts else "commands"
        return f"{self.base_url}/{kind}/{self._team_id}/{url.id}"

    def refusal(self, url_id: str) -> str:
        """Returns why this URL serves no longer, in Slack's word; "" when it does serve."""
        url = self.by_id.get(url_id)
        if url is None:
            return "no_service"
        if self._clock() - url.created_at > limits.RESPONSE_URL_SECONDS:
            return "expired_url"
        return "used_url" if url.n_uses >= limits.RESPONSE_URL_USES else ""

    def count_use(self, url: ResponseUrl) -> None:
        """Takes one use from the budget."""
        url.n_uses += 1
        self._archive.keep(RecordKind.RESPONSE_URL, url.id, url)

    def note_original(self, url: ResponseUrl, ts: str) -> None:
        """Stores the message that a command's URL may replace."""
        url.message_ts = ts
        self._archive.keep(RecordKind.RESPONSE_URL, url.id, url)

    def find(self, response_url: str) -> ResponseUrl:
        """Returns the record of a URL as it was issued."""
        return self.by_id[response_url.rsplit("/", 1)[-1]]
