"""A process with an archive is killed in the middle of its work, again and again, and nothing is missing."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bot.simulator import HELP, InstalledApp, SlackMessage, Workspace
from tests.bot.simulator.conftest import listening, serving

WORDS = "word1 word2 word3 word4 word5 "
ROOT = Path(__file__).parents[3]


class Ear:
    """An app that hears messages and is deaf to mentions, until it hears all."""

    def __init__(self, *, is_deaf_to: str) -> None:
        self.is_deaf_to = is_deaf_to
        self.told: list[tuple[str, str, str]] = []  # event id, type, ts
        self.retries: dict[str, str | None] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        event = body["event"]
        self.told.append((body["event_id"], event["type"], str(event.get("ts"))))
        self.retries[body["event_id"]] = environ.get("HTTP_X_SLACK_RETRY_NUM")
        start_response("500 Oops" if event["type"] == self.is_deaf_to else "200 OK", [])
        return [b""]


def work_and_die(file: Path, url: str, n_lines: int) -> list[list[str]]:
    """What a process said it had done before it was killed."""
    command = [sys.executable, "-m", "tests.bot.simulator.restless", str(file), url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        said = [json.loads(process.stdout.readline()) for _ in range(n_lines)]
        process.kill()
        said += [json.loads(line) for line in process.stdout if line.endswith("\n")]
    return said


def test_what_a_killed_process_reported_is_found_and_what_was_not_heard_is_told_again(tmp_path: Path) -> None:
    file = tmp_path / "workspace.sqlite"
    said: list[list[str]] = []
    deaf = Ear(is_deaf_to="app_mention")
    with listening(deaf) as url:
        for n_lines in (1, 20, 47, 64):
            said += work_and_die(file, url, n_lines)
            found = Workspace(archive=file)
            check(found.history(HELP), said)
            found.close()
    ear = Ear(is_deaf_to="")
    with listening(ear) as url, serving(InstalledApp(url), archive=file, retry_delays=(0.1,)) as slack:
        due = set(slack.workspace.pending_events.envelopes)
        slack.workspace.wait_for(lambda: {id for id, _, _ in ear.told} >= due)
        history = slack.workspace.history(HELP)
    acked = {what[1] for what in said if what[0] == "acked"}
    assert acked
    assert not acked & due
    assert {ts for _, kind, ts in ear.told if kind == "app_mention"} == questions(history)
    assert {ts for _, kind, ts in deaf.told + ear.told if kind == "message"} >= questions(history)
    tried_before = {event_id for event_id, _, _ in deaf.told} & due
    assert tried_before
    assert all(int(ear.retries[event_id] or 0) >= 1 for event_id in tried_before)


def check(history: list[SlackMessage], said: Iterable[list[str]]) -> None:
    """Each thing said is there, and nothing is half there."""
    messages = {message.ts: message for message in history}
    assert list(messages) == sorted(messages)
    reported: dict[str, str | None] = {}
    for what, ts, *text in said:
        if what != "acked":
            reported[ts] = text[0] if text else None
    for ts, words in reported.items():
        if words is None:
            assert ts not in messages
        else:
            assert (messages[ts].markdown or messages[ts].text).startswith(words)
    for message in history:
        assert not message.thread_ts or message.thread_ts in messages
        assert WORDS.startswith(message.markdown)
        if message.stream and message.streaming_state == "in_progress":
            assert message.stream.n_appends == 1 + len(message.markdown.split())


def questions(history: list[SlackMessage]) -> set[str]:
    return {message.ts for message in history if "question" in message.text}
