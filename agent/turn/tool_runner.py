"""Runs the tool calls of one step.

Promises that the calls of a step run at once, each until its deadline, and that their outcomes come in the order
they were asked for, so the transcript does not depend on which was faster. A tool's bug becomes an outcome that is
reported; only a cancellation and a lost lease pass through.
"""

import asyncio
import contextvars
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import cast

from agent import observability
from agent.errors import Cancelled, DeadlineExceeded, LeaseLost, ToolError
from agent.store.sessions import Turn
from agent.store.transcript import Transcript
from agent.tools import Asker, Tool, ToolContext, ToolLabels, ToolResult, arguments
from agent.turn import tool_results
from agent.turn.config import AgentConfig
from agent.turn.events import Event, ToolFinished, ToolStarted, Waiting
from agent.turn.limits import Meter
from agent.turn.tool_calls import ToolCall
from agent.turn.tool_results import TOOL_FAILED, UNCERTAIN, ToolOutcome
from agent.types import CitedPassage, JsonObject, JsonValue, Passage

POLL_SECONDS = 0.25  # how late a cancellation is noticed while tools run
GRACE_SECONDS = (
    0.1  # a tool is given up this long after its deadline: it may be about to raise an error of its own
)
THREAD_NAME_CHARS = 20

Number = Callable[[Sequence[Passage]], list[CitedPassage]]


class ToolRunner:
    """Runs calls for one attempt at a turn, whose ``transcript`` numbers the passages that tools return."""

    def __init__(
        self, turn: Turn, config: AgentConfig, meter: Meter, check: Callable[[], None], transcript: Transcript
    ) -> None:
        self._turn, self._config, self._meter = turn, config, meter
        self._check, self._transcript = check, transcript

    def run(self, calls: Sequence[ToolCall]) -> Iterator[Event | ToolOutcome]:
        """Runs the calls at once; yields each one's events and its outcome, in their order."""
        limit = self._config.limits.result_chars(sum(call.preset is None for call in calls))
        threads = [None if call.preset else self._start(call) for call in calls]
        for call in calls:
            shown = call.arguments if isinstance(call.arguments, dict) else {}
            yield ToolStarted(call.id, call.name, shown, self._labels(call.name))
        for call, thread in zip(calls, threads, strict=True):
            outcome = call.preset
            if thread:
                while not thread.is_over(POLL_SECONDS):
                    self._check()
                    yield Waiting()
                outcome = thread.outcome(self._transcript.number, limit)
            assert outcome
            yield outcome
            labels = self._labels(call.name)
            yield ToolFinished(call.id, call.name, outcome.is_error, tuple(outcome.sources), labels)

    def _labels(self, name: str) -> ToolLabels:
        tool = self._config.tools.get(name)
        return tool.labels if tool else ToolLabels.default(name)

    def _start(self, call: ToolCall) -> "_ToolThread":
        now, turn = time.monotonic(), self._turn
        context = ToolContext(
            audience=turn.audience,
            session_key=turn.session_key,
            deadline=min(self._meter.ordinary_deadline, now + self._config.limits.tool_seconds),
            asker=Asker(turn.user_id, turn.workspace, turn.channel, turn.origin),
            resources=self._config.resources,
            shown={source.n: source.passage for source in self._transcript.sources.values()},
        )
        tool = self._config.tools.get(call.name)
        return _ToolThread(call, tool, context, lambda: self._call(call, context))

    def _call(self, call: ToolCall, context: ToolContext) -> ToolResult:
        tools = self._config.tools
        if call.name not in tools:
            raise ToolError(f"there is no tool {call.name!r}", hint=f"tools: {', '.join(tools)}")
        return tools[call.name].call(_require_object(call.arguments), context)


class _ToolThread:
    """A call in a thread of its own, so that one that hangs blocks nothing: at its deadline it is left alone."""

    def __init__(
        self, call: ToolCall, tool: Tool | None, context: ToolContext, work: Callable[[], ToolResult]
    ) -> None:
        self._call, self._tool, self._work = call, tool, work
        self._started = time.monotonic()
        self._deadline = context.deadline
        self._returned: queue.SimpleQueue[Callable[[], ToolResult]] = queue.SimpleQueue()
        self._get_result: Callable[[], ToolResult] | None = None
        name = f"tool-{call.name[:THREAD_NAME_CHARS]}"
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._run,), name=name, daemon=True).start()

    def is_over(self, wait_seconds: float) -> bool:
        """Waits a little; returns whether the tool has returned, or is given up."""
        left = self._deadline + GRACE_SECONDS - time.monotonic()
        try:
            self._get_result = self._returned.get(timeout=max(0.0, min(wait_seconds, left)))
        except queue.Empty:
            if left > 0:
                return False
            self._get_result = _raiser(DeadlineExceeded("the tool did not return in time"))
        return True

    def outcome(self, number: Number, limit: int) -> ToolOutcome:
        """Returns what the call came to, in about ``limit`` characters, once it :meth:`is_over`."""
        duration_ms = int((time.monotonic() - self._started) * 1000)
        return replace(self._outcome(number, limit), duration_ms=duration_ms)

    def _outcome(self, number: Number, limit: int) -> ToolOutcome:
        assert self._get_result
        try:
            return tool_results.render(self._get_result(), number, limit)
        except ToolError as error:
            return tool_results.render_error(error, limit)
        except DeadlineExceeded:
            return self._time_out()
        except (Cancelled, LeaseLost):
            raise
        except Exception as error:  # noqa: BLE001  a tool's bug must not end the turn
            error_id = observability.report(error, event="tool_failed")
            return ToolOutcome(TOOL_FAILED | {"error_id": error_id})

    def _time_out(self) -> ToolOutcome:
        if self._tool and not self._tool.is_idempotent:
            return UNCERTAIN
        seconds = f"{self._deadline - self._started:.0f}"
        error = f"{self._call.name} gave no result within {seconds} s."
        return ToolOutcome({"error": error, "hint": "Go on without it."})

    def _run(self) -> None:
        try:
            result = self._work()
            self._returned.put(lambda: result)
        except (SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:  # ends no more than the tool
            self._returned.put(_raiser(RuntimeError(f"the tool raised {type(error).__name__}")))
        except BaseException as error:  # noqa: BLE001  raised again where the outcome is made
            self._returned.put(_raiser(error))


def _raiser(error: BaseException) -> Callable[[], ToolResult]:
    def fail() -> ToolResult:
        raise error

    return fail


def _require_object(given: JsonValue) -> JsonObject:
    """Returns the arguments; raises :class:`ToolError` where the model wrote something else than an object."""
    if isinstance(given, dict) and arguments.NOT_JSON not in given:
        return cast(JsonObject, given)
    why = given.get("why") if isinstance(given, dict) else None
    raise ToolError(
        str(why or "the arguments are not a JSON object"), hint='for example {"query": "annual leave"}'
    )
