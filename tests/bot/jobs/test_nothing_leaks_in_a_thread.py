"""A thread whose people and documents change: no prompt and no answer has what they may not read.

The model is a parrot: it says whatever it was ever shown, also of what was said before.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.store.database import Database
from agent.turn.config import OpeningCall
from agent.turn.events import Finished
from agent.turn.loop import TurnRun
from agent.types import Audience
from ingest.access import reader_sets
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.agent.parts import Asked
from tests.library import sync_folder
from tests.scripted_model import Say, ScriptedModel
from tools.list_documents import list_documents
from tools.search_docs import search_docs

CODE = re.compile(r"CODE\d{3}")
READERS = [["everyone"], ["guests"], ["everyone", "guests"], ["group:S1"], ["group:S1", "guests"], ["user:U1"]]
AUDIENCES = [
    Audience(),
    Audience((frozenset({"guests"}),)),
    Audience((frozenset({"everyone"}), frozenset({"guests"}))),
    Audience((frozenset({"everyone", "group:S1"}),)),
    Audience((frozenset({"everyone", "group:S1", "user:U1"}),)),
]
N_PAGES = 3
pages = st.integers(0, N_PAGES - 1)
steps = st.one_of(
    st.tuples(st.just("readers"), pages, st.sampled_from(READERS)),
    st.tuples(st.just("forget"), pages, st.none()),
    *[st.tuples(st.just("ask"), st.sampled_from(["rule", "lunch", "list"]), st.sampled_from(AUDIENCES))] * 3,
)


class Talk:
    """A thread, and the pages with their readers."""

    def __init__(self, asked: Asked, model: ScriptedModel, library: Library, folder: Path) -> None:
        self.asked, self.model, self.library, self.folder = asked, model, library, folder
        self.readers: dict[int, list[str]] = {}
        self.n_threads = 0

    def set_readers(self, number: int, readers: list[str]) -> None:
        folder = self.folder / str(number)
        folder.mkdir(exist_ok=True)
        text = f"# Page CODE{number}00\n\nThe pelican rule has the code CODE{number}{number}{number}.\n"
        (folder / "page.md").write_text(text)
        sync_folder(self.library, folder, source_name=str(number), readers=readers)
        self.readers[number] = readers

    def forget(self, number: int) -> None:
        self.library.forget(str(number))
        self.readers.pop(number, None)

    def allowed(self, audience: Audience) -> set[str]:
        numbers = {
            n for n, names in self.readers.items() if all(not m.isdisjoint(names) for m in audience.members)
        }
        return {str(number) for number in numbers}

    def ask(self, about: str, audience: Audience) -> None:
        n_before = len(self.model.requests)

        def parrot(request: dict[str, Any]) -> Say:
            seen = " ".join(sorted(set(CODE.findall(json.dumps(request["messages"])))))
            return Say(f"I know {seen}, and lunch is at noon [1].")

        self.model.script = parrot
        turn = self.asked.ask(f"What is the {about}?", key=f"thread-{self.n_threads}")
        object.__setattr__(turn, "audience", audience)
        self.asked.query(
            "UPDATE turns SET audience = CAST(:audience AS jsonb) WHERE id = :id RETURNING 1",
            audience=json.dumps(audience.as_json()),
            id=turn.id,
        )
        query = "When is lunch?" if about == "lunch" else "What is the code of the pelican rule?"
        search, listing = OpeningCall("search_docs", {"query": query}), OpeningCall("list_documents", {})
        opening = [listing if about == "list" else search]
        end = list(TurnRun(turn, self.asked.kit, lambda: None).events(lambda _: opening))[-1]
        assert isinstance(end, Finished)
        said = f"{end.text} {json.dumps([request['messages'] for request in self.model.requests[n_before:]])}"
        seen = {code[4] for code in CODE.findall(said)}
        assert seen <= self.allowed(audience), (about, audience, self.readers)
        if about in {"rule", "list"}:
            assert seen == self.allowed(audience), (about, audience, self.readers)
        self.asked.finish(turn, end.text)


@pytest.fixture
def talk(asked: Asked, model: ScriptedModel, database: Database, tmp_path: Path) -> Talk:
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index")))
    asked.tools = {"search_docs": search_docs, "list_documents": list_documents}
    asked.kit_options = {
        "find_unreadable": reader_sets.find_unreadable,
        "resources": {Library: library},
        "asks_model_to_rewrite": False,
    }
    talk = Talk(asked, model, library, tmp_path)
    lunch = tmp_path / "lunch"
    lunch.mkdir()
    (lunch / "page.md").write_text("# Lunch\n\nLunch is at noon for all of us, in the hall.\n")
    sync_folder(library, lunch, source_name="lunch", readers=["everyone", "guests"])
    return talk


@pytest.fixture
def asked(database: Database, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch) -> Asked:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    return Asked(database, [model])


FIXTURES_LAST = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


def run(talk: Talk, sequence: list[tuple[str, Any, Any]]) -> None:
    talk.n_threads += 1
    for number in range(N_PAGES):
        talk.set_readers(number, READERS[number])
    for what, first, second in sequence:
        match what:
            case "readers":
                talk.set_readers(first, second)
            case "forget":
                talk.forget(first)
            case _:
                talk.ask(first, second)


@settings(max_examples=2, deadline=None, suppress_health_check=FIXTURES_LAST)
@given(sequence=st.lists(steps, min_size=4, max_size=8))
def test_no_prompt_has_what_the_present_audience_may_not_read(
    talk: Talk, sequence: list[tuple[str, Any, Any]]
) -> None:
    run(talk, sequence)


@pytest.mark.soak
@settings(max_examples=300, deadline=None, suppress_health_check=FIXTURES_LAST)
@given(sequence=st.lists(steps, min_size=8, max_size=30))
def test_no_prompt_has_what_the_present_audience_may_not_read_many_times(
    talk: Talk, sequence: list[tuple[str, Any, Any]]
) -> None:
    run(talk, sequence)
