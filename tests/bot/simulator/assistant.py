"""A small app behind the workspace: it streams answers in steps that a test lets go one by one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from slack_bolt import App
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.simulator import TEAM
from tests.bot.simulator.conftest import Served, bolt, http_served

WAIT_SECONDS = 120.0
SOURCES = [{"type": "url", "url": "https://handbook.example/leave", "text": "Annual leave"}]
FEEDBACK = {
    "type": "feedback_buttons",
    "action_id": "rate",
    "positive_button": {"text": {"type": "plain_text", "text": "Good answer"}, "value": "up"},
    "negative_button": {"text": {"type": "plain_text", "text": "Bad answer"}, "value": "down"},
}
CLOSING = [
    {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": "*Sources:*  [1] <https://handbook.example/leave|Annual leave>"}],
    },
    {"type": "context_actions", "elements": [FEEDBACK]},
]
TEXTS = ("You can carry over **five days** ", "of annual leave.\n\n| Kind | Days |\n|---|---|\n| Leave | 5 |\n")
MODAL = {
    "type": "modal",
    "callback_id": "comment",
    "title": {"type": "plain_text", "text": "What was wrong?"},
    "submit": {"type": "plain_text", "text": "Send"},
    "close": {"type": "plain_text", "text": "Cancel"},
    "blocks": [
        {"type": "section", "text": {"type": "mrkdwn", "text": "This goes to the *people team*."}},
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Kind of problem"},
            "element": {
                "type": "radio_buttons",
                "action_id": "kind",
                "options": [
                    {"text": {"type": "plain_text", "text": "Wrong"}, "value": "wrong"},
                    {"text": {"type": "plain_text", "text": "Out of date"}, "value": "old"},
                ],
            },
        },
        {
            "type": "input",
            "block_id": "comment",
            "label": {"type": "plain_text", "text": "Comment"},
            "element": {"type": "plain_text_input", "action_id": "text", "multiline": True},
        },
    ],
}


class Assistant:
    """Each answer waits for `go` before every step; `submitted` keeps what modals brought."""

    def __init__(self, slack: Served) -> None:
        self.client = WebClient(slack.workspace.app.bot_token, base_url=slack.server.api_url)
        self.go = threading.Semaphore(0)
        self.submitted: list[Any] = []
        self.stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def register(self, app: App) -> App:
        app.event("app_mention")(self._begin)
        app.event("message")(lambda event: self._begin(event) if event.get("channel_type") == "im" else None)
        app.event("agent_session_stopped")(self._stop)
        app.event("app_home_opened")(self._greet)
        app.command("/ask")(self._ask)
        app.action("rate")(self._rate)
        app.action("again")(lambda ack: ack())
        app.view("comment")(self._take)
        return app

    def finish(self) -> None:
        for _ in range(100):
            self.go.release()
        for thread in self._threads:
            thread.join(WAIT_SECONDS)

    def _begin(self, event: dict[str, Any]) -> None:
        if event.get("bot_id") or event.get("subtype"):
            return
        thread = threading.Thread(target=self._answer, args=(event,))
        self._threads.append(thread)
        thread.start()

    def _answer(self, event: dict[str, Any]) -> None:
        channel, root = event["channel"], event.get("thread_ts") or event["ts"]
        place = {"channel_id": channel, "thread_ts": root}
        self.client.assistant_threads_setStatus(**place, status="is searching the documents…")
        self._step()
        started = self.client.chat_startStream(
            channel=channel,
            thread_ts=root,
            recipient_team_id=TEAM,
            recipient_user_id=event["user"],
            chunks=[_task("in_progress", details="annual leave")],
        )
        stream = {"channel": channel, "ts": str(started["ts"])}
        try:
            self._step()
            done = _task("complete", output="2 passages", sources=SOURCES)
            self.client.chat_appendStream(**stream, chunks=[done, {"type": "markdown_text", "text": TEXTS[0]}])
            self._step()
            self.client.chat_appendStream(**stream, markdown_text=TEXTS[1])
            self._step()
            self.client.chat_stopStream(**stream, blocks=CLOSING)
        except SlackApiError:
            self.stopped.set()

    def _step(self) -> None:
        self.go.acquire(timeout=WAIT_SECONDS)

    def _stop(self, event: dict[str, Any]) -> None:
        place = {"channel_id": event["channel"], "thread_ts": event["thread_ts"]}
        self.client.agents_sessions_setStatus(**place, status="active")

    def _greet(self, event: dict[str, Any]) -> None:
        prompts = [{"title": "Annual leave", "message": "How much leave do I have?"}]
        self.client.assistant_threads_setSuggestedPrompts(channel_id=event["channel"], prompts=prompts)

    def _ask(self, ack: Any, respond: Any, body: dict[str, Any]) -> None:
        ack(text="Looking in the documents…", response_type="ephemeral")
        button = {"type": "button", "action_id": "again", "text": {"type": "plain_text", "text": "Ask again"}}
        text = {"type": "markdown", "text": f"You asked: {body['text']}"}
        respond(response_type="ephemeral", blocks=[text, {"type": "actions", "elements": [button]}])

    def _rate(self, ack: Any, action: dict[str, Any], body: dict[str, Any]) -> None:
        ack()
        if action["value"] == "down":
            self.client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    def _take(self, ack: Any, view: dict[str, Any]) -> None:
        values = view["state"]["values"]
        if len(values["comment"]["text"]["value"]) < 10:
            ack(response_action="errors", errors={"comment": "Please say a little more."})
            return
        self.submitted.append(values)
        ack()


def _task(status: str, **more: Any) -> dict[str, Any]:
    return {"type": "task_update", "id": "search", "title": "Search the documents", "status": status, **more}


@contextmanager
def answering(slack: Served) -> Iterator[Assistant]:
    """The app, connected over HTTP."""
    assistant = Assistant(slack)
    with http_served(slack, SlackRequestHandler(assistant.register(bolt(slack)))):
        try:
            yield assistant
        finally:
            assistant.finish()
