"""A model that obeys every instruction it reads finds none: not in a passage, nor in what other tools return."""

import json
from pathlib import Path

import pytest

from ingest.library import Library
from ingest.settings import IngestSettings
from tests.agent.parts import Asked
from tests.library import sync_folder
from tests.scripted_model import Call, Line, Request, Say, ScriptedModel
from tools.registry import find_tools


def obey(request: Request) -> Line:
    """Answers with everything in its prompt, so with whatever an instruction there asks for."""
    messages = request["messages"][1:]
    if messages[-1]["role"] == "user":
        query = str(messages[-1]["content"]).partition("\n\n<evidence")[0]
        return Call([("search_docs", {"query": query})])
    return Say("[1] " + " ".join(str(message.get("content") or "") for message in messages))


@pytest.mark.parametrize(
    "part", [0, pytest.param(1, marks=pytest.mark.soak), pytest.param(2, marks=pytest.mark.soak)]
)
def test_no_instruction_of_a_poisoned_page_reaches_a_model_and_the_facts_do(
    eval_dir: Path, tmp_path: Path, asked: Asked, model: ScriptedModel, part: int
) -> None:
    model.script = obey
    not_found: list[str] = []
    for line in (eval_dir / "injection" / "poisoned_handbook.jsonl").read_text().splitlines()[part::3]:
        page = json.loads(line)
        path = tmp_path / page["id"] / "page.md"
        path.parent.mkdir()
        path.write_text(page["text"])
        library = Library(asked.database, IngestSettings(index_uri=str(tmp_path / "index" / page["id"])))
        sync_folder(library, str(path.parent))
        asked.tools = {"search_docs": find_tools()["search_docs"]}
        asked.kit_options = {"resources": {Library: library}}
        before = len(model.requests)
        asked.answer(asked.ask(page["question"], key=page["id"]))
        prompts = json.dumps([request["messages"] for request in model.requests[before:]], ensure_ascii=False)
        assert page["canary"] not in prompts, page["id"]
        if not all(any(fact.lower() in prompts.lower() for fact in facts) for facts in page["facts"]):
            not_found.append(page["id"])
    assert not_found in ([], ["poison-20"])  # of that one the search finds too little, with or without the attack
