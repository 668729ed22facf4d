"""A plain bot to compare with: Bolt in Socket Mode, LiteLLM, a placeholder that grows by edits, and nothing else.

It does with a mention, in Bolt's five threads, what iwamot/collmbo does with its default settings: ask for the
writer's language, post the placeholder, edit it from another thread with every twenty characters, and once more at
the end. (seratch/ChatGPT-in-Slack does the same with every twenty chunks.) It searches nothing, records nothing,
and forgets what it was answering when it ends.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import litellm
from slack_bolt import Ack, App, BoltContext, BoltResponse
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

Payload = dict[str, Any]  # JSON that Slack sent

PLACEHOLDER = ":hourglass_flowing_sand: One moment, please ..."
WRITING = " ... :writing_hand:"
SYSTEM_PROMPT = (
    "You are a helpful bot in a Slack workspace, and several people may write to you. Your user id is <@{bot}>. "
    "Each message begins with the id of who wrote it, like <@U123>:. Write *bold*, _italic_ and ~struck~ as Slack "
    "does. Mention people only if you are asked to."
)
CHARACTERS_PER_EDIT = 20
TIMEOUT_SECONDS = 30
EDITS_AND_DELETIONS = ("message_changed", "message_deleted")


def open_app() -> App:
    """Connects to Slack as its environment says; ``SLACK_API_URL`` is the stand-in's."""
    client = WebClient(os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"])
    client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=2))
    app = App(client=client, before_authorize=_skip_edits, process_before_response=True)
    app.middleware(_set_language)
    app.event("message")(ack=_acknowledge, lazy=[_answer])
    return app


def _skip_edits(payload: Payload, next_: Any) -> BoltResponse | None:
    """Skips the event that each of its own edits is."""
    if payload.get("subtype") in EDITS_AND_DELETIONS:
        return BoltResponse(status=200, body="")
    next_()
    return None


def _set_language(context: BoltContext, client: WebClient, next_: Any) -> None:
    user = client.users_info(user=str(context.user_id), include_locale=True)["user"]
    context["language"] = user.get("locale")
    next_()


def _acknowledge(ack: Ack) -> None:
    ack()


def _answer(payload: Payload, context: BoltContext, client: WebClient) -> None:
    if payload.get("bot_id") or f"<@{context.bot_user_id}>" not in payload.get("text", ""):
        return
    channel, thread_ts = payload["channel"], payload.get("thread_ts")
    placeholder = client.chat_postMessage(channel=channel, thread_ts=thread_ts or payload["ts"], text=PLACEHOLDER)
    replies = [payload]
    if thread_ts:
        replies = client.conversations_replies(channel=channel, ts=thread_ts, limit=1000).get("messages", [])
    prompt = list(_build_prompt(replies, str(context.bot_user_id), placeholder["ts"]))
    _write(_stream(prompt), client, channel, placeholder["ts"])


def _build_prompt(replies: Iterable[Payload], bot: str, placeholder_ts: str) -> Iterator[Payload]:
    yield {"role": "system", "content": SYSTEM_PROMPT.format(bot=bot)}
    for reply in replies:
        if reply["ts"] != placeholder_ts:
            role = "assistant" if reply.get("user") == bot else "user"
            text = reply.get("text", "").replace(f"<@{bot}>", "").strip()
            yield {"role": role, "content": f"<@{reply.get('user')}>: {text}"}


def _stream(prompt: list[Payload]) -> Any:
    return litellm.completion(
        model=os.environ["DOCENT_MODEL"],
        api_base=os.environ["DOCENT_MODEL_API_BASE"],
        messages=prompt,
        max_tokens=2048,
        temperature=1,
        timeout=TIMEOUT_SECONDS,
        stream=True,
    )


def _write(stream: Any, client: WebClient, channel: str, ts: str) -> None:
    text, chunks, edits, n_unwritten = "", [], [], 0
    for chunk in stream:
        chunks.append(chunk)
        words = (chunk.choices and chunk.choices[0].delta.content) or ""
        text, n_unwritten = text + words, n_unwritten + len(words)
        if n_unwritten >= CHARACTERS_PER_EDIT:
            edit = {"channel": channel, "ts": ts, "text": text + WRITING}
            edits.append(threading.Thread(target=client.chat_update, kwargs=edit, daemon=True))
            edits[-1].start()
            n_unwritten = 0
    for thread in edits:
        thread.join()
    client.chat_update(channel=channel, ts=ts, text=text)
    litellm.stream_chunk_builder(chunks)  # where such a bot finds the tools that the model asks for


if __name__ == "__main__":
    SocketModeHandler(open_app(), os.environ["SLACK_APP_TOKEN"]).start()  # type: ignore[no-untyped-call]
