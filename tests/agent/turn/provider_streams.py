"""Streams as providers and local servers send them: the ways in which one answer, or the same calls, may come.

``ANSWERS`` and ``CALLS`` are the kinds. A new one is a line, and is tried in the table (``provider_shapes``) and
in the properties of the turn.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from tests.scripted_model import Chunks

USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
Chunk = dict[str, Any]
Calls = Sequence[tuple[str, Any]]


def delta(finish_reason: str | None = None, /, **fields: Any) -> Chunk:
    """A chunk with one choice."""
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]}


def stream(*chunks: Chunk, finish: str | None = "stop", usage: object = USAGE, is_done: bool = True) -> Chunks:
    """A stream that ends with a finish reason and the usage, where there are any."""
    ended = [*chunks, *([delta(finish)] if finish else ())]
    return Chunks([*ended, *([{"choices": [], "usage": usage}] if usage is not None else ())], is_done)


def say(*pieces: str, **end: Any) -> Chunks:
    """A text in pieces."""
    return stream(*(delta(content=piece) for piece in pieces), **end)


def fragment(name: str | None = None, arguments: Any = None, **fields: Any) -> Chunk:
    """A part of a tool call, as deltas hold it; what is None is left out."""
    function = {"name": name, "arguments": arguments}
    return {**fields, "function": {key: value for key, value in function.items() if value is not None}}


def call(*deltas: Sequence[Chunk], finish: str = "tool_calls", **end: Any) -> Chunks:
    """Tool calls: the fragments of each delta."""
    return stream(*(delta(tool_calls=list(fragments)) for fragments in deltas), finish=finish, **end)


def cut(line: Chunks, size: int | None) -> Chunks:
    """The same stream with its text in pieces of ``size`` characters; None for all of it in one."""
    chunks: list[Chunk] = []
    for chunk in line.chunks:
        text = _text(chunk)
        if not text:
            chunks.append(chunk)
        elif size is None and chunks and _text(chunks[-1]):
            chunks[-1] = delta(content=_text(chunks[-1]) + text)
        else:
            step = size or max(len(text), 1)
            chunks += [delta(content=text[n : n + step]) for n in range(0, len(text), step)]
    return Chunks(chunks, line.is_done)


def _text(chunk: Chunk) -> str:
    """The text of a chunk that has nothing else."""
    choices = chunk.get("choices") or []
    if not choices or choices[0]["finish_reason"] or set(choices[0]["delta"]) != {"content"}:
        return ""
    content = choices[0]["delta"]["content"]
    return content if isinstance(content, str) else ""


def _think(name: str, text: str) -> Chunks:
    return say(f"<{name}>Let me look.</{name}>\n\n", text)


# How an answer may come. Each gives the same text.

OTHER_NAMES = ("analysis", "reason", "thinking_process", "inner_monologue", "cot", "chain_of_thought")
ANSWERS: Mapping[str, Callable[[str], Chunks]] = {
    "plain": say,
    "think": lambda text: say("<think>\nLet me look. [1] says so.\n</think>\n\n", text),
    "thinking with an attribute": lambda text: say('< Thinking depth="2" >hm</ THINKING>', text),
    "thought": lambda text: say("<thought>hm</thought>", text),
    "reasoning": lambda text: say("<reasoning>It is 5 < 6, so <b>yes</b>.</reasoning>", text),
    "a namespace": lambda text: say("<seed:think>hm</seed:think>", text),
    "nested": lambda text: say("<think>a <think>b</think> c</think>", text),
    "opened twice, closed once": lambda text: say("<think>The tag <think> opens it.</think>", text),
    "its tags in its code": lambda text: say("<think>I close with `</think>` later.</think>", text),
    "the closing tag only": lambda text: say("Let me look. [1] says so.\n</think>\n\n", text),
    "the closing tag only, in an answer's words": lambda text: say("The handbook has 240 [1]. </thinking> ", text),
    "nothing but the closing tag": lambda text: say("</think>", text),
    "a closing tag after both": lambda text: say("<think>hm</think>", text, "\n</think>"),
    "a closing tag that ends nothing": lambda text: say(text, "</think>"),
    "closing tags and marks that end nothing": lambda text: say(text, "\n</think>\n", "</think><|im_end|>"),
    "two closing tags": lambda text: say("Let me look.</think>", text, "\n</think>"),
    **{name: partial(_think, name) for name in OTHER_NAMES},
    "a tag that is empty": lambda text: say("<think/>", text, "<think />"),
    "between pipes": lambda text: say("<|think|>hm<|/think|>", text),
    "a begin and an end": lambda text: say("<|begin_of_thinking|>hm<|end_of_thinking|>", text),
    "the answer in tags": lambda text: say("<think>hm</think>\n<answer>\n", text, "\n</answer>"),
    "the response in tags": lambda text: say("hm</think><response>", text, "</response><|im_end|>"),
    "the answer's closing tag": lambda text: say("<reasoning>hm</reasoning>", text, "\n\n</answer>"),
    "the closing tag after an open fence": lambda text: say("Let me see.\n```\ncode\n</think>\n\n", text),
    "two blocks": lambda text: say("<think>a</think>\n<think>b</think>\n", text),
    "Mistral": lambda text: say("[THINK]hm[/THINK]", text),
    "Mistral in parts": lambda text: stream(
        delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]),
        delta(content=[{"type": "text", "text": text}]),
    ),
    "Harmony": lambda text: say(
        "<|channel|>analysis<|message|>hm <|end|><|start|>assistant<|channel|>final<|message|>", text, "<|return|>"
    ),
    "Gemma": lambda text: say("<|channel>thought\nhm<channel|>", text),
    "Kimi": lambda text: say("◁think▷hm◁/think▷", text),
    "in a field of its own": lambda text: stream(delta(reasoning_content="hm"), delta(content=text)),
    "in OpenRouter's field": lambda text: stream(delta(reasoning="hm"), delta(content=text)),
    "a mark of the template": lambda text: say(text, "<|im_end|>"),
    "the reason with the last text": lambda text: stream(delta("stop", content=text), finish=None),
    "the reason with the usage": lambda text: stream(
        delta(content=text), {**delta("stop"), "usage": USAGE}, finish=None, usage=None
    ),
    "empty reasons first": lambda text: stream(delta("", role="assistant"), delta("", content=text)),
    "no [DONE]": lambda text: say(text, is_done=False),
    "usage that is text": lambda text: say(text, usage={"prompt_tokens": "many", "completion_tokens": "few"}),
}

# How calls may come. Each gives the same calls.


def _arguments(given: Any) -> str:
    return given if isinstance(given, str) else json.dumps(given)


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def _streamed(calls: Calls, make: Callable[[int, str, str, bool], Chunk]) -> Chunks:
    """Each call in two fragments: ``make(index, name, half, is_first)``."""
    deltas = []
    for n, (name, given) in enumerate(calls):
        first, second = _halves(_arguments(given))
        deltas += [[make(n, name, first, True)], [make(n, name, second, False)]]
    return call(*deltas)


def _json(name: str, given: Any, key: str = "arguments") -> str:
    return json.dumps({"name": name, key: given})


CALLS: Mapping[str, Callable[[Calls], Chunks]] = {
    "one index (Ollama)": lambda calls: call(
        *([fragment(n, _arguments(a), index=0, id=f"call_{i}")] for i, (n, a) in enumerate(calls))
    ),
    "one index, finished as text": lambda calls: call(
        *([fragment(n, _arguments(a), index=0, id=f"call_{i}")] for i, (n, a) in enumerate(calls)), finish="stop"
    ),
    "no ids": lambda calls: call(*([fragment(n, _arguments(a), index=i)] for i, (n, a) in enumerate(calls))),
    "no ids and one index": lambda calls: call(*([fragment(n, _arguments(a), index=0)] for n, a in calls)),
    "neither ids nor indexes": lambda calls: call(*([fragment(n, _arguments(a))] for n, a in calls)),
    "neither, in one delta": lambda calls: call([fragment(n, _arguments(a)) for n, a in calls]),
    "one id for all": lambda calls: call(
        *([fragment(n, _arguments(a), index=i, id="call")] for i, (n, a) in enumerate(calls))
    ),
    "empty ids": lambda calls: call(
        *([fragment(n, _arguments(a), index=i, id="")] for i, (n, a) in enumerate(calls))
    ),
    "ids that are numbers": lambda calls: call(
        *([fragment(n, _arguments(a), index=i, id=i)] for i, (n, a) in enumerate(calls))
    ),
    "an object for arguments": lambda calls: call(
        *([fragment(n, a, index=0, id=f"call_{i}")] for i, (n, a) in enumerate(calls))
    ),
    "the id first": lambda calls: _streamed(
        calls,
        lambda n, name, half, is_first: fragment(
            name if is_first else None, half, index=n, **({"id": f"call_{n}"} if is_first else {})
        ),
    ),
    "the id first, one index": lambda calls: _streamed(
        calls,
        lambda n, name, half, is_first: fragment(
            name if is_first else None, half, index=0, **({"id": f"call_{n}"} if is_first else {})
        ),
    ),
    "the name each time": lambda calls: _streamed(
        calls, lambda n, name, half, is_first: fragment(name, half, index=n, id=f"call_{n}")
    ),
    "the name each time, no ids": lambda calls: _streamed(
        calls, lambda n, name, half, is_first: fragment(name, half, index=n)
    ),
    "the name each time, neither id nor index": lambda calls: _streamed(
        calls, lambda n, name, half, is_first: fragment(name, half)
    ),
    "another id each time": lambda calls: _streamed(
        calls, lambda n, name, half, is_first: fragment(name if is_first else None, half, index=n, id=f"{n}{half}")
    ),
    "bare": lambda calls: say("\n".join(_json(*c) for c in calls)),
    "a list": lambda calls: say("[" + ", ".join(_json(*c) for c in calls) + "]"),
    "fenced": lambda calls: say("```json\n[" + ",\n".join(_json(*c) for c in calls) + "]\n```"),
    "fenced one by one": lambda calls: say("\n".join(f"```\n{_json(*c)}\n```" for c in calls)),
    "parameters": lambda calls: say("\n".join(_json(n, a, "parameters") for n, a in calls)),
    "arguments as text": lambda calls: say("\n".join(_json(n, _arguments(a)) for n, a in calls)),
    "OpenAI's object": lambda calls: say(
        json.dumps(
            {"tool_calls": [{"type": "function", "function": {"name": n, "arguments": a}} for n, a in calls]}
        )
    ),
    "words before": lambda calls: say("Let me look.\n\n" + "\n".join(_json(*c) for c in calls)),
    "Hermes": lambda calls: say("\n".join(f"<tool_call>\n{_json(*c)}\n</tool_call>" for c in calls)),
    "Hermes, not closed": lambda calls: say("\n".join(f"<tool_call>\n{_json(*c)}" for c in calls)),
    "Hermes after reasoning": lambda calls: say(
        "<think>I must look.</think>\n" + "\n".join(f"<tool_call>{_json(*c)}</tool_call>" for c in calls)
    ),
    "Llama's function": lambda calls: say("".join(f"<function={n}>{_arguments(a)}</function>" for n, a in calls)),
    "Llama's python tag": lambda calls: say(
        "<|python_tag|>" + "; ".join(_json(n, a, "parameters") for n, a in calls)
    ),
    "Qwen's parameters": lambda calls: say(
        "\n".join(
            f"<tool_call>\n<function={n}>\n"
            + "".join(f"<parameter={k}>\n{v}\n</parameter>\n" for k, v in a.items())
            + "</function>\n</tool_call>"
            for n, a in calls
        )
    ),
    "Mistral's": lambda calls: say("[TOOL_CALLS] [" + ", ".join(_json(*c) for c in calls) + "]"),
    "Mistral's, by name": lambda calls: say("".join(f"[TOOL_CALLS]{n}[ARGS]{_arguments(a)}" for n, a in calls)),
    "Harmony's": lambda calls: say(
        "".join(
            f"<|channel|>commentary to=functions.{n} <|constrain|>json<|message|>{_arguments(a)}<|call|>"
            for n, a in calls
        )
    ),
    "DeepSeek's": lambda calls: say(
        "<｜tool▁calls▁begin｜>"
        + "".join(f"<｜tool▁call▁begin｜>{n}<｜tool▁sep｜>{_arguments(a)}<｜tool▁call▁end｜>" for n, a in calls)
        + "<｜tool▁calls▁end｜>"
    ),
    "Python": lambda calls: say(
        "[" + ", ".join(f"{n}({', '.join(f'{k}={v!r}' for k, v in a.items())})" for n, a in calls) + "]"
    ),
}
