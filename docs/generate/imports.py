"""The rooms of the code and the imports between them, read from the source with ``ast``; nothing is imported.

A room is a folder of a package. The modules at the top of a package are one node, except those that import a room
of the same package (such as ``ingest/library.py``): they are above the rooms, and are a node each.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("bot", "tools", "ingest", "agent", "migrations")


@dataclass(frozen=True)
class House:
    """``rooms`` maps each module to its node; ``arrows`` are pairs of nodes, importer first."""

    rooms: dict[str, str]
    arrows: frozenset[tuple[str, str]]

    def members(self, room: str) -> list[str]:
        """Returns the names of the modules of a node, without the package's."""
        return sorted(module.rpartition(".")[2] for module, its in self.rooms.items() if its == room)


@cache
def read(root: Path = ROOT) -> House:
    """Returns the rooms and the imports between them, those inside functions too."""
    paths = (path for package in PACKAGES for path in sorted((root / package).rglob("*.py")))
    files = {_name(path, root): path for path in paths if path.name != "__main__.py"}
    imports = {name: set(_imports(name, path, files)) for name, path in files.items()}
    rooms = {name: _room(name, files) for name in files}
    for name in [name for name, room in rooms.items() if room in PACKAGES and "." in name]:
        if any(_is_above(rooms[other], name) for other in _reachable(name, imports, rooms)):
            rooms[name] = name
    arrows = {
        (rooms[importer], rooms[imported])
        for importer, others in imports.items()
        for imported in others
        if rooms[importer] != rooms[imported]
    }
    return House(rooms, frozenset(arrows))


def reduced(arrows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Returns the arrows that no longer way replaces, sorted. Arrows of a circle are all kept."""
    kept = set(arrows)
    for arrow in sorted(kept):
        start, end = arrow
        if end in _ends(start, kept - {arrow}) and start not in _ends(end, kept):
            kept.discard(arrow)
    return sorted(kept)


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(name: str, files: dict[str, Path]) -> str:
    """The folder below the package, or the package itself."""
    parts = name.split(".")
    is_folder = len(parts) > 2 or (len(parts) == 2 and files[name].name == "__init__.py")
    return ".".join(parts[:2]) if is_folder else parts[0]


def _imports(name: str, path: Path, files: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            asked = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import module` imports the module, `from module import name` the module before it.
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            asked = [each if each in files else node.module for each in full]
        else:
            continue
        yield from (each for each in asked if each in files and each != name)


def _reachable(name: str, imports: dict[str, set[str]], rooms: dict[str, str]) -> set[str]:
    """What a module at the top of a package imports, directly or through others at its top."""
    seen: set[str] = set()
    open_ = {name}
    while open_:
        others = set().union(*(imports[each] for each in open_)) - seen
        seen |= others
        open_ = {other for other in others if rooms[other] == rooms[name]}
    return seen


def _is_above(room: str, name: str) -> bool:
    package = name.partition(".")[0]
    return room.startswith(f"{package}.")


def _ends(start: str, arrows: set[tuple[str, str]]) -> set[str]:
    seen: set[str] = set()
    open_ = {start}
    while open_:
        open_ = {end for begin, end in arrows if begin in open_} - seen
        seen |= open_
    return seen
