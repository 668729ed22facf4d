"""The context window: which messages one model call sees, within a number of tokens.

Promises that the instructions, the question and the latest evidence are always whole. Where there is no room, in
this order: older tool results are shortened, earlier turns are cut to a sentence each, the earliest turns are left
out. The same transcript gives the same messages, byte for byte.
"""

import json
from collections.abc import Mapping, Sequence
from typing import cast

from agent.llm.tokens import estimate_prompt_tokens
from agent.prompting import prompt
from agent.text import shorten
from agent.types import JsonObject, JsonValue, Message

SHORT_TEXT_CHARS = 160  # of each passage or text in an older result
SHORT_ITEMS = 5  # of each list in an older result, passages apart
SHORT_TURN_CHARS = 240  # of an earlier question, and of its answer
WHOLE_TURNS = 1  # the latest earlier turn stays whole: a follow-up refers to it

Turns = Sequence[tuple[str, str]]  # (question, answer), oldest first


def fit(system: str, history: Turns, transcript: Sequence[Message], *, max_tokens: int) -> list[Message]:
    """Returns the messages of a call: instructions, earlier turns, and this turn so far."""
    messages = _join(system, history, transcript)
    if estimate_prompt_tokens(messages) <= max_tokens:
        return messages
    shorter = _shorten_results(transcript)
    earlier = list(history)
    for i in range(len(earlier)):
        if estimate_prompt_tokens(_join(system, earlier, shorter)) <= max_tokens:
            break
        if i < len(earlier) - WHOLE_TURNS:
            question, answer = earlier[i]
            earlier[i] = (shorten(question, SHORT_TURN_CHARS), _first_sentence(answer))
    while earlier and estimate_prompt_tokens(_join(system, earlier, shorter)) > max_tokens:
        earlier = earlier[1:]
    return _join(system, earlier, shorter)


def without_tools(messages: Sequence[Message]) -> list[Message]:
    """Rewrites a conversation for a model that takes no tools: calls are dropped, results come from the person."""
    plain: list[Message] = []
    names: dict[str, str] = {}
    for message in messages:
        if message["role"] == "tool":
            name = names.get(message["tool_call_id"], "tool")
            plain.append(prompt.evidence_message(name, str(message["content"])))
        elif calls := message.get("tool_calls"):
            names |= {call["id"]: call["function"]["name"] for call in calls}
            if str(message.get("content") or "").strip():
                plain.append({"role": "assistant", "content": message["content"]})
        else:
            plain.append(message)
    return plain


def shorten_json(value: JsonValue, *, chars: int, items: int) -> JsonValue:
    """Cuts every text to ``chars`` and every list to ``items``."""
    if isinstance(value, str):
        return shorten(value, chars)
    if isinstance(value, Mapping):
        return shorten_object(value, chars=chars, items=items)
    if isinstance(value, list | tuple):
        return [shorten_json(item, chars=chars, items=items) for item in value[:items]]
    return value


def shorten_object(data: JsonObject, *, chars: int, items: int) -> dict[str, JsonValue]:
    """Does the same with an object, of which four times as many keys stay."""
    return {key: shorten_json(item, chars=chars, items=items) for key, item in list(data.items())[: 4 * items]}


def _join(system: str, history: Turns, transcript: Sequence[Message]) -> list[Message]:
    messages: list[Message] = [{"role": "system", "content": system}]
    for question, answer in history:
        messages.append({"role": "user", "content": prompt.without_delimiters(question)})
        messages.append({"role": "assistant", "content": prompt.without_delimiters(answer)})
    return [*messages, *transcript]


def _shorten_results(transcript: Sequence[Message]) -> list[Message]:
    """Shortens every result from before the last step's calls, the opening evidence too; none if there are
    none."""
    steps = [i for i, message in enumerate(transcript) if message.get("tool_calls")]
    if not steps:
        return list(transcript)
    return [_shorten_result(message) if i < steps[-1] else message for i, message in enumerate(transcript)]


def _shorten_result(message: Message) -> Message:
    content = str(message.get("content"))
    if message["role"] == "tool":
        return cast(Message, {**message, "content": _short_json(content)})
    if message["role"] == "user":
        return cast(Message, {**message, "content": prompt.map_evidence(content, _short_json)})
    return message


def _short_json(result: str) -> str:
    data: dict[str, JsonValue] = json.loads(result)
    passages = cast("Sequence[JsonObject] | None", data.pop("passages", None))
    short = shorten_object(data, chars=SHORT_TEXT_CHARS, items=SHORT_ITEMS)
    if passages is not None:
        short["passages"] = [{**p, "text": shorten(str(p["text"]), SHORT_TEXT_CHARS)} for p in passages]
    return prompt.result_json(short | {"is_shortened": True})


def _first_sentence(answer: str) -> str:
    """Returns the sentence that sums an answer up: the first, as the instructions ask for."""
    line = next((line for line in answer.splitlines() if line.strip()), "")
    end = line.find(". ")
    return shorten(line if end < 0 else line[: end + 1], SHORT_TURN_CHARS)
