"""The scripted model, and the local one as a parrot."""

from collections.abc import Iterator

import pytest

from agent.llm import local_provider
from agent.store.database import Database
from tests.agent.parts import Asked
from tests.scripted_model import Say, ScriptedModel


@pytest.fixture(autouse=True)
def extractive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    local_provider.register(
        lambda messages, tools, choice: {"role": "assistant", "content": "Quoted: 5 days [1]."}
    )


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda request: Say("5 days [1].")) as model:
        yield model


@pytest.fixture
def asked(database: Database, model: ScriptedModel) -> Asked:
    return Asked(database, [model])
