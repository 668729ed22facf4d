"""The context window: what of a conversation one model call sees, within a number of tokens.

Promises: the instructions, the question and the latest evidence are always whole. What has to give way gives way
in this order: older tool results become short, earlier turns become a sentence each, then the earliest are left
out. The same transcript gives the same messages, byte for byte.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agent.llm.tokens import estimate_prompt_tokens
from agent.prompting import prompt
from agent.types import Message

SHORT_TEXT_CHARS = 160  # of each passage or text in an older result
SHORT_ITEMS = 5  # of each list in an older result that is not of passages
SHORT_TURN_CHARS = 240  # of an earlier question, and of its answer
WHOLE_TURNS = 1  # the latest earlier turn stays whole: a follow-up leans on it

Turns = Sequence[tuple[str, str]]  # (question, answer), oldest first


def fitted(system: str, history: Turns, transcript: Sequence[Message], *, max_tokens: int) -> list[Message]:
    """The messages of a call: instructions, earlier turns, and this turn so far."""
    whole = _conversation(system, history, transcript)
    if estimate_prompt_tokens(whole) <= max_tokens:
        return whole
    shorter = _with_short_results(transcript)
    earlier = list(history)
    for i in range(len(earlier)):
        if estimate_prompt_tokens(_conversation(system, earlier, shorter)) <= max_tokens:
            break
        if i < len(earlier) - WHOLE_TURNS:
            question, answer = earlier[i]
            earlier[i] = (_short(question), _first_sentence(answer))
    while earlier and estimate_prompt_tokens(_conversation(system, earlier, shorter)) > max_tokens:
        earlier = earlier[1:]
    return _conversation(system, earlier, shorter)


def without_tools(messages: Sequence[Message]) -> list[Message]:
    """The same conversation for a model that knows no tools: calls and results as what a person hands over."""
    plain: list[Message] = []
    names: dict[str, str] = {}
    for message in messages:
        if message["role"] == "tool":
            name = names.get(message["tool_call_id"], "tool")
            plain.append(prompt.evidence_message(name, message["content"]))
        elif calls := message.get("tool_calls"):
            names |= {call["id"]: call["function"]["name"] for call in calls}
            if str(message.get("content") or "").strip():
                plain.append({"role": "assistant", "content": message["content"]})
        else:
            plain.append(message)
    return plain


def shortened(value: Any, *, chars: int, items: int) -> Any:
    """JSON with every text cut to ``chars`` and every list to ``items``."""
    if isinstance(value, str):
        return value if len(value) <= chars else value[: chars - 1] + "…"
    if isinstance(value, Mapping):
        return {key: shortened(item, chars=chars, items=items) for key, item in list(value.items())[: 4 * items]}
    if isinstance(value, list | tuple):
        return [shortened(item, chars=chars, items=items) for item in value[:items]]
    return value


def _conversation(system: str, history: Turns, transcript: Sequence[Message]) -> list[Message]:
    earlier = [
        message
        for question, answer in history
        for message in ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    ]
    return [{"role": "system", "content": system}, *earlier, *transcript]


def _with_short_results(transcript: Sequence[Message]) -> list[Message]:
    """Everything that was found before the last step's calls, short; the opening evidence too, if there are
    any."""
    steps = [i for i, message in enumerate(transcript) if message.get("tool_calls")]
    if not steps:
        return list(transcript)
    return [_with_short_result(message) if i < steps[-1] else message for i, message in enumerate(transcript)]


def _with_short_result(message: Message) -> Message:
    if message["role"] == "tool":
        return message | {"content": _short_json(message["content"])}
    if message["role"] == "user":
        return message | {"content": prompt.map_evidence(str(message["content"]), _short_json)}
    return message


def _short_json(result: str) -> str:
    data = json.loads(result)
    short = shortened(
        {k: v for k, v in data.items() if k != "passages"}, chars=SHORT_TEXT_CHARS, items=SHORT_ITEMS
    )
    if "passages" in data:
        short["passages"] = [p | {"text": _short(p["text"], SHORT_TEXT_CHARS)} for p in data["passages"]]
    return prompt.result_json(short | {"is_shortened": True})


def _short(text: str, chars: int = SHORT_TURN_CHARS) -> str:
    return text if len(text) <= chars else text[: chars - 1] + "…"


def _first_sentence(answer: str) -> str:
    """What an answer came to: it stands first, as the instructions ask for."""
    line = next((line for line in answer.splitlines() if line.strip()), "")
    end = line.find(". ")
    return _short(line if end < 0 else line[: end + 1])
