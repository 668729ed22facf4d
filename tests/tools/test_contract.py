"""What every tool of the folder must be, and what those that search and read do."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ToolError
from agent.store.database import Database
from agent.tools import Tool, ToolContext, ToolResult, tool
from agent.types import Audience
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.library import sync_folder
from tools.attached_messages import Attached, AttachedFile, AttachedMessage, AttachedPort
from tools.current_time import Clock
from tools.registry import find_tools, select_offered
from tools.thread_history import ThreadMessage, ThreadPort

TOOLS = find_tools()


class Chatter:
    """A long thread."""

    def messages(
        self, session_key: str, limit: int, deadline: float, audience: Audience
    ) -> Sequence[ThreadMessage]:
        return [ThreadMessage("U1", "2026-03-01T09:00:00+00:00", "long " * 300) for _ in range(limit)]


class Bundle:
    """A lot that came with a question."""

    def read_attached(self) -> Attached:
        said = AttachedMessage("linked", "Ann", "2026-03-01T09:00:00+00:00", "long " * 1_000)
        return Attached([said] * 60, [AttachedFile("a.log", "line\n" * 3_000)], {"U1": "Ann"})


@pytest.fixture
def context(database: Database, tmp_path: Path) -> Callable[..., ToolContext]:
    """A context over a small library."""
    documents = tmp_path / "documents"
    documents.mkdir()
    sections = "\n\n".join(
        f"## Rule {i}\n\nRule number {i} of the garden says water plant {i}." for i in range(30)
    )
    (documents / "garden.md").write_text(f"# Garden rules\n\n{sections}")
    (documents / "long.md").write_text(
        "# Long list\n\n" + "\n".join(f"- tool {i} is in box {i}" for i in range(300))
    )
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index")))
    sync_folder(library, str(documents))

    def make(*members: frozenset[str]) -> ToolContext:
        audience = Audience(members) if members else Audience()
        resources: dict[type, Any] = {
            Library: library,
            Clock: Clock(),
            ThreadPort: Chatter(),
            AttachedPort: Bundle(),
        }
        return ToolContext(audience, "test", deadline=9e9, resources=resources)

    return make


def test_tools_are_found_by_folder_and_sorted() -> None:
    assert list(TOOLS) == [
        "attached_messages",
        "current_time",
        "list_documents",
        "read_document",
        "search_docs",
        "thread_history",
    ]


def test_a_tool_whose_needs_are_not_met_is_not_offered() -> None:
    assert "thread_history" not in select_offered(TOOLS, {Library, Clock})
    assert list(select_offered(TOOLS, {Library, Clock, ThreadPort, AttachedPort})) == list(TOOLS)


def test_a_tool_that_changes_something_is_not_offered_and_one_that_reads_is() -> None:
    @tool(is_idempotent=False)
    def refund(order: int, *, context: ToolContext) -> ToolResult:
        """Pays an order back."""
        return ToolResult()

    own = find_tools([str(Path(__file__).parents[2] / "bot" / "sample" / "tools")])
    offered = select_offered({**own, "refund": refund}, {Library, Clock, ThreadPort, AttachedPort})
    assert "refund" not in offered
    assert set(offered) == {*TOOLS, "orders"}


@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
def test_every_tool_describes_itself(tool: Tool) -> None:
    schema = tool.schema()["function"]
    assert schema["name"] == tool.name
    assert len(schema["description"]) > 100
    assert "Use it" in schema["description"]
    assert "Do not use it" in schema["description"]
    parameters: Any = schema["parameters"]
    properties = parameters["properties"]
    assert "context" not in properties
    assert parameters["additionalProperties"] is False
    required = set(parameters.get("required", ()))
    assert {name for name, argument in properties.items() if "default" not in argument} == required


@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
def test_every_tool_names_wrong_arguments(tool: Tool, context: Callable[..., ToolContext]) -> None:
    parameters: Any = tool.schema()["function"]["parameters"]
    every: list[dict[str, Any]] = [{"nonsense": 1}, {name: {} for name in parameters["properties"]}]
    for wrong in [*every, *([{}] if parameters.get("required") else [])]:
        with pytest.raises(ToolError) as error:
            tool.call(wrong, context())
        assert error.value.hint


@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
def test_every_tool_gives_a_bounded_result(tool: Tool, context: Callable[..., ToolContext]) -> None:
    parameters: Any = tool.schema()["function"]["parameters"]
    largest = {name: p["maximum"] for name, p in parameters["properties"].items() if "maximum" in p}
    wanted = [name for name in parameters["properties"] if name in {"document", *parameters.get("required", ())}]
    result = tool.call(dict.fromkeys(wanted, "Long list") | largest, context())
    assert isinstance(result, ToolResult)
    assert sum(len(passage.text) for passage in result.passages) < 12_000
    assert len(json.dumps(dict(result.data))) < 20_000


def test_search_says_what_it_found_and_what_no_document_has(context: Callable[..., ToolContext]) -> None:
    result = TOOLS["search_docs"].call({"query": "which plant does rule 7 say to water in Reykjavik?"}, context())
    assert result.passages[0].heading_path == "Rule 7"
    assert result.data["not_found"] == ["reykjavik"]


def test_search_gives_a_hint_when_nothing_fits(context: Callable[..., ToolContext]) -> None:
    result = TOOLS["search_docs"].call({"query": "zzzz qqqq"}, context())
    assert result.data["found"] == 0
    assert result.hint
    assert result.is_weak
    assert len(result.passages) <= 3


def test_search_joins_neighbours_and_drops_repeats(context: Callable[..., ToolContext]) -> None:
    result = TOOLS["search_docs"].call({"query": "Long list tool in box"}, context())
    ids = [passage.chunk_id for passage in result.passages]
    assert len(ids) == len(set(ids))
    assert max(len(passage.text) for passage in result.passages if passage.title == "Long list") > 1_000


def test_read_document_reads_on_from_a_heading(context: Callable[..., ToolContext]) -> None:
    result = TOOLS["read_document"].call({"document": "garden rules", "heading": "rule 12"}, context())
    assert result.passages[0].heading_path == "Rule 12"
    assert result.passages[1].heading_path == "Rule 13"


def test_an_unknown_document_gets_the_closest_titles(context: Callable[..., ToolContext]) -> None:
    with pytest.raises(ToolError) as error:
        TOOLS["read_document"].call({"document": "rules of the garden"}, context())
    assert "'Garden rules'" in error.value.hint


def test_what_the_audience_may_not_read_is_unknown_to_it(context: Callable[..., ToolContext]) -> None:
    stranger = context(frozenset({"user:stranger"}))
    with pytest.raises(ToolError) as error:
        TOOLS["read_document"].call({"document": "Garden rules"}, stranger)
    assert "Garden" not in error.value.hint
    assert TOOLS["search_docs"].call({"query": "garden rules"}, stranger).passages == ()
