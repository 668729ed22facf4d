"""What an app does through a response URL.

Promises that an ephemeral message can be changed through its response URL only, and that a refused payload costs
no use of the URL. The original of a command's URL is the message that its acknowledgement made, or else the first
post.
"""

import json
from dataclasses import replace
from typing import TypedDict

from bot.simulator.blocks.check import check_blocks
from bot.simulator.errors import SlackError, WorkspaceError
from bot.simulator.messaging.messenger import Messenger
from bot.simulator.payloads import JsonObject
from bot.simulator.stores.directory import Directory
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.message_store import MessageStore
from bot.simulator.stores.messages import SlackMessage
from bot.simulator.stores.response_urls import ResponseUrl, ResponseUrls


class ResponseContent(TypedDict):
    """What a response brings to a message."""

    text: str
    blocks: tuple[JsonObject, ...]
    attachments: tuple[JsonObject, ...]


class Responder:
    """Applies what an app posts to response URLs; the caller of any method holds the lock."""

    def __init__(
        self,
        app: InstalledApp,
        *,
        directory: Directory,
        messages: MessageStore,
        messenger: Messenger,
        response_urls: ResponseUrls,
    ) -> None:
        self._app, self._directory, self._messages = app, directory, messages
        self._messenger, self._urls = messenger, response_urls

    def answer(self, url_id: str, payload: object) -> tuple[int, str]:
        """Returns the HTTP status and text for one post to a response URL."""
        refusal = self._urls.refusal(url_id)
        if refusal:
            return 404, refusal
        if not isinstance(payload, dict):
            return 400, "invalid_payload"
        url = self._urls.by_id[url_id]
        try:
            self._apply(url, payload)
        except SlackError as error:
            return 400, error.code
        self._urls.count_use(url)
        return 200, "ok"

    def apply(self, response_url: str, payload: JsonObject) -> None:
        """Applies the body of a command's acknowledgement, which costs no use; raises `SlackError`."""
        self._apply(self._urls.find(response_url), payload)

    def _apply(self, url: ResponseUrl, payload: JsonObject) -> None:
        original = self._original(url)
        if payload.get("delete_original"):
            if original:
                self._messenger.delete(original)
            return
        content = _content(payload)
        if payload.get("replace_original") and original:
            self._messenger.update(original, markdown="", stream=None, **content)
            return
        message = SlackMessage(
            url.channel,
            "",
            user=self._app.bot_user_id,
            bot_id=self._app.bot_id,
            thread_ts=payload.get("thread_ts"),
            **content,
        )
        if payload.get("response_type") == "in_channel":
            message = self._messenger.post(self._directory.channels[url.channel], message)
        else:
            message = self._messenger.post_ephemeral(replace(message, ephemeral_to=url.user))
        if url.message_ts is None:
            self._urls.note_original(url, message.ts)

    def _original(self, url: ResponseUrl) -> SlackMessage | None:
        if url.message_ts is None:
            return None
        try:
            return self._messages.find(url.message_ts)
        except WorkspaceError:
            return None  # deleted meanwhile


def _content(payload: JsonObject) -> ResponseContent:
    blocks = payload.get("blocks") or []
    if isinstance(blocks, str):
        blocks = json.loads(blocks)
    if blocks:
        check_blocks(blocks)
    text = payload.get("text") or ""
    if not text and not blocks and not payload.get("attachments"):
        raise SlackError("no_text")
    return {"text": text, "blocks": tuple(blocks), "attachments": tuple(payload.get("attachments") or ())}
