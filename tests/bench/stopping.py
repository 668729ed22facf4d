"""How soon a turn has ended after its asker stopped it: by the button, by ❌, or by deleting the question."""

import threading
import time
from collections.abc import Iterator
from typing import Any

from bot.simulator import ADA, HELP
from tests.bench.figures import Row
from tests.bench.office import QUESTIONS, Office
from tests.scripted_model import Call, Hang, Line, Say

GESTURES = ("the button", "❌", "deleting")
WHILE = ("the model is silent", "a tool runs", "text streams", "the question waits", "a thread is read")
SLOW_TOOL = """
import time
from agent.tools import ToolContext, ToolResult, tool

@tool()
def weigh(word: str, *, context: ToolContext) -> ToolResult:
    \"\"\"Weighs a word.\"\"\"
    time.sleep(20)
    return ToolResult({})
"""
_ENDED = """
SELECT extract(epoch FROM finished_at) FROM turns
WHERE finished_at IS NOT NULL AND reason IN ('stopped', 'withdrawn')
"""


def stopping(office: Office) -> Iterator[Row]:
    """Each gesture in each state, one after the other: Slack lets a workspace end twenty streams a minute."""
    tools, never = office.folder / "tools", threading.Event()
    tools.mkdir()
    (tools / "weigh.py").write_text(SLOW_TOOL)
    office.env["DOCENT_TOOLS"] = str(tools)
    for period in (
        "CHANNEL_DAY",
        "WORKSPACE_DAY",
        "WORKSPACE_MONTH",
    ):  # a call that breaks off costs what was held
        office.env[f"DOCENT_BUDGET_{period}_USD"] = "none"
    office.start("web", "worker")
    office.model.script = lambda request: _script(request, never)
    seconds: dict[str, list[float]] = {state: [] for state in WHILE}
    for state in WHILE:
        for gesture in GESTURES:
            if state == "the question waits" and gesture == "the button":  # which stops what runs
                continue
            seconds[state].append(_stop(office, state, gesture))
    never.set()
    for state, measured in seconds.items():
        yield Row(
            f"stopped while {state}: ended after, slowest of {len(measured)}", f"{max(measured):.2f} s", "≤ 2 s"
        )


def _script(request: dict[str, Any], never: threading.Event) -> Line:
    asked = str(request["messages"][-1]["content"])
    if "a tool runs" in asked:
        return Call([("weigh", {"word": "stop"})])
    return Say("It is 240 hours [1]. " + "word " * 200, seconds=60) if "text streams" in asked else Hang(never)


def _stop(office: Office, state: str, gesture: str) -> float:
    """Asks, waits until it is in that state, stops it; the seconds until it has ended."""
    ada, n_ended = office.workspace.person(ADA), len(office.query(_ENDED))
    office.n_asked += 1
    n_requests, root = len(office.model.requests), ""
    if state == "a thread is read":
        root = ada.say(HELP, "Who knows?")
        office.workspace.faults.slow("conversations.replies", seconds=5)
    ts = ada.mention(HELP, f"{QUESTIONS[0].removesuffix('?')}, for case {office.n_asked}: {state}?", root or None)
    _wait_for_state(office, state, ts, root, n_requests)
    stopped = ts
    if state == "the question waits":
        stopped = ada.mention(HELP, "And this one?", ts)
        office._wait(lambda: office.query("SELECT 1 FROM turns WHERE status = 'queued'"))
    began = time.time()
    if gesture == "the button":
        ada.stop(HELP, root or ts)
    elif gesture == "❌":
        ada.react(stopped, "x")
    else:
        ada.delete(stopped)
    office._wait(lambda: len(office.query(_ENDED)) > n_ended)
    ended = max(at for (at,) in office.query(_ENDED))
    if stopped != ts:
        ada.react(ts, "x")
        office._wait(lambda: not office.query("SELECT 1 FROM turns WHERE status IN ('queued', 'running')"))
    return float(ended) - began


def _wait_for_state(office: Office, state: str, ts: str, root: str, n_requests: int) -> None:
    if state == "a thread is read":
        office._wait(lambda: office.query("SELECT 1 FROM turns WHERE status = 'running'"))
        return
    office._wait(lambda: len(office.model.requests) > n_requests)
    if state == "a tool runs":
        office._wait(lambda: any("weigh" in m.plain.lower() for m in office.workspace.thread(HELP, ts)[1:]))
    if state == "text streams":
        office._wait(lambda: any("word" in m.markdown for m in office.workspace.thread(HELP, ts)[1:]))
