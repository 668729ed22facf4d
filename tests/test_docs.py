"""What the documents say is true: generated parts are current, examples run, and what is named exists."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from agent.errors import ToolError
from agent.tools import ToolContext
from agent.types import Audience
from bot.processes import schema_version
from docs.generate import parts, settings
from docs.generate.licences import locked
from ingest.documents.raw import FetchProblem
from ingest.sync.staging import PIPELINE_VERSION
from tests.system import ROOT
from tools import custom_tools

FOLDERS = ("agent", "bot", "deploy", "ingest", "tools", "tests", "migrations", "docs")
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / folder / "README.md" for folder in FOLDERS if (ROOT / folder / "README.md").exists()),
    ]
)
NAMES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]
VARIABLE = r"`((?:DOCENT|SLACK|DATABASE|REDIS|SENTRY)_[A-Z_]+[A-Z])\b"


def test_generated_parts_are_current() -> None:
    stale = [path.name for path, text in parts.documents().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, "run: make docs"


def test_every_setting_has_a_meaning() -> None:
    for kind in settings.CLASSES:
        assert not [name for name, field in kind.model_fields.items() if not field.description], kind


def test_every_package_of_the_lock_has_its_licence_named() -> None:
    listed = set(re.split(r"[\s,|]+", (ROOT / "docs/licences.md").read_text().replace("\\*", "")))
    assert not set(locked("requirements-demo.lock")) - listed, "run: make docs"


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    document = ROOT / name
    for target in re.findall(r"\]\(\s*([^)\s]+)\s*\)", _without_code(document.read_text(encoding="utf-8"))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path) if path else document
        assert linked.exists(), target
        if anchor:
            assert anchor in {
                _anchor(line) for line in re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
            }, target


@pytest.mark.parametrize("name", NAMES)
def test_every_file_and_setting_it_names_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    code = " ".join(re.findall(r"`([^`\n]+)`", text))
    for path in re.findall(rf"(?<![\w./-])((?:{'|'.join(FOLDERS)})/[\w./-]*)", code):
        assert (ROOT / path).exists(), path
    known = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs/settings.md").read_text()))
    for variable in re.findall(VARIABLE, text):
        assert variable in known, variable


def test_the_example_of_the_environment_names_settings_and_providers_keys_only() -> None:
    known = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs/settings.md").read_text()))
    assert set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)) <= known


def test_every_decision_is_in_the_index_under_its_title() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text()
    records = sorted((ROOT / "docs/decisions").glob("0*.md"))
    listed = re.findall(r"\[(\d{4})\]\((\S+)\) \| (.+) \|", index)
    titles = [record.read_text().splitlines()[0] for record in records]
    assert [(n, file) for n, file, _ in listed] == [(record.name[:4], record.name) for record in records]
    assert [f"# {int(n)}. {title}" for n, _, title in listed] == titles


def test_the_example_of_a_tool_is_one(tmp_path: Path) -> None:
    (tmp_path / "hours.py").write_text(_code("add-a-tool.md"))
    (tool,) = custom_tools.load([str(tmp_path)], built_in={}).values()
    context = ToolContext(Audience(), "test", deadline=9e9)
    assert tool.name == "opening_hours"
    assert tool.call({"office": "Paris"}, context).data == {"office": "Paris", "open": "8:30 to 17:30"}
    with pytest.raises(ToolError, match="There is no office 'Oslo'"):
        tool.call({"office": "Oslo"}, context)


def test_the_example_of_a_source_is_one(tmp_path: Path, notes: ModuleType) -> None:
    file = tmp_path / "team.notes.json"
    file.write_text('{"a": {"title": "Keys", "text": "The keys are in the safe."}}')
    assert notes.matches(str(file))
    source = notes.open_source(notes.OPTIONS(type="notes", location=str(file)), cache_folder=tmp_path / "cache")
    (listed,) = source.list({})
    assert (listed.uri, listed.url) == ("a", f"{file.as_uri()}#a")
    assert source.fetch("a").content == b"The keys are in the safe."
    with pytest.raises(FetchProblem):
        source.fetch("b")


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[ModuleType]:
    """The module of the documented source."""
    path = tmp_path / "documented_notes.py"
    path.write_text(_code("add-a-source.md"))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[path.stem]


def _code(name: str) -> str:
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / name).read_text(), re.MULTILINE | re.DOTALL)
    return str(code)


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_the_changelog_says_what_an_upgrade_takes() -> None:
    """Each version has a paragraph, and the newest names the schema and the pipeline that it brings."""
    sections = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert not [section.splitlines()[0] for section in sections if "\n### Upgrading\n" not in section]
    upgrading = sections[0].partition("### Upgrading")[2].partition("\n### ")[0]
    assert f"to {schema_version.head()}." in upgrading, "name the revision that 'docent migrate' brings"
    assert f"`PIPELINE_VERSION` is {PIPELINE_VERSION}" in upgrading, "say that all documents are read again"
