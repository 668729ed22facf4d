"""One question is one trace, from Slack's event through the queue to the worker's loop, without content."""

from collections.abc import Iterator
from typing import Any

import pytest

from bot.simulator import ADA, HELP
from tests.otlp import Collector
from tests.scripted_model import Call, Fail, Say, ScriptedModel
from tests.system import QUESTION, System, free_port

SEARCH = Call([("search_docs", {"query": "annual leave to carry over"}), ("zanzibar", {})])
ANSWER = Say("You can carry over 5 days of annual leave [1].")


@pytest.fixture
def collector(world: System) -> Iterator[Collector]:
    collector = Collector()
    world.env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    yield collector
    collector.close()


@pytest.fixture
def model(world: System) -> Iterator[ScriptedModel]:
    def script(request: dict[str, Any]) -> Call | Say:
        return ANSWER if any(m["role"] == "tool" for m in request["messages"]) else SEARCH

    with ScriptedModel(script) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        yield model


def test_a_question_is_one_trace_from_the_event_to_the_answer(
    world: System, collector: Collector, model: ScriptedModel
) -> None:
    world.start("web", "worker")
    world.workspace.person(ADA).mention(HELP, QUESTION)
    (turn,) = world.wait_for_turns(1)
    world.wait_for(lambda: collector.named("process question"))
    (received,) = collector.named("receive question")
    (agent,) = collector.named("invoke_agent Docent")
    processed = next(span for span in collector.named("process question") if span.span_id == agent.parent_id)
    chats, tools = collector.named("chat scripted"), collector.named("execute_tool search_docs")
    assert (received.parent_id, received.process) == ("", "web")
    assert (processed.parent_id, processed.process) == (received.span_id, "worker")
    ours = [received, processed, agent, *chats, *tools]
    assert {span.trace_id for span in ours} == {received.trace_id}
    assert [span.parent_id for span in (*chats, *tools)] == [agent.span_id] * 4  # the opening search, too
    assert [span.kind for span in (received, processed, agent, chats[0], tools[0])] == [2, 5, 1, 3, 1]
    assert agent.attributes["docent.turn_id"] == str(turn.id)
    assert agent.attributes["gen_ai.conversation.id"] == str(turn.session_id)
    assert agent.attributes["docent.reason"] == "answered"
    assert chats[0].attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "scripted",
        "gen_ai.request.max_tokens": chats[0].attributes["gen_ai.request.max_tokens"],
        "gen_ai.response.finish_reasons": chats[0].attributes["gen_ai.response.finish_reasons"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": chats[0].attributes["gen_ai.usage.output_tokens"],
        "docent.purpose": "step",
        "docent.cost_usd": 0.0,
    }
    assert [span.is_error for span in collector.named("execute_tool unknown")] == [True]  # a name that it made up
    for content in (
        b"annual",
        b"carry",
        b"zanzibar",
        ADA.encode(),
        HELP.encode(),
        b"leave.md",
        turn.question.encode(),
    ):
        assert content not in collector.raw


def test_a_model_that_fails_marks_its_span(world: System, collector: Collector, model: ScriptedModel) -> None:
    model.script = lambda request: Fail(401, message="you asked about zanzibar")
    world.start("web", "worker")
    world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(1)
    (chat,) = world.wait_for(lambda: collector.named("chat scripted"))
    assert (chat.is_error, chat.attributes["error.type"]) == (True, "ModelError")
    assert b"zanzibar" not in collector.raw


def test_a_collector_that_is_away_costs_one_line_and_no_answer(world: System) -> None:
    world.env |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    world.start("web", "worker")
    for n in range(1, 4):
        world.workspace.person(ADA).mention(HELP, QUESTION)
        world.wait_for_turns(n)
    log = world.folder / "worker-0.log"
    world.wait_for(lambda: "traces_not_sent" in log.read_text())
    world.stop("worker")
    assert log.read_text().count("traces_not_sent") == 1
    assert "Traceback" not in log.read_text()
