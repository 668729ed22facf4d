"""The calls a model asks for: which are open, which have ended, whether each may run.

Reads messages and decides; :mod:`agent.turn.tool_runner` runs the calls, :mod:`agent.turn.tool_results` shapes
what comes of them.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.prompting import prompt
from agent.tools import Tool, arguments
from agent.turn import tool_results
from agent.turn.limits import MAX_CALLS_PER_STEP, Limits
from agent.turn.tool_results import DONE_BEFORE, UNCERTAIN, Refusal, ToolOutcome, refuse
from agent.types import JsonValue, Limit, Message, MessageToolCall

BEFORE_THE_MODEL = -1  # ``asked_at`` of opening calls


@dataclass(frozen=True)
class ToolCall:
    """One call as it was asked for; ``preset`` is its outcome where it may not run."""

    id: str
    name: str
    arguments: JsonValue
    preset: ToolOutcome | None = None

    @property
    def key(self) -> str:
        """Returns a text that is equal for calls that ask for the same."""
        return f"{self.name} {json.dumps(self.arguments, sort_keys=True, default=str)}"


@dataclass(frozen=True)
class FinishedCall:
    """A call and its outcome; ``asked_at`` is the position of the message that asked for it."""

    call: ToolCall
    outcome: ToolOutcome
    asked_at: int

    @property
    def is_made(self) -> bool:
        """Returns whether it counts as made: a model asked for it and it was not refused."""
        return self.asked_at != BEFORE_THE_MODEL and self.outcome.refusal is None


def find_open(messages: Sequence[Message]) -> list[MessageToolCall]:
    """Returns the calls of the last assistant message that no tool message answers yet."""
    answered = set()
    for message in reversed(messages):
        if message["role"] == "tool":
            answered.add(message["tool_call_id"])
        elif message["role"] == "assistant":
            return [call for call in message.get("tool_calls") or () if call["id"] not in answered]
        else:
            break
    return []


def read_finished(messages: Sequence[Message]) -> list[FinishedCall]:
    """Reads the calls of a stored transcript that have ended, opening calls first.

    What opening calls were asked is not part of the messages: they come with their name only.
    """
    finished: list[FinishedCall] = []
    asked: dict[str, tuple[ToolCall, int]] = {}
    for position, message in enumerate(messages):
        if message["role"] == "user":
            for name, result in prompt.opening_evidence(message):
                outcome = tool_results.read(result)
                finished.append(FinishedCall(ToolCall("", name, {}), outcome, BEFORE_THE_MODEL))
        for call in message.get("tool_calls") or ():
            asked[call["id"]] = (read_call(call), position)
        if message["role"] == "tool":
            tool_call, asked_at = asked[message["tool_call_id"]]
            outcome = tool_results.read(json.loads(str(message["content"])))
            finished.append(FinishedCall(tool_call, outcome, asked_at))
    return finished


def read_call(call: MessageToolCall) -> ToolCall:
    """Reads one call of an assistant's message."""
    return ToolCall(call["id"], call["function"]["name"], arguments.parse(call))


def find_limit(finished: Sequence[FinishedCall]) -> Limit | None:
    """Returns the limit for which the last step's calls were refused: CALLS if any was, REPEATS if all were."""
    if not finished:
        return None
    refusals = {call.outcome.refusal for call in finished if call.asked_at == finished[-1].asked_at}
    if Refusal.CALLS in refusals:
        return Limit.CALLS
    return Limit.REPEATS if refusals == {Refusal.REPEATS} else None


def plan(
    calls: Sequence[ToolCall],
    finished: Iterable[FinishedCall],
    *,
    tools: Mapping[str, Tool],
    limits: Limits,
    started: set[str],
    is_late: bool,
) -> list[ToolCall]:
    """Sets the outcome of the calls that may not run, by what the turn did before.

    ``started`` are ids of calls that began in an earlier attempt and may have taken effect.
    """
    n_times = Counter(call.call.key for call in finished if call.is_made)
    planned = []
    for index, call in enumerate(calls):
        tool = tools.get(call.name)
        preset: ToolOutcome | None = None
        if call.id in started:
            preset = UNCERTAIN
        elif n_times.total() >= limits.max_tool_calls:
            preset = refuse(Refusal.CALLS)
        elif index >= MAX_CALLS_PER_STEP:
            preset = refuse(Refusal.AT_ONCE)
        elif is_late:
            preset = refuse(Refusal.TIME)
        elif tool and not tool.is_idempotent and n_times[call.key]:
            preset = DONE_BEFORE
        elif n_times[call.key] >= limits.max_repeats:
            preset = refuse(Refusal.REPEATS)
        n_times[call.key] += preset is None or preset.refusal is None  # as FinishedCall.is_made counts it later
        planned.append(replace(call, preset=preset))
    return planned
