"""A company's own tools: found in folders and packages, and every mistake told in one line."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import SettingsError
from agent.tools import ToolContext
from agent.types import Audience
from tools.registry import find_tools

TOOL = '''
from agent.tools import ToolContext, ToolResult, tool

@tool()
def {name}(city: str, *, context: ToolContext) -> ToolResult:
    """Tells the weather."""
    return ToolResult({{"weather": "fine in " + city}})
'''
HEAD = "from agent.tools import ToolContext, ToolResult, tool\n"
CONTEXT = ToolContext(Audience(), "test", deadline=9e9)
BUILT_IN = list(find_tools())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "our tools").mkdir()
    return tmp_path / "our tools"


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that Python imports from."""
    place = tmp_path / "site"
    place.mkdir()
    monkeypatch.syspath_prepend(str(place))
    known = set(sys.modules)
    yield place
    for name in set(sys.modules) - known:
        del sys.modules[name]


def problem(*entries: str) -> str:
    with pytest.raises(SettingsError) as error:
        find_tools(entries)
    (line,) = str(error.value).splitlines()
    assert line.startswith("DOCENT_TOOLS: ")
    assert line.endswith(".")
    return line


# Found


def test_every_file_of_a_folder_is_loaded_but_those_that_begin_with_an_underscore(folder: Path) -> None:
    (folder / "weather.py").write_text(TOOL.format(name="weather"))
    (folder / "calendar.py").write_text(TOOL.format(name="agenda"))  # the name of a module of Python's own
    (folder / "_draft.py").write_text("raise SystemExit")
    (folder / ".#weather.py").write_text("an editor's")
    (folder / "notes.txt").write_text("no Python")
    tools = find_tools([str(folder)])
    assert list(tools) == sorted([*BUILT_IN, "agenda", "weather"])
    assert tools["weather"].call({"city": "Bergen"}, CONTEXT).data == {"weather": "fine in Bergen"}
    import calendar

    assert calendar.MONDAY == 0


def test_files_share_code_by_relative_imports(folder: Path) -> None:
    (folder / "_places.py").write_text("HOME = 'Bergen'")
    (folder / "home.py").write_text(
        f"from ._places import HOME\n{HEAD}@tool()\ndef home(*, context: ToolContext) -> ToolResult:\n"
        "    'Home.'\n    return ToolResult({'home': HOME})\n"
    )
    assert find_tools([str(folder)])["home"].call({}, CONTEXT).data == {"home": "Bergen"}


def test_a_folder_named_twice_or_by_another_path_is_loaded_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "weather.py").write_text(TOOL.format(name="weather"))
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    tools = find_tools([str(folder), "our tools", "./our tools/", "~/our tools"])
    assert tools["weather"] is find_tools([str(folder)])["weather"]


def test_a_package_and_a_module_are_loaded_by_name(packages: Path) -> None:
    (packages / "acme_tools").mkdir()
    (packages / "acme_tools" / "__init__.py").write_text("from acme_tools.weather import weather")
    (packages / "acme_tools" / "weather.py").write_text(TOOL.format(name="weather"))
    (packages / "acme_tools" / "shared.py").write_text("CITY = 1")
    (packages / "acme_tools" / "_private.py").write_text("raise SystemExit")
    (packages / "acme_time.py").write_text(TOOL.format(name="lunch"))
    assert set(find_tools(["acme_tools", "acme_time"])) == {*BUILT_IN, "weather", "lunch"}
    assert set(find_tools(["acme_tools.weather"])) == {*BUILT_IN, "weather"}


def test_a_tool_that_a_file_imports_is_no_second_one(folder: Path) -> None:
    (folder / "weather.py").write_text(f"from tools.search_docs import search_docs\n{TOOL.format(name='weather')}")
    (folder / "zoo.py").write_text(f"from .weather import weather\n{TOOL.format(name='zoo')}")
    assert set(find_tools([str(folder)])) == {*BUILT_IN, "weather", "zoo"}


def test_nothing_named_gives_docents_own() -> None:
    assert list(find_tools([])) == BUILT_IN


# Wrong


@pytest.mark.parametrize("entry", ["no/such/folder", "/no/such/folder", "~/no such", "/" + "x" * 300])
def test_no_such_folder(entry: str) -> None:
    assert "there is no folder /" in problem(entry)


@pytest.mark.parametrize("entry", ["acme_not_there", "acme_not_there.tools", "json.nothing"])
def test_no_such_package(entry: str) -> None:
    line = problem(entry)
    assert f"there is no folder '{entry}'" in line
    assert "no package or module of that name" in line


def test_a_file_instead_of_its_folder(folder: Path) -> None:
    (folder / "weather.py").write_text(TOOL.format(name="weather"))
    assert "is a file. Name the folder it is in." in problem(str(folder / "weather.py"))


def test_a_file_that_cannot_be_imported_by_its_name(folder: Path) -> None:
    (folder / "weather.v2.py").write_text(TOOL.format(name="weather"))
    assert f"{folder / 'weather.v2.py'} has a name that Python cannot import. Rename it" in problem(str(folder))


def test_an_empty_folder(folder: Path) -> None:
    assert f"the folder {folder} has no tool" in problem(str(folder))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("import acme_not_there", "(ModuleNotFoundError: No module named 'acme_not_there', line 1)"),
        ("\n1 / 0", "(ZeroDivisionError: division by zero, line 2)"),
        ("x = (", "(SyntaxError: '(' was never closed"),
        ("raise SystemExit(3)", "(SystemExit: 3, line 1)"),
        ("raise ValueError('two\\nlines')", "(ValueError: two lines, line 1)"),
        ("raise ValueError('x' * 9000)", "ValueError: xxx"),
        (f"{HEAD}@tool\ndef x(*, context: ToolContext): 'X.'", "TypeError: tool() takes 0 positional"),
        (
            f"{HEAD}@tool()\ndef x(city, *, context: ToolContext): 'X.'",
            "TypeError: the parameter 'city' of the tool 'x' has no type annotation, line 2",
        ),
        (f"{HEAD}@tool()\ndef x(city: Nowhere, *, context: ToolContext): 'X.'", "NameError"),
        ("def weather(city: str): 'X.'", "has no tool. Put @tool() above a function"),
        (f"{HEAD}@tool()\ndef x(*, context: ToolContext): pass", "the tool 'x' in"),
        (f"{HEAD}@tool()\ndef x(*, context: ToolContext): pass", "has no docstring. Write what it returns"),
        (f"{HEAD}@tool()\ndef x(city: str): 'X.'", "does not take its context by keyword only"),
        (f"{HEAD}@tool()\ndef x(context: ToolContext): 'X.'", "End its parameters with *, context."),
        (f"{HEAD}@tool()\ndef x(*a: str, context: ToolContext): 'X.'", "takes arguments without a name"),
        (f"{HEAD}@tool()\ndef x(a: str, /, *, context: ToolContext): 'X.'", "arguments without a name"),
        (f"{HEAD}@tool()\ndef über(*, context: ToolContext): 'X.'", "has a name that models do not take"),
        (
            f"{HEAD}from collections.abc import Callable\n"
            "@tool()\ndef x(a: Callable[[], int], *, context: ToolContext): 'X.'",
            "cannot be described to a model",
        ),
        (
            f"{HEAD}@tool()\ndef x(_a: str, *, context: ToolContext): 'X.'",
            "'_a' of the tool 'x' needs another name",
        ),
        (f"{HEAD}@tool()\ndef x(model_config: str, *, context: ToolContext): 'X.'", "needs another name, line 2"),
        (f"{HEAD}@tool()\nasync def x(*, context: ToolContext) -> ToolResult: 'X.'", "Make it a plain def"),
        (f"{HEAD}@tool()\ndef x(*, context: ToolContext):\n    'X.'\n    yield", "does not return a ToolResult"),
        (f"{HEAD}@tool()\ndef x(*, context: ToolContext) -> dict: 'X.'", "does not return a ToolResult"),
        (
            f"{HEAD}@tool()\ndef x(b: str, a: int = None, *, context: ToolContext): 'X.'",
            "has a default that its type does not allow (a)",
        ),
        (TOOL.format(name="search_docs"), "'search_docs', a name that Docent itself already uses. Rename it."),
        (TOOL.format(name="x") + "y = x\n" + TOOL.format(name="x"), "has two tools named 'x'"),
    ],
)
def test_a_file_with_a_mistake_is_named_with_what_is_wrong_and_what_to_do(
    folder: Path, content: str, said: str
) -> None:
    (folder / "weather.py").write_text(content)
    line = problem(str(folder))
    assert said in line
    assert str(folder / "weather.py") in line
    assert len(line) < 700


def test_two_files_with_one_name(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (folder / "a.py").write_text(TOOL.format(name="weather"))
    (tmp_path / "more" / "b.py").write_text(TOOL.format(name="weather"))
    line = problem(str(folder), str(tmp_path / "more"))
    assert f"{tmp_path / 'more' / 'b.py'} has a tool 'weather', a name that {folder / 'a.py'} already uses" in line


def test_a_package_with_a_mistake(packages: Path) -> None:
    (packages / "acme_broken.py").write_text("import acme_missing_too")
    (packages / "acme_plain").mkdir()
    (packages / "acme_plain" / "__init__.py").write_text("")
    (packages / "acme_half").mkdir()
    (packages / "acme_half" / "__init__.py").write_text("")
    (packages / "acme_half" / "weather.py").write_text("1 / 0")
    (packages / "acme_raising").mkdir()
    (packages / "acme_raising" / "__init__.py").write_text("1 / 0")
    (packages / "acme_raising" / "weather.py").write_text(TOOL.format(name="weather"))
    assert "acme_broken cannot be imported (ModuleNotFoundError: No module named 'acme_missing" in problem(
        "acme_broken"
    )
    assert "'acme_plain' has no tool" in problem("acme_plain")
    assert "acme_half.weather cannot be imported (ZeroDivisionError" in problem("acme_half")
    assert "acme_raising.weather cannot be imported (ZeroDivisionError" in problem("acme_raising.weather")


def test_every_mistake_is_told_at_once(folder: Path) -> None:
    (folder / "a.py").write_text("1 / 0")
    (folder / "b.py").write_text("x = 1")
    (folder / "c.py").write_text(TOOL.format(name="weather"))
    with pytest.raises(SettingsError) as error:
        find_tools([str(folder), "acme_not_there"])
    lines = str(error.value).splitlines()
    assert [("a.py" in lines[0]), ("b.py" in lines[1]), ("acme_not_there" in lines[2])] == [True] * 3
    assert len(lines) == 3
