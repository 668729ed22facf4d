"""The diagram of the rooms and the imports between them, and the list of what is in each."""

import ast
import re

from docs.generate.imports import PACKAGES, ROOT, House, read, reduced

MOST_NAMES = 8
WITHOUT_DOCSTRING = {
    "bot.sample": "The handbook of an invented company, for the demo and the tests, and a sample tool.",
    "migrations.versions": "The migrations, in order.",
}


def diagram() -> str:
    """Returns a mermaid flowchart: rooms in their packages, and the imports that no longer way implies."""
    house = read()
    nodes = sorted(set(house.rooms.values()))
    lines = ["```mermaid", "flowchart TD"]
    for package in PACKAGES:
        lines.append(f'  subgraph {package}_["{package}/"]')
        lines += [f'    {_id(node)}["{_label(node, house)}"]' for node in nodes if _package(node) == package]
        lines.append("  end")
    inner = {(start, end) for start, end in house.arrows if _package(start) == _package(end)}
    outer = {(_package(start), _package(end)) for start, end in house.arrows - inner}
    lines += [f"  {_id(start)} --> {_id(end)}" for start, end in reduced(inner)]
    lines += [f"  {start}_ ==> {end}_" for start, end in reduced(outer)]
    return "\n".join([*lines, "```"])


def rooms() -> str:
    """Returns a table: each room, what its docstring says first, and which rooms it imports."""
    house = read()
    rows = ["| room | what is in it | imports |", "|---|---|---|"]
    for node in sorted(set(house.rooms.values()), key=lambda node: (PACKAGES.index(_package(node)), node)):
        ends = sorted(end for start, end in house.arrows if start == node)
        rows.append(f"| `{_path(node)}` | {_first_sentence(node)} | {', '.join(f'`{end}`' for end in ends)} |")
    return "\n".join(rows)


def _package(node: str) -> str:
    return node.partition(".")[0]


def _id(node: str) -> str:
    return node.replace(".", "_").replace("__", "_") + ("_top" if "." not in node else "")


def _label(node: str, house: House) -> str:
    if "." in node:
        return node.partition(".")[2]
    names = [name for name in house.members(node) if name != node and not name.startswith("__")]
    return ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")


def _path(node: str) -> str:
    path = node.replace(".", "/")
    return f"{path}.py" if (ROOT / f"{path}.py").exists() else f"{path}/"


def _first_sentence(node: str) -> str:
    path = ROOT / node.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) if file.exists() else None
    first = " ".join((docstring or "").split("\n\n")[0].split())
    plain = re.sub(r":\w+:`", "`", first.replace("``", "`").replace("|", "\\|"))
    return plain or WITHOUT_DOCSTRING.get(node, "")
