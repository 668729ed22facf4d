"""The README's commands work as they are written. tests/test_docs.py sees to its links and names."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from ingest.sources.connector import source_modules, validate_options
from tests.command import Docent
from tests.scripted_model import Say, ScriptedModel
from tests.system import HANDBOOK, ROOT, ForkServer

README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.partition("  #")[0].strip()
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
# `make` is what runs this test, and tests/test_demo.py runs what is behind `make demo`.
OF_MAKE = {"make demo", "make demo DOCS=path/to/your/docs", "make setup"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a clone's, with documents where the README says."""
    folder = tmp_path_factory.mktemp("clone")
    for path in ROOT.iterdir():
        if not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    docs = folder / "path/to/your/docs"
    docs.mkdir(parents=True)
    for name, content in HANDBOOK.items():
        (docs / name).write_text(content)
    return folder


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 200


def test_every_command_of_make_exists() -> None:
    assert set(COMMANDS) >= OF_MAKE
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make (\w+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_other_command_runs(clone: Path, zygote: ForkServer) -> None:
    """In the order in which they stand there, as one person would type them."""
    with ScriptedModel(lambda request: Say("At most 5 days [1].")) as model:
        env = {"DOCENT_MODEL_API_BASE": model.base_url, "LANG": "C.UTF-8"}
        docent = Docent(zygote, clone, env)
        said = {command: _run(command, docent) for command in dict.fromkeys(COMMANDS) if command not in OF_MAKE}
    for command, (code, output) in said.items():
        assert code == 0, f"{command}\n{output}"
        assert "Traceback" not in output
    by_name = {shlex.split(command.partition("docent ")[2])[0]: output for command, (_, output) in said.items()}
    assert "4 added" in by_name["ingest"]
    assert "Leave" in by_name["search"]
    assert "At most 5 days" in by_name["ask"]
    assert "Slack is not connected" in by_name["doctor"]


def test_the_sources_it_declares_can_be_described_and_so_can_those_of_the_example() -> None:
    example = (ROOT / "docent.toml.example").read_text()
    shown = re.findall(r"^```toml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for text in (*shown, example, re.sub(r"^#(?=\S)", "", example, flags=re.MULTILINE)):
        for name, given in tomllib.loads(text)["sources"].items():
            assert validate_options(given, where=name).type in {"folder", "git", "website", "slack"}


def test_the_example_of_the_sources_names_every_option() -> None:
    example = (ROOT / "docent.toml.example").read_text()
    for name, module in source_modules().items():
        for option in module.OPTIONS.model_fields.keys() - {"name"}:
            assert re.search(rf"\b{option} =", example), f"{option} of {name}"


def _run(command: str, docent: Docent) -> tuple[int, str]:
    """Runs a line ``NAME=value… .venv/bin/docent argument…`` as a shell would."""
    words = shlex.split(command.replace("sk-…", "sk-test"))  # a person puts a key there
    start = words.index(".venv/bin/docent")
    done = docent(*words[start + 1 :], **dict(word.split("=", 1) for word in words[:start]))
    return done.code, done.out + done.err
