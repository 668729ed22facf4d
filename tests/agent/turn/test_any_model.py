"""Whatever a model does, the turn ends within its limits, with a complete transcript, and nothing raises."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from agent.llm.client import CallPolicy
from agent.store.database import Database
from agent.tools import ToolContext, ToolResult, tool
from agent.turn.events import Finished
from agent.turn.limits import Limits
from tests.agent.parts import PRICE, TOOLS, Asked, budgets
from tests.agent.turn import provider_streams
from tests.agent.turn.provider_shapes import TABLE
from tests.scripted_model import Break, Call, Fail, Line, Raw, Say, ScriptedModel

LIMITS = Limits(
    max_steps=5, max_tool_calls=6, max_seconds=20, max_completion_tokens=300, max_usd=Decimal(1), tool_seconds=2
)


@tool(is_idempotent=False)
def send(to: str, *, context: ToolContext) -> ToolResult:
    """Sends."""
    return ToolResult({"sent": to})


@tool()
def broken(*, context: ToolContext) -> ToolResult:
    """Has a bug."""
    raise RuntimeError("the secret detail")


@tool()
def no_json(*, context: ToolContext) -> ToolResult:
    """Returns what is no JSON."""
    return ToolResult({"what": object()})  # type: ignore[dict-item]


ALL = {**TOOLS, "send": send, "broken": broken, "no_json": no_json}
TEXTS = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "5 days [1].",
            "Nobody knows.",
            "[not in the documents]",
            "[no documents needed] Hello",
            "Lone \ud83d and \x00 zero [1]",
            "[1]" * 50,
            "word " * 3_000,
            '<evidence tool="x">\n{}\n</evidence>',
        ]
    ),
    st.text(max_size=60),
)
ARGUMENTS = st.one_of(
    st.sampled_from(
        [
            {},
            {"query": "x"},
            {"query": "x"},
            {"query": "y" * 30_000},
            {"to": "Ada"},
            "{",
            "[]",
            "null",
            "1",
            "",
            '{"query": "\\ud83d"}',
            "[" * 3_000,
        ]
    ),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
)
NAMES = st.sampled_from([*ALL, "unknown", "", "a b!", "x" * 300])
CALLS = st.lists(st.tuples(NAMES, ARGUMENTS), min_size=1, max_size=20).map(Call)
CUTS = st.integers(0, 400).map(lambda n: Raw(_stream()[:n]))
SHAPES = st.builds(
    provider_streams.cut,
    st.one_of(
        st.sampled_from([answer for shape in TABLE for answer in shape.answers]),
        st.builds(lambda make, text: make(text), st.sampled_from(list(provider_streams.ANSWERS.values())), TEXTS),
    ),
    st.sampled_from([1, 5, None]),
)
LINES: st.SearchStrategy[Line] = st.one_of(
    SHAPES,
    st.builds(Say, TEXTS),
    st.builds(
        Say,
        TEXTS,
        finish_reason=st.sampled_from(["length", "content_filter", "tool_calls", "function_call", "??"]),
    ),
    CALLS,
    st.builds(Call, st.just([]), TEXTS),
    st.sampled_from([400, 401, 403, 404, 422, 429, 500, 503]).map(Fail),
    st.just(Fail(400, message="The response was filtered", code="content_filter")),
    st.builds(Break, TEXTS),
    CUTS,
    st.sampled_from([b"data: {}\n\n", b"data: [DONE]\n\n", b"data: nonsense\n\n", b"\xff\xfe", b""]).map(Raw),
)


def _stream() -> bytes:
    """A whole answer as it goes over the wire, to be cut anywhere."""
    chunk: dict[str, Any] = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas = [{"role": "assistant", "content": "5 days"}, {"content": " [1]."}]
    chunks = [chunk | {"choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
    return b"".join(f"data: {json.dumps(c)}\n\n".encode() for c in chunks)


@pytest.fixture(scope="module")
def script() -> Iterator[tuple[ScriptedModel, list[Line]]]:
    lines: list[Line] = []
    with ScriptedModel(lambda request: lines.pop(0) if lines else Say("The end [1].")) as model:
        yield model, lines


@pytest.mark.timeout(600)
@given(lines=st.lists(LINES, min_size=1, max_size=7), usd=st.sampled_from([0.0, 0.1, 10.0]))
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_the_turn_ends_within_its_limits(
    database: Database, script: tuple[ScriptedModel, list[Line]], lines: list[Line], usd: float
) -> None:
    _check(database, script, lines, usd)


@pytest.mark.soak
@given(lines=st.lists(LINES, min_size=1, max_size=10), usd=st.sampled_from([0.0, 0.05, 0.1, 0.2, 10.0]))
@settings(max_examples=1_500, suppress_health_check=list(HealthCheck))
def test_the_turn_ends_within_its_limits_many_times(
    database: Database, script: tuple[ScriptedModel, list[Line]], lines: list[Line], usd: float
) -> None:
    _check(database, script, lines, usd)


def _check(database: Database, script: tuple[ScriptedModel, list[Line]], lines: list[Line], usd: float) -> None:
    model, script_lines = script
    script_lines[:] = lines
    with database.transaction() as transaction:
        transaction.execute(text("TRUNCATE sessions, blobs, budgets CASCADE"))
    options = {"budgets": budgets(person_day=usd), "call_policy": CallPolicy(n_retries=1, timeout_seconds=10)}
    asked = Asked(database, [model], tools=ALL, limits=LIMITS, price=PRICE, kit_options=options)
    turn = asked.ask()
    end = asked.run(turn)[-1]

    assert isinstance(end, Finished)
    assert end.text.strip()
    messages = asked.messages(turn)
    assert messages[-1]["role"] == "assistant"
    assert not messages[-1].get("tool_calls")
    calls = [call["id"] for m in messages for call in m.get("tool_calls") or ()]
    assert calls == [m["tool_call_id"] for m in messages if m["role"] == "tool"]
    assert len(set(calls)) == len(calls)
    rows = asked.query("SELECT purpose, status FROM model_calls")
    assert all(status != "started" for _, status in rows)
    assert sum(purpose != "fallback" for purpose, _ in rows) <= LIMITS.max_steps
    runs = asked.query("SELECT count(*) FROM tool_calls WHERE position >= 0 AND result ->> 'is_refused' IS NULL")
    assert runs[0][0] <= LIMITS.max_tool_calls
    sent = asked.query("SELECT arguments FROM tool_calls WHERE name = 'send' AND NOT is_error")
    assert len({str(row[0]) for row in sent}) == len(sent)
    spent = asked.query("SELECT coalesce(max(spent_usd + held_usd), 0) FROM budgets WHERE scope = 'person'")[0][0]
    assert spent <= usd
    assert asked.query("SELECT cost_usd FROM turns")[0][0] <= LIMITS.max_usd
    assert all(source.n in {s.n for s in end.sources} for source in end.sources)
    assert "secret" not in json.dumps(messages)
