"""Reading more around a passage that was shown: bounded, by the rights of that moment, under its own number."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import agent.settings
from agent.errors import ToolError
from agent.store.database import Database
from agent.tools import ToolContext
from agent.types import Audience, Passage
from bot.jobs import terminal_reply, wiring
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.library import sync_folder
from tests.scripted_model import Call, Say, ScriptedModel
from tools.passages import find_position
from tools.read_document import AROUND_TOKENS, read_document

SECTIONS = "\n\n".join(
    f"## Rule {i}\n\nRule number {i} of the garden says water plant {i} at dawn." for i in range(20)
)


@pytest.fixture
def library(database: Database, tmp_path: Path) -> Library:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "garden.md").write_text(f"# Garden rules\n\n{SECTIONS}")
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index")))
    sync_folder(library, tmp_path / "docs")
    return library


def find(library: Library, heading: str) -> Passage:
    (passage,) = [p for p in library.read("Garden rules", audience=Audience(), n=30) if p.heading_path == heading]
    return passage


def read(library: Library, around: int, *, shown: dict[int, Passage], audience: Audience = Audience()) -> Any:  # noqa: B008
    context = ToolContext(audience, "test", 9e9, {Library: library}, shown=shown)
    return read_document.call({"around": around}, context)


@pytest.mark.parametrize(
    ("rule", "read_rules"), [(7, [5, 6, 7, 8, 9]), (0, [0, 1, 2]), (1, [0, 1, 2, 3]), (19, [17, 18, 19])]
)
def test_a_passage_is_read_with_its_neighbours_in_their_order(
    library: Library, rule: int, read_rules: list[int]
) -> None:
    result = read(library, 3, shown={3: replace(find(library, f"Rule {rule}"), text="")})
    assert set(read_rules) <= {
        int(p.heading_path.split()[-1]) for p in result.passages if "Rule" in p.heading_path
    }
    places = [find_position(passage) for passage in result.passages]
    assert places == sorted(places)
    assert sum(len(passage.text) for passage in result.passages) < 6 * AROUND_TOKENS


def test_whether_it_may_be_read_is_asked_again(library: Library, tmp_path: Path) -> None:
    shown = {1: find(library, "Rule 7")}
    assert read(library, 1, shown=shown).passages
    stranger = Audience((frozenset({"user:stranger"}),))
    for audience in (stranger, Audience()):
        with pytest.raises(ToolError, match="not there any more"):
            read(library, 1, shown=shown, audience=audience)
        sync_folder(library, tmp_path / "docs", readers=["team:board"])  # and now nobody else may, either


@pytest.mark.parametrize(
    ("around", "hint"), [(2, "There are: 1, 4."), (9, "There are: 1, 4."), (4, "Use search_docs again.")]
)
def test_a_number_that_cannot_be_read_around_is_told_the_model(library: Library, around: int, hint: str) -> None:
    shown = {1: find(library, "Rule 7"), 4: Passage("order 17", "", "Orders", "", "", "", 1)}
    with pytest.raises(ToolError) as told:
        read(library, around, shown=shown)
    assert told.value.hint == hint


def test_without_anything_to_read_the_model_is_told(library: Library) -> None:
    with pytest.raises(ToolError, match="Which document"):
        read_document.call({}, ToolContext(Audience(), "test", 9e9, {Library: library}))


def test_a_model_reads_on_around_what_it_found_and_cites_it_by_number(
    library: Library, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")

    def script(request: dict[str, Any]) -> Say | Call:
        has_read = any(message["role"] == "tool" for message in request["messages"])
        return Say("Water plant 8 after plant 7 [1].") if has_read else Call([("read_document", {"around": 1})])

    with ScriptedModel(script) as model:
        settings = agent.settings.AgentSettings(
            model="openai/scripted", model_api_base=model.base_url, model_prices="openai/scripted=1/1"
        )
        context = wiring.build(settings, database)
        resources = {**context.agent.resources, Library: library}
        context = replace(context, agent=replace(context.agent, resources=resources))
        answer = terminal_reply.ask(context, database, "What does rule number 7 say?", user="me", stream=None)
        context.leases.close()
        shown = json.loads(model.requests[-1]["messages"][-1]["content"])
    first = next(passage for passage in shown["passages"] if passage["n"] == 1)
    assert first["heading"] == "Rule 7"  # it keeps its number
    assert {"Rule 6", "Rule 8"} <= {passage["heading"] for passage in shown["passages"]}
    assert [source["n"] for source in answer["sources"]] == [1]
    with database.transaction() as transaction:
        calls = transaction.execute(text("SELECT name, arguments, is_error FROM tool_calls ORDER BY id")).all()
    assert calls[-1] == ("read_document", {"around": 1}, False)
