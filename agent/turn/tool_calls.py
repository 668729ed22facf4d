"""The calls a model asks for: which are open, whether each may run, and what the model sees of its result.

Promises: the calls of one step run at once, each until its deadline; they are numbered, committed and answered in
the order they were asked for, so the transcript does not depend on who was faster. Whatever is asked for, the
outcome is one JSON object within the limit. A tool that is not idempotent is noted before it runs, and never run
again when it is not known whether it did. Only a cancellation and a lost lease pass through.
"""

import asyncio
import contextvars
import json
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from agent import observability
from agent.errors import Cancelled, DeadlineExceeded, LeaseLost, ToolError
from agent.json_sanitizer import clean
from agent.prompting import context_window, prompt
from agent.tools import Tool, ToolContext, ToolResult, arguments
from agent.turn import grounding
from agent.turn.attempt import Work
from agent.turn.events import Event, ToolFinished, ToolStarted, Waiting
from agent.turn.limits import MAX_CALLS_PER_STEP
from agent.types import CitedPassage, Message, Passage

TOOL_FAILED = {"error": "This tool failed unexpectedly. Go on without it."}
UNCERTAIN = {
    "error": "This call was begun before and its outcome was never heard of: it may have taken effect.",
    "hint": "It was not made again. Do not repeat it; tell the person that it may or may not have happened.",
}
DONE_BEFORE = {
    "error": "This very call was made in this turn already, and doing it twice could do harm.",
    "hint": "Its result stands above. Answer from it.",
}
REPEATED = {
    "error": "This very call was made often enough in this turn; it gives the same result.",
    "hint": "Use the result above, other arguments, or answer.",
    "is_refused": "repeats",
}
TOO_MANY = {
    "error": "The allowed number of tool calls is used up; this one was not made.",
    "hint": "Answer from what you have.",
    "is_refused": "calls",
}
TOO_MANY_AT_ONCE = {
    "error": "Too many calls in one step; this one was not made.",
    "hint": f"Make at most {MAX_CALLS_PER_STEP} at once.",
    "is_refused": "at_once",
}
NO_TIME = {
    "error": "There was no time left for this call; it was not made.",
    "hint": "Answer from what you have.",
    "is_refused": "time",
}
RESERVED = {"passages", "is_refused", grounding.WEAK}  # what only the kernel, or a tool of passages, says
POLL_SECONDS = 0.25  # how late a cancellation is noticed while tools run
GRACE_SECONDS = 0.1  # a tool is given up this long after its deadline: it may be about to say something
SHORTEST_TEXT_CHARS, SHORTEST_ITEMS = 40, 3


@dataclass(frozen=True)
class ToolOutcome:
    """What a call came to: ``shown`` is what the model sees, ``sources`` are the numbered passages in it."""

    shown: Mapping[str, Any]
    sources: Sequence[CitedPassage] = ()
    is_error: bool = True
    duration_ms: int = 0
    cost_usd: Decimal = Decimal(0)


@dataclass(frozen=True)
class ToolCall:
    """One call as it was asked for; ``refusal`` is its outcome where it may not run."""

    id: str
    name: str
    arguments: Any
    refusal: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """Equal for calls that ask for the same."""
        return _key(self.name, self.arguments)


def unanswered(messages: Sequence[Message]) -> list[Message]:
    """The calls of the last assistant message that no tool message answers yet."""
    answered = set()
    for message in reversed(messages):
        if message["role"] == "tool":
            answered.add(message["tool_call_id"])
        elif message["role"] == "assistant":
            return [call for call in message.get("tool_calls") or () if call["id"] not in answered]
        else:
            break
    return []


def refused(messages: Sequence[Message]) -> str | None:
    """The limit for which the last step's calls were refused: ``calls`` if any was, ``repeats`` if all were."""
    found = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        found.append(json.loads(message["content"]).get("is_refused"))
    if "calls" in found:
        return "calls"
    return "repeats" if found and set(found) == {"repeats"} else None


def planned(work: Work, calls: Sequence[Message]) -> list[ToolCall]:
    """The calls, and which of them may not run, by what the turn did before."""
    before = _made(work.transcript.messages, until=calls)
    n_made = sum(before.values())
    plan = []
    for index, call in enumerate(calls):
        asked = ToolCall(call["id"], call["function"]["name"], arguments.parsed(call))
        refusal = _refusal(work, asked, index=index, n_made=n_made, before=before)
        plan.append(replace(asked, refusal=refusal))
        n_made += refusal is None
        before[asked.key] += refusal is None
    return plan


def run(work: Work, calls: Sequence[ToolCall]) -> Iterator[Event | ToolOutcome]:
    """Runs the calls at once; yields each one's events and its outcome, in their order."""
    limit = work.kit.limits.result_chars(sum(call.refusal is None for call in calls))
    running = [None if call.refusal else _Running(work, call) for call in calls]
    for call in calls:
        yield ToolStarted(call.id, call.name, call.arguments if isinstance(call.arguments, dict) else {})
    for call, started in zip(calls, running, strict=True):
        outcome = ToolOutcome(call.refusal or {})
        if started:
            while not started.is_over(POLL_SECONDS):
                work.check()
                yield Waiting()
            outcome = started.outcome(work.transcript.number, limit)
        yield outcome
        yield ToolFinished(call.id, call.name, outcome.is_error, tuple(outcome.sources))


def as_json(source: CitedPassage) -> dict[str, Any]:
    """A numbered passage as a model sees it."""
    passage = source.passage
    return {
        "n": source.n,
        "title": passage.title,
        "heading": passage.heading_path,
        "url": passage.url,
        "document_id": passage.document_id,
        "score": round(passage.score, 2),
        "text": passage.text,
    }


def _made(messages: Sequence[Message], *, until: Sequence[Message]) -> Counter[str]:
    """How often each call was made before these."""
    now = {call["id"] for call in until}
    answers = {m["tool_call_id"]: m["content"] for m in messages if m["role"] == "tool"}
    return Counter(
        _key(call["function"]["name"], arguments.parsed(call))
        for message in messages
        for call in message.get("tool_calls") or ()
        if call["id"] not in now and '"is_refused"' not in answers.get(call["id"], "")
    )


def _refusal(
    work: Work, asked: ToolCall, *, index: int, n_made: int, before: Mapping[str, int]
) -> Mapping[str, Any] | None:
    limits, tool = work.kit.limits, work.kit.tools.get(asked.name)
    if asked.id in work.transcript.started_calls:
        return UNCERTAIN
    if n_made >= limits.max_tool_calls:
        return TOO_MANY
    if index >= MAX_CALLS_PER_STEP:
        return TOO_MANY_AT_ONCE
    if work.meter.is_late:
        return NO_TIME
    if tool and not tool.is_idempotent and before.get(asked.key):
        return DONE_BEFORE
    return REPEATED if before.get(asked.key, 0) >= limits.max_repeats else None


def _key(name: str, given: Any) -> str:
    return f"{name} {json.dumps(given, sort_keys=True, default=str)}"


class _Running:
    """A call in a thread of its own, so that one that hangs holds up nothing: at its deadline it is left alone."""

    def __init__(self, work: Work, call: ToolCall) -> None:
        self._call, self._tool = call, work.kit.tools.get(call.name)
        self._tools = work.kit.tools
        self._started = time.monotonic()
        self._deadline = min(work.meter.ordinary_deadline, self._started + work.kit.limits.tool_seconds)
        self._context = ToolContext(
            audience=work.turn.audience,
            session_key=work.turn.session_key,
            deadline=self._deadline,
            resources=work.kit.resources,
        )
        self._returned: queue.SimpleQueue[Callable[[], ToolResult]] = queue.SimpleQueue()
        self._result: Callable[[], ToolResult] | None = None
        context = contextvars.copy_context()
        threading.Thread(
            target=context.run, args=(self._work,), name=f"tool-{call.name[:20]}", daemon=True
        ).start()

    def is_over(self, wait_seconds: float) -> bool:
        """Whether it has returned, or is given up; waits a little for it."""
        left = self._deadline + GRACE_SECONDS - time.monotonic()
        try:
            self._result = self._returned.get(timeout=max(0.0, min(wait_seconds, left)))
        except queue.Empty:
            if left > 0:
                return False
            self._result = _late
        return True

    def outcome(self, number: Callable[[Sequence[Passage]], list[CitedPassage]], limit: int) -> ToolOutcome:
        """``number`` numbers its passages, ``limit`` bounds its result in characters."""
        assert self._result
        duration_ms = int((time.monotonic() - self._started) * 1000)
        try:
            result = _bounded(self._result(), limit)
            passages = _fitting(result, limit)
            data = self._own(json.loads(prompt.result_json(result.data)))  # no JSON: the tool's bug
            sources = number(passages)
            shown = clean(_shown(data, result, passages, sources))
            return ToolOutcome(shown, sources, False, duration_ms, result.cost_usd)
        except ToolError as error:
            shown_error = {"error": str(error), "hint": error.hint}
            shown = context_window.shortened(shown_error, chars=limit // 3, items=2)
            return ToolOutcome(shown, duration_ms=duration_ms, cost_usd=error.cost_usd)
        except DeadlineExceeded:
            return ToolOutcome(self._timed_out(), duration_ms=duration_ms)
        except (Cancelled, LeaseLost):
            raise
        except Exception as error:  # noqa: BLE001  a tool's bug must not end the turn
            error_id = observability.report(error, event="tool_failed")
            return ToolOutcome(TOOL_FAILED | {"error_id": error_id}, duration_ms=duration_ms)

    def _own(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The tool's data without what would be taken for the kernel's."""
        reserved = RESERVED - ({grounding.WEAK} if self._tool and self._tool.only_passages else set())
        return {f"{name}_" if name in reserved else name: value for name, value in data.items()}

    def _timed_out(self) -> Mapping[str, Any]:
        if self._tool and not self._tool.is_idempotent:
            return UNCERTAIN
        seconds = f"{self._deadline - self._started:.0f}"
        return {"error": f"{self._call.name} gave no result within {seconds} s.", "hint": "Go on without it."}

    def _work(self) -> None:
        try:
            result = _tool(self._call.name, self._tools).call(_object(self._call.arguments), self._context)
            self._returned.put(lambda: result)
        except (SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:  # ends no more than the tool
            self._returned.put(_raising(RuntimeError(f"the tool raised {type(error).__name__}")))
        except BaseException as error:  # noqa: BLE001  raised where the outcome is made
            self._returned.put(_raising(error))


def _raising(error: BaseException) -> Callable[[], ToolResult]:
    def fail() -> ToolResult:
        raise error

    return fail


def _late() -> ToolResult:
    raise DeadlineExceeded("the tool did not return in time")


def _tool(name: str, tools: Mapping[str, Tool]) -> Tool:
    try:
        return tools[name]
    except KeyError:
        raise ToolError(f"there is no tool {name!r}", hint=f"tools: {', '.join(tools)}") from None


def _object(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or arguments.NOT_JSON in given:
        why = given.get("why") if isinstance(given, dict) else None
        raise ToolError(
            str(why or "the arguments are not a JSON object"), hint='for example {"query": "annual leave"}'
        )
    return given


def _bounded(result: ToolResult, limit: int) -> ToolResult:
    """With data that leaves half of the room to the passages, if there are any."""
    room = limit // 2 if result.passages else limit
    data: Mapping[str, Any] = result.data
    chars, items = max(room // 2, SHORTEST_TEXT_CHARS), max(room // 20, SHORTEST_ITEMS)
    while len(prompt.result_json(data)) > room:
        if chars <= SHORTEST_TEXT_CHARS and items <= SHORTEST_ITEMS:
            data = {"error": "The result was too long to show.", "hint": "Ask for less, with narrower arguments."}
            break
        data = {**context_window.shortened(result.data, chars=chars, items=items), "is_shortened": True}
        chars, items = max(chars // 2, SHORTEST_TEXT_CHARS), max(items // 2, SHORTEST_ITEMS)
    return replace(result, data=data)


def _fitting(result: ToolResult, limit: int) -> list[Passage]:
    """The first passages that fit into ``limit`` characters together; at least one, cut where it must be."""
    fitting: list[Passage] = []
    left = limit - len(prompt.result_json(result.data))
    for passage in result.passages:
        size = len(prompt.result_json(as_json(CitedPassage(100, passage))))
        if size > left:
            break
        fitting.append(passage)
        left -= size
    if result.passages and not fitting:
        first = result.passages[0]
        fitting = [replace(first, text=first.text[: max(0, left // 2)])]
    return fitting


def _shown(
    data: Mapping[str, Any], result: ToolResult, passages: Sequence[Passage], sources: Sequence[CitedPassage]
) -> dict[str, Any]:
    shown = dict(data)
    if passages:
        shown["passages"] = [
            as_json(CitedPassage(source.n, passage)) for source, passage in zip(sources, passages, strict=True)
        ]
    if len(passages) < len(result.passages):
        shown["is_shortened"] = True
    return shown
