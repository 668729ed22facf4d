"""What comes of what providers send: one table, each row a turn.

A row has the answers of its model in order (the last one again and again), as chunks of OpenAI's stream, and what
comes of them. To add a row, write one in the list of its kind; ``test_provider_shapes`` delivers it as it stands
and cut into pieces of every size.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.agent.turn import written_calls
from tests.agent.turn.provider_streams import ANSWERS, CALLS, USAGE, Calls, call, delta, fragment, say, stream
from tests.agent.turn.written_calls import LOOK_UP, WRITTEN
from tests.scripted_model import Chunks

ANSWER = "You may carry over 240 hours of annual leave [1]."
QUOTED = "Quoted: 5 days [1]."  # by this process's own model
MORE = ("look_up", {"query": "carry over"})
WHOLE = fragment(LOOK_UP[0], json.dumps(LOOK_UP[1]), index=0, id="a")
ENDED_EARLY = "You can carry over 240 [1] "
NOT_REACHED = "cannot be reached"
BESIDE = call([fragment(MORE[0], json.dumps(MORE[1]), index=0, id="c1")])
EXAMPLE = f"A call looks like this:\n\n```json\n{WRITTEN}\n```\n\nIts name says which tool is meant [1]."


@dataclass(frozen=True)
class Shape:
    """One row. ``shown`` are the texts that a person may see beside a beginning of ``text``.

    ``calls`` are those that ran, ``recorded`` is what the record of the model calls holds, ``unsent`` what no
    later request holds.
    """

    name: str
    answers: Sequence[Chunks]
    text: str = ANSWER
    reason: str = "answered"
    notice: str = ""
    calls: Calls = ()
    n_requests: int | None = None
    shown: Sequence[str] = ()
    recorded: Sequence[str] = ()
    unsent: Sequence[str] = ()
    is_estimated: bool = False
    usage: tuple[int, int] | None = None  # tokens of the last call: prompt, completion

    def __str__(self) -> str:
        return self.name


def _error_event(**fields: Any) -> dict[str, Any]:
    return {"error": {"message": "scripted", **fields}}


def _error(**fields: Any) -> Chunks:
    return Chunks([delta(content="You can "), _error_event(**fields)], is_done=False)


REASONING = [
    *(
        Shape(f"answer: {name}", [make(ANSWER)], is_estimated=name == "usage that is text")
        for name, make in ANSWERS.items()
    ),
    *(
        Shape(
            f"the record has the reasoning: {name}",
            [ANSWERS[name](ANSWER)],
            recorded=["Let me look. [1] says so."],
        )
        for name in ("think", "the closing tag only")
    ),
    Shape(
        "reasoning beside a call is not sent back",
        [
            stream(delta(content="<think>Private.</think>Let me look."), *BESIDE.chunks, finish=None, usage=None),
            say(ANSWER),
        ],
        calls=[MORE],
        shown=["Let me look."],
        unsent=["Private", "think>"],
        recorded=["Private."],
    ),
    Shape(
        "reasoning that never ends is an empty answer",
        [say("<think>Let me look. It is 240.")],
        text=QUOTED,
        reason="no_answer",
        notice="did not give a usable answer",
    ),
    *(
        Shape(f"a text about the tags: {text!r}", [say(text)], text=text)
        for text in (
            "Write `<think>` and `</think>` around it [1].",
            "Write [1]:\n\n```xml\n<think>\nwhy\n</think>\n```\n\nThat is all.",
            "It is 5 < 6, and a <b>tag</b> [1].",
            "The <think> tag is for reasoning [1].",
            "Write <reason>why</reason> into the <response> [1].",
        )
    ),
]
CALLED = [
    *(
        Shape(
            f"two calls: {name}",
            [make([LOOK_UP, MORE]), say(ANSWER)],
            calls=[LOOK_UP, MORE],
            shown=["Let me look."],
        )
        for name, make in CALLS.items()
    ),
    Shape(
        "the old function_call",
        [
            stream(
                delta(function_call={"name": "look_up", "arguments": '{"query": '}),
                delta(function_call={"arguments": '"annual leave"}'}),
                finish="function_call",
            ),
            say(ANSWER),
        ],
        calls=[LOOK_UP],
    ),
    Shape(
        "an empty object first",
        [
            call([fragment("look_up", "{}", index=0, id="a")], [fragment(None, json.dumps(LOOK_UP[1]), index=0)]),
            say(ANSWER),
        ],
        calls=[LOOK_UP],
    ),
    Shape("all of it once more", [call([WHOLE], [WHOLE]), say(ANSWER)], calls=[LOOK_UP]),
    Shape(
        "its name once more, after its arguments",
        [
            call([fragment("look_up", json.dumps(LOOK_UP[1]), index=0)], [fragment("look_up", "", index=0)]),
            say(ANSWER),
        ],
        calls=[LOOK_UP],
    ),
    Shape(
        "an unknown tool is told once",
        [say(json.dumps({"name": "web_search", "arguments": {"q": "x"}})), say(ANSWER)],
        n_requests=2,
    ),
    Shape(
        "arguments it does not take are told once",
        [say(json.dumps({"name": "look_up", "arguments": {"q": "x"}})), say(ANSWER)],
        n_requests=2,
    ),
    Shape(
        "JSON that is none is told once",
        [say('{"name": "look_up", "arguments": {"query": '), say(ANSWER)],
        n_requests=2,
    ),
    Shape(
        "a call that cannot be made twice over is no answer",
        [say("<tool_call>" + json.dumps({"name": "web_search", "arguments": {}}) + "</tool_call>")],
        text=QUOTED,
        reason="no_answer",
        notice="did not give a usable answer",
        n_requests=2,
    ),
    *(
        Shape(
            f"a call in its words: {words!r}",
            [say(words % WRITTEN), say(ANSWER)],
            calls=[LOOK_UP],
            shown=[words.partition("```")[0].partition("~~~")[0].partition("%s")[0]],
        )
        for words in written_calls.IN_WORDS
    ),
    *(
        Shape(f"a call: {text!r}", [say(text), say(ANSWER)], calls=[LOOK_UP])
        for text in (*written_calls.IN_CODE, *written_calls.BARE)
    ),
    *(
        Shape(
            f"a call after words: {text!r}",
            [say(f"Let me look.\n\n{text}"), say(ANSWER)],
            calls=[LOOK_UP],
            shown=["Let me look."],
        )
        for text in (*written_calls.IN_CODE, *written_calls.BARE)
    ),
    Shape("an answer that explains a call", [say(EXAMPLE)], text=EXAMPLE, n_requests=1),
    *(
        Shape(f"JSON that is no call: {text!r}", [say(text)], text=text, n_requests=1)
        for text in (
            'The settings are {"retries": 3} [1].',
            'Write [1]:\n\n```json\n{"name": "Ada", "role": "admin"}\n```',
            "In code, `" + WRITTEN + "` is a call [1].",
            "Use [1]:\n\n```python\nprint({'a': 1})\n```\nThat is all.",
            "look_up(query) looks something up [1].",
            "Its signature [1]:\n\n```python\nlook_up(query: str)\n```\nThat is all.",
        )
    ),
    Shape(
        "a good text beside a call, then nothing",
        [stream(delta(content=ANSWER), *BESIDE.chunks, finish=None, usage=None), say("")],
        calls=[MORE],
        n_requests=2,
    ),
    Shape(
        "words beside a call, then nothing",
        [stream(delta(content="Let me look."), *BESIDE.chunks, finish=None, usage=None), say("")],
        calls=[MORE],
        shown=["Let me look."],
        text=QUOTED,
        reason="no_answer",
        notice="did not give",
    ),
]
BROKEN = [
    *(
        Shape(
            f"an end without a reason, {name}",
            [line],
            text=QUOTED,
            reason="provider_down",
            notice=NOT_REACHED,
            shown=[ENDED_EARLY.strip()],
            n_requests=2,
            is_estimated=True,
        )
        for name, line in {
            "with [DONE]": say(ENDED_EARLY, finish=None, usage=None),
            "without": say(ENDED_EARLY, finish=None, usage=None, is_done=False),
            "with the usage": say(ENDED_EARLY, finish=None),
            "with empty ones": stream(delta("", content=ENDED_EARLY), delta(""), finish=None),
            **{
                reason: say(ENDED_EARLY, finish=reason, usage=None)
                for reason in ("abort", "insufficient_system_resource", "cancelled", "network_error", "null")
            },
            "in a call": call([fragment("look_up", '{"query": ', index=0, id="a")], finish=""),
        }.items()
    ),
    Shape(
        "an end without a reason, then an answer",
        [say(ENDED_EARLY, finish=None, usage=None), say(ANSWER)],
        shown=[ENDED_EARLY.strip()],
        n_requests=2,
    ),
    *(
        Shape(f"an end at its length: {reason}", [say(ANSWER, finish=reason)], notice="cut off")
        for reason in ("length", "model_length", "max_tokens", "MAX_TOKENS")
    ),
    *(
        Shape(
            f"an error for good: {event}",
            [Chunks([delta(content="You can "), event], is_done=False)],
            text=QUOTED,
            reason="provider_down",
            notice=NOT_REACHED,
            shown=["You can"],
            n_requests=1,
            is_estimated=True,
        )
        for event in (
            _error_event(type="invalid_request_error"),
            _error_event(type="BadRequestError", code=400),
            _error_event(code="context_length_exceeded"),
            _error_event(type="authentication_error"),
            _error_event(type="content_policy_violation"),
            _error_event(code="insufficient_quota", type="insufficient_quota"),
            {"error": "invalid_request_error: it is too long"},
            {"object": "error", "message": "scripted", "type": "BadRequestError", "code": 400},
        )
    ),
    *(
        Shape(f"an error for now: {fields}", [_error(**fields), say(ANSWER)], shown=["You can"], n_requests=2)
        for fields in (
            {"type": "overloaded_error"},
            {"type": "rate_limit_error"},
            {"type": "server_error"},
            {"code": 502},
            {"type": "api_error"},
            {},
        )
    ),
]
COUNTED = [
    *(
        Shape(f"usage: {usage}", [say(ANSWER, usage=usage)], is_estimated=True)
        for usage in (
            None,
            {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
            {"prompt_tokens": 100, "completion_tokens": 0},
            {"prompt_tokens": 0, "completion_tokens": 20},
            {"prompt_tokens": -5, "completion_tokens": -1},
            {"prompt_tokens": 10**12, "completion_tokens": 10**12},
            {"prompt_tokens": "many", "completion_tokens": "few"},
            {"prompt_tokens": None},
            "none",
        )
    ),
    Shape("usage: as it should be", [say(ANSWER)], usage=(100, 20)),
    Shape(
        "usage: as floats",
        [say(ANSWER, usage={"prompt_tokens": 100.0, "completion_tokens": 20.0})],
        usage=(100, 20),
    ),
    Shape(
        "usage: more each time",
        [stream({**delta(content=ANSWER), "usage": {**USAGE, "completion_tokens": 2}})],
        usage=(100, 20),
    ),
]
CITED = [
    *(
        Shape(f"cited as {form!r}", [say(ANSWER.replace(" [1]", form))], text=ANSWER)
        for form in (
            "【1】",
            " 【1】",
            " 【1†source】",
            "【4:1†leave.md】",
            " [^1]",
            "[^1]",
            " [^1^]",
            " ［1］",
            "［１］",
            " (1)",
            " [Source 1]",
            " (source 1)",
            " [source: 1]",
            " [Passage 1]",
            " [1†L3-L9]",
            "¹",
            " <sup>1</sup>",
            " \\[1\\]",
            " [#1]",
            "〔1〕",
        )
    ),
    Shape("cited from … to", [say("Both say so [1-2]. [1–2]")], text="Both say so [1][2]. [1][2]", calls=[]),
    Shape("cited attached", [say("You may carry over 240 hours[1].")], text="You may carry over 240 hours[1]."),
    *(
        Shape(
            f"not cited in {text!r}", [say(text)], text=text, reason="no_evidence", notice="Nothing above is taken"
        )
        for text in (
            "Read items[2] and a[1] of it.",
            "It is rows[1].",
            "It is 2 m¹ wide.",
            "First (1) ask, then (2) wait.",
            "See step (1).",
            "It was so in [1990-1995] and [12-15].",
            "Call f(1).",
            "data.rows[1] = 2",
            "Use `a 【1】` and `b (1)`.",
            "```\nx = 【1】\n```",
            "That is one (1) day.",
            "[^1]: A footnote.",
        )
    ),
    Shape(
        "a link is left alone",
        [say("It is so [1](https://x.example/a).")],
        text="It is so [1](https://x.example/a).",
    ),
]
TABLE = [*REASONING, *CALLED, *BROKEN, *COUNTED, *CITED]
