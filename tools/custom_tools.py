"""Loads a company's own tools from the folders and packages that ``DOCENT_TOOLS`` names.

Promises one line for each problem: which file, what is wrong, what to do. Loads in the order given, files by name.
A folder is imported as a package under a name of its own, so its files may share code by ``from ._shared import
…`` and may have the name of any other module.
"""

import inspect
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from inspect import Parameter, Signature, iscoroutinefunction, isgeneratorfunction
from pathlib import Path
from types import ModuleType

from pydantic import ValidationError

from agent.errors import SettingsError
from agent.tools import Tool, ToolResult

VARIABLE = "DOCENT_TOOLS"
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what every provider takes
ERROR_CHARS = 300  # of an error that a file raises


@dataclass(frozen=True)
class _Part:
    """One module of an entry: the name it is imported by, and where people find it."""

    module: str
    where: str


def load(entries: Sequence[str], *, built_in: Mapping[str, Tool]) -> dict[str, Tool]:
    """Returns the tools by name; raises :class:`SettingsError` with one line per problem.

    For example, with a folder that has one file, ``offices.py``, with one tool in it::

        load(["./tools"], built_in={})  # {"office_hours": Tool(name="office_hours", …)}
    """
    known = {name: (tool, "Docent itself") for name, tool in built_in.items()}
    problems: list[str] = []
    for entry in dict.fromkeys(entries):
        try:
            parts = _find_parts(entry)
        except SettingsError as error:
            problems.append(str(error))
            continue
        for part in parts:
            try:
                known |= {tool.name: (tool, part.where) for tool in _read_tools(part, known)}
            except SettingsError as error:
                problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems))
    return {name: tool for name, (tool, _) in known.items() if name not in built_in}


def _find_parts(entry: str) -> list[_Part]:
    path = Path(os.path.expanduser(entry))
    if os.path.isdir(path):  # unlike Path's own, never raises
        return _find_files(path.resolve())
    if os.path.isfile(path):
        raise _problem(f"'{entry}' is a file", "Name the folder it is in")
    if not all(part.isidentifier() for part in entry.split(".")):
        raise _problem(f"there is no folder {path.absolute()}", "Make it, or correct the path")
    return _find_modules(entry)


def _find_files(folder: Path) -> list[_Part]:
    names = sorted(file.stem for file in folder.glob("*.py") if not file.name.startswith(("_", ".")))
    if dotted := next((name for name in names if "." in name), None):
        raise _problem(f"{folder / dotted}.py has a name that Python cannot import", "Rename it, without dots")
    if not names:
        raise _problem(f"the folder {folder} has no tool", "Put a Python file with a function under @tool() there")
    package = _make_package(folder)
    return [_Part(f"{package}.{name}", str(folder / f"{name}.py")) for name in names]


def _make_package(folder: Path) -> str:
    name = f"docent_tools_{sha256(str(folder).encode()).hexdigest()[:12]}"
    if name not in sys.modules:
        spec = ModuleSpec(name, loader=None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[name] = module_from_spec(spec)
    return name


def _find_modules(entry: str) -> list[_Part]:
    """Returns the package itself and the modules directly in it that have tools, or a single module."""
    try:
        is_found = find_spec(entry) is not None
    except (ImportError, ValueError):
        is_found = False
    except Exception as error:
        raise _import_problem(entry, error) from error
    if not is_found:
        raise _problem(
            f"there is no folder '{entry}' in {Path.cwd()}, and no package or module of that name",
            "Give a folder's path, or install the package into Docent's environment",
        )
    module = _import(_Part(entry, entry))
    inside = pkgutil.iter_modules(getattr(module, "__path__", ()))
    names = sorted(info.name for info in inside if not info.ispkg and not info.name.startswith("_"))
    parts = [_Part(f"{entry}.{name}", f"{entry}.{name}") for name in names]
    with_tools = [part for part in [_Part(entry, entry), *parts] if _list_tools(_import(part))]
    if not with_tools:
        raise _problem(f"'{entry}' has no tool", "Put @tool() above a function in it")
    return with_tools


def _read_tools(part: _Part, known: Mapping[str, tuple[Tool, str]]) -> list[Tool]:
    tools = _list_tools(_import(part))
    if not tools:
        raise _problem(
            f"{part.where} has no tool", "Put @tool() above a function, or begin the file's name with _"
        )
    own = [tool for tool in tools if known.get(tool.name, (None, ""))[0] is not tool]  # else only imported there
    for tool in own:
        if tool.name in known:
            raise _problem(
                f"{part.where} has a tool '{tool.name}', a name that {known[tool.name][1]} already uses",
                "Rename it",
            )
        _check(tool, part.where)
    names = [tool.name for tool in own]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise _problem(f"{part.where} has two tools named '{twice}'", "Rename one")
    return own


def _list_tools(module: ModuleType) -> list[Tool]:
    return list({id(value): value for value in vars(module).values() if isinstance(value, Tool)}.values())


def _check(tool: Tool, where: str) -> None:
    it = f"the tool '{tool.name}' in {where}"
    signature = inspect.signature(tool.function, eval_str=True)
    parameters, context = signature.parameters, signature.parameters.get("context")
    if not NAME.fullmatch(tool.name):
        raise _problem(f"{it} has a name that models do not take", "Use up to 64 letters of A-Z, digits and _")
    if not tool.description.strip():
        raise _problem(
            f"{it} has no docstring", "Write what it returns, when to use it and when not: models read it"
        )
    if context is None or context.kind is not Parameter.KEYWORD_ONLY:
        raise _problem(f"{it} does not take its context by keyword only", "End its parameters with *, context")
    if any(p.kind not in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY) for p in parameters.values()):
        raise _problem(f"{it} takes arguments without a name", "Name each of them")
    is_plain = not (iscoroutinefunction(tool.function) or isgeneratorfunction(tool.function))
    if not is_plain or signature.return_annotation not in (Signature.empty, ToolResult):
        raise _problem(f"{it} does not return a ToolResult", "Make it a plain def … -> ToolResult")
    if wrong := _find_wrong_defaults(tool):
        raise _problem(
            f"{it} has a default that its type does not allow ({wrong})", "Correct the one or the other"
        )
    try:
        tool.schema()
    except Exception as error:
        why = f"has a parameter of a type that cannot be described to a model ({type(error).__name__})"
        raise _problem(f"{it} {why}", "Use str, int, float, bool, date, Literal, or lists of them") from error


def _find_wrong_defaults(tool: Tool) -> str:
    try:
        tool.arguments.model_validate({})
    except ValidationError as error:
        names = [str(e["loc"][0]) for e in error.errors() if e["type"] != "missing" and e["loc"]]
        return ", ".join(dict.fromkeys(names))
    return ""


def _import(part: _Part) -> ModuleType:
    try:
        return import_module(part.module)
    except (Exception, SystemExit) as error:  # a company's own code may raise anything
        raise _import_problem(part.where, error) from error


def _import_problem(where: str, error: BaseException) -> SettingsError:
    message = " ".join(str(error).split())[:ERROR_CHARS]
    at = f", line {line}" if (line := _find_line(where, error)) else ""
    return _problem(f"{where} cannot be imported ({type(error).__name__}: {message}{at})", "Correct it")


def _find_line(file: str, error: BaseException) -> int | None:
    """Returns the line of the file where the error was raised, or where the file is malformed."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return frames[-1] if frames else None


def _problem(what: str, advice: str) -> SettingsError:
    return SettingsError(f"{VARIABLE}: {what}. {advice}.")
