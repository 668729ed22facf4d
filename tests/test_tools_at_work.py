"""The tools in the whole: in a thread of Slack, in a command, at the terminal, and a company's own."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

import agent.settings
from agent.store.database import Database
from bot.jobs import wiring
from bot.simulator import ADA, GENERAL, GRACE, HELP
from tests.scripted_model import Call, Say, ScriptedModel
from tests.system import System

WEATHER = '''
from agent.tools import ToolContext, ToolResult, tool

@tool()
def weather(city: str, *, context: ToolContext) -> ToolResult:
    """Tells the weather. Use it for the weather. Do not use it for anything else."""
    return ToolResult({"weather": "fine in " + city})
'''
CALLS: list[tuple[str, Any]] = [
    ("thread_history", {}),
    ("list_documents", {"order": "title", "limit": 1}),
    ("current_time", {}),
    ("weather", {"city": "Bergen"}),
]


@pytest.fixture
def model(world: System) -> Iterator[ScriptedModel]:
    """A model that calls every tool once, then answers."""
    (world.folder / "tools").mkdir()
    (world.folder / "tools" / "weather.py").write_text(WEATHER)

    def script(request: dict[str, Any]) -> Say | Call:
        has_called = any(message["role"] == "tool" for message in request["messages"])
        return Say("It is fine.") if has_called else Call(CALLS)

    with ScriptedModel(script) as model:
        world.env |= {
            "DOCENT_MODEL": "openai/scripted",
            "DOCENT_MODEL_API_BASE": model.base_url,
            "DOCENT_TIME_ZONE": "Asia/Tokyo",
            "DOCENT_TOOLS": str(world.folder / "tools"),
        }
        yield model


def results(model: ScriptedModel) -> list[dict[str, Any]]:
    return [json.loads(m["content"]) for m in model.requests[-1]["messages"] if m["role"] == "tool"]


def test_in_a_thread_the_model_reads_it_lists_documents_tells_the_time_and_uses_a_companys_tool(
    world: System, model: ScriptedModel
) -> None:
    world.start("web", "worker")
    root = world.workspace.person(GRACE).say(HELP, "The picnic is on Friday, if the weather is fine.")
    world.workspace.person(ADA).mention(HELP, "Will it be fine?", root)
    world.wait_for_turns(1)

    offered = [tool["function"]["name"] for tool in model.requests[0]["tools"]]
    assert offered == sorted(offered)
    assert {"thread_history", "list_documents", "current_time", "weather"} <= set(offered)
    thread, documents, present, weather = results(model)
    assert [message["who"] for message in thread["messages"]] == ["Grace Okafor"]  # before the question
    assert thread["people"] == {GRACE: "Grace Okafor"}
    assert thread["messages"][0]["text"] == "The picnic is on Friday, if the weather is fine."
    assert (documents["found"], documents["documents"][0]["title"]) == (4, "Leave")
    assert present["time_zone"] == "Asia/Tokyo"
    assert weather == {"weather": "fine in Bergen"}
    assert world.replies(HELP, root)


def test_a_command_has_no_thread_to_read(world: System, model: ScriptedModel) -> None:
    world.start("web", "worker")
    world.workspace.person(ADA).command("/ask", "Will it be fine?", GENERAL)
    world.wait_for_turns(1)
    assert "not asked in a thread" in results(model)[0]["error"]


def test_a_worker_with_a_broken_tool_says_so_and_ends(world: System, model: ScriptedModel) -> None:
    (world.folder / "tools" / "weather.py").write_text("1 / 0")
    with pytest.raises(AssertionError, match=r"DOCENT_TOOLS: .*weather.py cannot be imported \(ZeroDivisionError"):
        world.start("worker")


def test_at_the_terminal_there_is_no_thread_to_read(database: Database) -> None:
    at = wiring.build(agent.settings.AgentSettings(), database)
    at.leases.close()
    assert list(at.agent.tools) == ["current_time", "list_documents", "read_document", "search_docs"]
