"""What reaches Sentry, and what never does. A server of the test's own receives the envelopes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from agent.observability import HIDDEN_LINE
from agent.secrets import MASK
from bot.simulator import ADA, HELP
from tests.proxy import Proxy
from tests.receiver import Receiver
from tests.scripted_model import Call, Fail, Line, Say, ScriptedModel
from tests.system import System

QUESTION = "How many days of annual leave may the zanzibar-secret team carry over?"


class Sentry(Receiver):
    """Keeps every envelope, whole and by item."""

    def __init__(self) -> None:
        self.raw: list[str] = []
        self.items: list[tuple[str, dict[str, Any]]] = []
        super().__init__()
        self.dsn = f"http://public@{self.host}/1"

    def events(self, **tags: str) -> list[dict[str, Any]]:
        return [i for kind, i in self.items if kind == "event" and tags.items() <= i.get("tags", {}).items()]

    def transactions(self) -> list[dict[str, Any]]:
        return [item for kind, item in self.items if kind == "transaction"]

    def spans(self) -> list[dict[str, Any]]:
        """Spans that travel beside their transaction: those of model calls."""
        return [span for kind, item in self.items if kind == "span" for span in item["items"]]

    def keep(self, body: bytes) -> None:
        envelope = body.decode()
        self.raw.append(envelope)
        lines = envelope.split("\n")
        for header, item in zip(lines[1::2], lines[2::2], strict=False):
            if header:
                self.items.append((json.loads(header)["type"], json.loads(item)))


@pytest.fixture
def sentry(world: System) -> Iterator[Sentry]:
    sentry = Sentry()
    world.env |= {
        "SENTRY_DSN": sentry.dsn,
        "DOCENT_SENTRY_TRACES_SAMPLE_RATE": "1",
        "DOCENT_RELEASE": "docent@test",
        "DOCENT_MODEL_RETRIES": "0",
    }
    yield sentry
    sentry.close()


def test_errors_of_every_process_and_spans_of_every_answer_arrive_without_content(
    world: System, sentry: Sentry
) -> None:
    proxy = Proxy(world.env["DATABASE_URL"])
    world.env["DATABASE_URL"] = proxy.url
    lines: list[Line] = [
        Call([("search_docs", {"query": "zanzibar-secret annual leave"})]),
        Say("At most 5 days [1]."),
        Fail(500),
    ]
    with ScriptedModel(lambda request: lines[min(len(model.requests), 3) - 1]) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        world.start("web", "worker", "clock")
        ada = world.workspace.person(ADA)
        ada.mention(HELP, QUESTION)
        world.wait_for_turns(1)
        ada.mention(HELP, QUESTION)
        failed = world.wait_for_turns(2)[1]
        proxy.go_away()
        ada.mention(HELP, QUESTION)
        world.wait_for(lambda: sentry.events(process="web") and sentry.events(process="clock"))
        proxy.come_back()
        world.wait_for_turns(3)
        ada.command("/ask", QUESTION, HELP)  # answered through a response URL, whose path is a secret
        world.wait_for_turns(4)
        for role in ("web", "worker", "clock"):
            world.stop(role)
    proxy.close()

    (down, *_) = sentry.events(event="model_call_failed")
    assert down["release"] == "docent@test"
    assert down["tags"]["process"] == "worker"
    assert down["tags"]["turn_id"] == str(failed.id)
    assert down["tags"]["error_id"].startswith("E-")
    assert sentry.events(process="web", event="listener_failed")
    assert sentry.events(process="clock", event="sweep_failed")

    operations = {span["op"] for transaction in sentry.transactions() for span in transaction["spans"]}
    roots = {transaction["contexts"]["trace"]["op"] for transaction in sentry.transactions()}
    assert "queue.task.rq" in roots
    assert "db" in operations
    n_model_calls = len(world.query("SELECT 1 FROM model_calls"))
    n_spans = sum(span["name"].startswith("chat ") for span in sentry.spans())
    assert n_spans == n_model_calls > 3

    requests = [s for t in sentry.transactions() for s in t["spans"] if s["op"] == "http.client"]
    assert requests
    assert not any(span.get("description") or span.get("data") for span in requests)

    everything = "\n".join(sentry.raw)
    assert "/commands/" not in everything
    assert "zanzibar" not in everything  # the question
    assert "28 days" not in everything  # a document
    assert "At most 5 days" not in everything  # an answer
    for secret in (
        world.workspace.app.bot_token,
        world.workspace.app.signing_secret,
        world.env["OPENAI_API_KEY"],
        world.env["DATABASE_URL"].split(":")[2].split("@")[0],
    ):
        assert secret not in everything


LIBRARY = """
import logging, subprocess, sys
import sentry_sdk
import agent.settings
from agent import observability
observability.set_up(agent.settings.load(), process="cli")
logging.getLogger("slack_sdk").error(f"refused: {sys.argv[1]} for xoxb-123456789012-abcdef")
logging.getLogger("asyncio").error("refused: %s", sys.argv[1])
logging.getLogger("docent.x").error("our own line has password: hunter2")
with sentry_sdk.start_transaction(op="task", name="t"):
    subprocess.run([sys.executable, "-c", "pass", sys.argv[1]], check=True)
observability.log.warning("tried", url="https://me:s3cret@git.example/x")
observability.flush()
"""


def test_what_other_libraries_say_and_start_is_hidden_in_sentry_and_masked_in_logs() -> None:
    sentry = Sentry()
    env = {**os.environ, "SENTRY_DSN": sentry.dsn, "DOCENT_SENTRY_TRACES_SAMPLE_RATE": "1"}
    command = [sys.executable, "-c", LIBRARY, "zanzibar"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    sentry.close()
    everything = "\n".join(sentry.raw)
    messages = [event["logentry"]["message"] for event in sentry.events()]
    assert messages == [HIDDEN_LINE, HIDDEN_LINE, f"our own line has password: {MASK}"]
    assert {span["op"].partition(".")[0] for span in sentry.transactions()[0]["spans"]} == {"subprocess"}
    for secret in ("zanzibar", "xoxb-", "hunter2", "s3cret"):
        assert secret not in everything
    for secret in ("xoxb-", "hunter2", "s3cret"):
        assert secret not in done.stderr
    assert f"refused: zanzibar for {MASK}" in done.stderr
    assert f"https://me:{MASK}@git.example/x" in done.stderr
