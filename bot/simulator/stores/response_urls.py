"""Response URLs: how an app answers a command or a click without a token.

Owns the URLs handed out with commands and clicks. Promises Slack's budget of five uses within thirty minutes,
after which they answer 404 with `used_url` or `expired_url`, and that an ephemeral message can be changed
through them only. Does not serve incoming webhooks.
"""

import json
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bot.simulator import limits
from bot.simulator.blocks.check import check
from bot.simulator.errors import SlackError, WorkspaceError
from bot.simulator.stores.messages import Json, Message

if TYPE_CHECKING:
    from bot.simulator.stores.snapshot import Kept
    from bot.simulator.workspace import Workspace


@dataclass
class ResponseUrl:
    """`message_ts` is the message clicked on, None for a command."""

    id: str
    channel: str
    user: str
    created_at: float
    message_ts: str | None = None
    n_uses: int = 0


class ResponseUrls:
    def __init__(self, workspace: "Workspace", kept: "Kept") -> None:
        self._workspace = workspace
        self._urls = {url.id: url for url in kept.response_urls}

    def issue(self, channel: str, user: str, message_ts: str | None = None) -> str:
        workspace = self._workspace
        issued = ResponseUrl(secrets.token_hex(12), channel, user, workspace.clock(), message_ts)
        self._urls[issued.id] = issued
        workspace.archive.keep("response_url", issued.id, issued)
        kind = "actions" if message_ts else "commands"
        return f"{workspace.url}/{kind}/{workspace.team_id}/{issued.id}"

    def answer(self, url_id: str, payload: Any) -> tuple[int, str]:
        """The HTTP status and text for one post to a response URL; the caller holds the lock."""
        url = self._urls.get(url_id)
        if url is None:
            return 404, "no_service"
        if self._workspace.clock() - url.created_at > limits.RESPONSE_URL_SECONDS:
            return 404, "expired_url"
        if url.n_uses >= limits.RESPONSE_URL_USES:
            return 404, "used_url"
        if not isinstance(payload, dict):
            return 400, "invalid_payload"
        try:
            self.apply(url, payload)
        except SlackError as error:
            return 400, error.code
        url.n_uses += 1
        self._workspace.archive.keep("response_url", url.id, url)
        return 200, "ok"

    def find(self, response_url: str) -> ResponseUrl:
        return self._urls[response_url.rsplit("/", 1)[-1]]

    def apply(self, url: ResponseUrl, payload: Json) -> None:
        """Post, replace or delete what the payload says; also serves the body of a command's acknowledgement."""
        original = self._original(url)
        if payload.get("delete_original"):
            if original:
                self._workspace.store.remove(original)
            return
        content = _content(payload)
        if payload.get("replace_original") and original:
            self._workspace.store.amend(original, **{"markdown": "", "stream": None, **content})
            return
        message = Message(
            url.channel,
            "",
            user=self._workspace.bot_user_id,
            bot_id=self._workspace.bot_id,
            thread_ts=payload.get("thread_ts"),
            **content,
        )
        if payload.get("response_type") == "in_channel":
            self._workspace.store.post(self._workspace.directory.channels[url.channel], message)
        else:
            self._workspace.store.post_ephemeral(replace(message, ephemeral_to=url.user))

    def _original(self, url: ResponseUrl) -> Message | None:
        if url.message_ts is None:
            return None
        try:
            return self._workspace.message(url.message_ts)
        except WorkspaceError:
            return None  # deleted meanwhile


def _content(payload: Json) -> Json:
    blocks = payload.get("blocks") or []
    if isinstance(blocks, str):
        blocks = json.loads(blocks)
    if blocks:
        check(blocks)
    text = payload.get("text") or ""
    if not text and not blocks and not payload.get("attachments"):
        raise SlackError("no_text")
    return {"text": text, "blocks": tuple(blocks), "attachments": tuple(payload.get("attachments") or ())}
