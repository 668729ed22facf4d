"""Whatever a provider sends: what the person sees at every moment, what runs, what is recorded."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from agent.llm.answers.reasoning import ReasoningFilter
from agent.llm.client import CallPolicy
from agent.llm.request import Model, Retracted
from agent.store.database import Database
from agent.store.sessions import Turn
from agent.tools import ToolContext, ToolResult, tool
from agent.turn.events import Event, Finished, TextDelta, TextReset
from agent.turn.shown_text import ShownText
from agent.turn.text_calls import forms
from tests.agent.parts import PASSAGE, PRICE, Asked
from tests.agent.turn import written_calls
from tests.agent.turn.provider_shapes import TABLE, Shape
from tests.agent.turn.provider_streams import cut
from tests.scripted_model import Chunks, ScriptedModel


@pytest.fixture(scope="module")
def provider() -> Iterator[tuple[ScriptedModel, list[Chunks]]]:
    lines: list[Chunks] = []
    with ScriptedModel(lambda request: lines.pop(0) if len(lines) > 1 else lines[0]) as model:
        yield model, lines


@tool(only_passages=True)
def look_up(query: str, *, context: ToolContext) -> ToolResult:
    """Looks something up."""
    return ToolResult({"found": 2}, (PASSAGE, replace(PASSAGE, chunk_id="c2", text="At most 240 hours.")))


OFTEN = 3  # of the table's rows one in so many is an ordinary test; every piece of every row is filtered below


@pytest.mark.parametrize(
    "shape",
    [pytest.param(shape, marks=pytest.mark.soak if n % OFTEN else ()) for n, shape in enumerate(TABLE)],
    ids=str,
)
def test_a_shape(database: Database, provider: tuple[ScriptedModel, list[Chunks]], shape: Shape) -> None:
    model, lines = provider
    in_fives = [cut(answer, 5) for answer in shape.answers]
    for n, answers in enumerate([shape.answers, in_fives] if in_fives != list(shape.answers) else [shape.answers]):
        model.requests.clear()
        lines[:] = answers
        # A name of its own: what a process learns of a model's habits is no part of the row.
        asked = Asked(database, [Model(f"openai/{shape}-{n}", model.base_url, price=PRICE)])
        asked.tools = {"look_up": look_up}
        asked.kit_options = {"call_policy": CallPolicy(n_retries=1)}
        turn = asked.ask(key=f"s{n}")
        events = asked.run(turn)
        end = events[-1]
        assert isinstance(end, Finished)

        assert (end.text, end.reason) == (shape.text, shape.reason)
        assert shape.notice in end.notice if shape.notice else end.notice == ""
        _check_moments(shape, _moments(events))
        if shape.n_requests is not None:
            assert len(model.requests) == shape.n_requests
        _check_transcript(asked, turn, shape)
        _check_record(asked, turn, shape, model)


@pytest.mark.parametrize("size", [1, 2, 3, 7, None])
def test_pieces_of_any_size_show_no_more(size: int | None) -> None:
    """Without a turn around it: the same filters, so that every row comes in pieces of every size."""
    for shape in TABLE:
        for answer in shape.answers:
            reasoning = ReasoningFilter(Model(f"ollama/{shape}-{size}"))
            shown = ShownText(is_weak=False, known={1, 2}, names={"look_up"})
            moments, text = [], ""
            for piece in _filter(reasoning, cut(answer, size)):
                if isinstance(piece, Retracted):
                    shown, text = ShownText(is_weak=False, known={1, 2}, names={"look_up"}), ""
                else:
                    text += shown.feed(piece)
                moments.append(text)
            _check_moments(shape, [*moments, text + shown.flush()])


def test_nothing_of_a_call_is_left_in_the_words_around_it() -> None:
    for text in (*written_calls.IN_CODE, *written_calls.BARE):
        for words in ("", "Let me look."):
            found = forms.find(f"{words}\n\n{text}", {"look_up"})
            assert found
            assert (found.before.strip(), found.after.strip()) == (words, "")


def _filter(reasoning: ReasoningFilter, answer: Chunks) -> Iterator[str | Retracted]:
    for chunk in answer.chunks:
        for choice in chunk.get("choices", ()):
            content = choice["delta"].get("content")
            yield from reasoning.feed(content) if isinstance(content, str) else ()
    yield from reasoning.finish(is_cut=False)


def _check_moments(shape: Shape, moments: Iterable[str]) -> None:
    for moment in moments:
        assert any(text.startswith(moment.rstrip()) for text in (shape.text, *shape.shown)), (str(shape), moment)


def _moments(events: Sequence[Event]) -> Iterator[str]:
    """What a person sees after each event."""
    text = ""
    for event in events:
        if isinstance(event, TextReset):
            text = ""
        elif isinstance(event, TextDelta):
            text += event.text
        yield text


def _check_transcript(asked: Asked, turn: Turn, shape: Shape) -> None:
    messages = asked.messages(turn)
    ids = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    assert [m["tool_call_id"] for m in messages if m["role"] == "tool"] == ids
    statement = "SELECT name, arguments FROM tool_calls WHERE turn_id = :id AND position >= 0 AND NOT is_error"
    ran = asked.query(f"{statement} ORDER BY position", id=turn.id)
    assert [(row.name, row.arguments) for row in ran] == [(name, given) for name, given in shape.calls]
    written = "".join(str(message.get("content")) for message in messages if message["role"] == "assistant")
    assert ("query" in written) == ("query" in shape.text)  # no call is left in a text


def _check_record(asked: Asked, turn: Turn, shape: Shape, model: ScriptedModel) -> None:
    rows = asked.query(
        "SELECT prompt_tokens, completion_tokens, cost_usd, is_estimated, body::text AS body FROM model_calls "
        "LEFT JOIN blobs ON hash = response_hash "
        "WHERE turn_id = :id AND purpose <> 'fallback' ORDER BY model_calls.id",
        id=turn.id,
    )
    assert all(row.cost_usd > 0 for row in rows)
    assert rows[-1].is_estimated is shape.is_estimated
    if shape.is_estimated and rows[-1].body:
        estimate = Decimal(rows[-1].prompt_tokens) * PRICE.prompt + rows[-1].completion_tokens * PRICE.completion
        assert rows[-1].cost_usd == estimate
    if shape.usage:
        assert (rows[-1].prompt_tokens, rows[-1].completion_tokens) == shape.usage
    record = json.dumps([row.body for row in rows])
    assert all(json.dumps(text)[1:-1] in record for text in shape.recorded)
    later = json.dumps(model.requests[1:])
    assert not [text for text in shape.unsent if text in later]
