"""What every tool of the folder must be, and what the two that exist do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.database import Database
from agent.errors import ToolError
from agent.tools import Audience, Tool, ToolContext, ToolResult
from ingest.library import Library
from ingest.settings import Settings
from tools.registry import found

TOOLS = found()


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
    library = Library(database, Settings(index_uri=str(tmp_path / "index")))
    library.sync_folder(str(documents))

    def make(*members: frozenset[str]) -> ToolContext:
        audience = Audience(members) if members else Audience()
        return ToolContext(audience, "test", deadline=9e9, resources={Library: library})

    return make


def test_tools_are_found_by_folder_and_sorted() -> None:
    assert list(TOOLS) == ["read_document", "search_docs"]


@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
def test_every_tool_describes_itself(tool: Tool) -> None:
    schema = tool.schema()["function"]
    assert schema["name"] == tool.name
    assert len(schema["description"]) > 100
    assert "Use it" in schema["description"]
    assert "Do not use it" in schema["description"]
    assert "context" not in schema["parameters"]["properties"]
    assert schema["parameters"]["additionalProperties"] is False
    assert schema["parameters"]["required"]


@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
def test_every_tool_names_wrong_arguments(tool: Tool, context: Callable[..., ToolContext]) -> None:
    for wrong in (
        {},
        {"nonsense": 1},
        {name: {} for name in tool.schema()["function"]["parameters"]["properties"]},
    ):
        with pytest.raises(ToolError) as error:
            tool.call(wrong, context())
        assert error.value.hint


@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
def test_every_tool_gives_a_bounded_result(tool: Tool, context: Callable[..., ToolContext]) -> None:
    required = tool.schema()["function"]["parameters"]["required"]
    result = tool.call(dict.fromkeys(required, "Long list"), context())
    assert isinstance(result, ToolResult)
    assert sum(len(passage.text) for passage in result.passages) < 12_000


def test_search_says_what_it_found_and_what_no_document_has(context: Callable[..., ToolContext]) -> None:
    result = TOOLS["search_docs"].call({"query": "which plant does rule 7 say to water in Reykjavik?"}, context())
    assert result.passages[0].heading_path == "Rule 7"
    assert result.data["not_found"] == ["reykjavik"]


def test_search_gives_a_hint_when_nothing_fits(context: Callable[..., ToolContext]) -> None:
    result = TOOLS["search_docs"].call({"query": "zzzz qqqq"}, context())
    assert result.data["found"] == 0
    assert "hint" in result.data
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
