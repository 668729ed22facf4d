"""The classes of errors and the messages that end a command, read from the source."""

import ast
import re
from collections.abc import Iterator
from functools import cache

from docs.generate.imports import PACKAGES, ROOT

ROOTS = {"DocentError"}
READ_BY_PEOPLE = "UserError"


def classes() -> str:
    """Returns a table of every class below ``DocentError``: where it is defined, and what its docstring says."""
    rows = ["| class | kind of | defined in | |", "|---|---|---|---|"]
    for name, (parent, path, docstring) in sorted(_classes().items(), key=lambda item: (item[1][1], item[0])):
        rows.append(f"| `{name}` | `{parent}` | `{path}` | {docstring} |")
    return "\n".join(rows)


def messages() -> str:
    """Returns a list of the messages of ``UserError`` and its kinds, by module; what varies is an ellipsis."""
    kinds = {name for name in _classes() if _is_kind_of(name, READ_BY_PEOPLE)} | {READ_BY_PEOPLE}
    sections = []
    for path, tree in _trees():
        found = [text for node in ast.walk(tree) if (text := _message(node, kinds))]
        if found:
            lines = [f"- {text}" for text in dict.fromkeys(found)]
            sections.append("\n".join([f"`{path}`", "", *lines]))
    return "\n\n".join(sections)


@cache
def _classes() -> dict[str, tuple[str, str, str]]:
    """Each class below ``DocentError``: its parent, its file, its docstring's first sentence."""
    defined = {
        node.name: (ast.unparse(node.bases[0]).rpartition(".")[2], path, _first(ast.get_docstring(node)))
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.bases
    }
    known = set(ROOTS)
    while below := {name for name, (parent, *_) in defined.items() if parent in known and name not in known}:
        known |= below
    return {name: defined[name] for name in known & defined.keys()}


def _is_kind_of(name: str, ancestor: str) -> bool:
    while name in _classes():
        name = _classes()[name][0]
        if name == ancestor:
            return True
    return False


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def _message(node: ast.AST, kinds: set[str]) -> str:
    if not (isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] in kinds):
        return ""
    match node.args[0]:
        case ast.Constant(value=str(text)):
            parts = [text]
        case ast.JoinedStr(values=values):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in values]
        case _:
            return ""
    text = " ".join("".join(parts).split())
    return text.replace("<", "\\<") if any(letter.isalpha() for letter in text) else ""


def _first(docstring: str | None) -> str:
    first = " ".join((docstring or "").split("\n\n")[0].split())
    return re.sub(r":\w+:`", "`", first.replace("``", "`").replace("|", "\\|"))
