"""Measures the shape of the code: files, functions, docstrings, types, imports. ``make house`` prints the table.

Owns the figures that tests/test_house.py holds the code to. Reads source as text; imports nothing of Docent.
Counts what can be counted, so it says nothing about whether a name or a sentence is good.
"""

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median, quantiles

import grimp
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
PACKAGES = ("agent", "tools", "ingest", "bot")
LONG_FUNCTION_LINES, VERY_LONG_FUNCTION_LINES = 25, 40
DUPLICATE_LINES = 6
# In the imperative. A verb that is missing there counts as none.
VERBS = frozenset((Path(__file__).parent / "house_verbs.txt").read_text(encoding="utf-8").split())


@dataclass(frozen=True)
class Function:
    """A function or method; ``n_lines`` counts its body without docstring, comments and blank lines."""

    name: str
    n_lines: int
    docstring: str | None


class Module:
    """One source file, parsed once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = path.read_text(encoding="utf-8")
        self.lines = self.source.splitlines()
        self.tree = ast.parse(self.source)

    @property
    def name(self) -> str:
        """Returns the path from the root, as in ``agent/turn/loop.py``."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def classes(self) -> list[ast.ClassDef]:
        """Lists every class, nested ones too."""
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)]

    @cached_property
    def functions(self) -> list[Function]:
        """Lists every function and method."""
        nodes = (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        return [Function(node.name, self._n_lines(node), ast.get_docstring(node)) for node in nodes]

    @cached_property
    def docstrings(self) -> list[str]:
        """Lists the docstrings of module, classes and functions."""
        kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        found = (ast.get_docstring(node) for node in ast.walk(self.tree) if isinstance(node, kinds))
        return [docstring for docstring in found if docstring]

    @cached_property
    def n_any(self) -> int:
        """Counts the uses of ``Any`` in annotations and aliases."""
        return sum(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(self.tree))

    @cached_property
    def n_broad_excepts(self) -> int:
        """Counts ``except Exception``, ``except BaseException`` and bare ones."""
        handlers = (node for node in ast.walk(self.tree) if isinstance(node, ast.ExceptHandler))
        return sum(
            handler.type is None
            or (isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException"))
            for handler in handlers
        )

    def _n_lines(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        if not body:
            return 0
        lines = self.lines[body[0].lineno - 1 : body[-1].end_lineno]
        return sum(bool(line.strip()) and not line.strip().startswith("#") for line in lines)


def modules(*folders: str) -> list[Module]:
    """Reads the Python files below the folders, sorted by path."""
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return [Module(path) for path in sorted(paths)]


def is_verb_first(docstring: str) -> bool:
    """Returns whether the first word is a verb, in the imperative or the third person: "Return", "Returns"."""
    match = re.match(r"[A-Za-z]+", docstring)
    word = match[0].lower() if match else ""
    stems = (word, word.removesuffix("s"), word.removesuffix("es"), f"{word.removesuffix('ies')}y")
    return word in ("is", "has", "does", "goes") or any(stem in VERBS for stem in stems)


def verb_first_share(files: Iterable[Module]) -> float:
    """Returns the share of functions' docstrings that begin with a verb."""
    docstrings = [f.docstring for file in files for f in file.functions if f.docstring]
    return sum(map(is_verb_first, docstrings)) / len(docstrings)


def any_per_thousand_lines(files: Sequence[Module]) -> float:
    """Returns how often ``Any`` is used per 1,000 lines."""
    return 1000 * sum(file.n_any for file in files) / sum(len(file.lines) for file in files)


def repeated_class_names(files: Iterable[Module]) -> dict[str, list[str]]:
    """Returns the class names that are defined more than once, with the files that define them."""
    places: dict[str, list[str]] = defaultdict(list)
    for file in files:
        for class_ in file.classes:
            places[class_.name].append(file.name)
    return {name: files for name, files in sorted(places.items()) if len(files) > 1}


def folder_sizes(files: Iterable[Module]) -> Counter[str]:
    """Counts the modules (without ``__init__``) and packages directly in each folder."""
    things: dict[str, set[str]] = defaultdict(set)
    for file in files:
        *folders, name = Path(file.name).parts
        for depth in range(1, len(folders)):
            things["/".join(folders[:depth])].add(folders[depth])
        if name != "__init__.py":
            things["/".join(folders)].add(name)
    return Counter({folder: len(names) for folder, names in things.items()})


def room_circles() -> list[str]:
    """Returns a circle of imports across the rooms of each package that has one, as ``a -> b -> a``.

    A room is a folder directly in a package; a module directly in it is a room of its own. Imports for type
    checking only do not count; those inside functions do.
    """
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True)
    circles = []
    for package in PACKAGES:
        arrows: dict[str, set[str]] = defaultdict(set)
        for module in graph.modules:
            for imported in graph.find_modules_directly_imported_by(module):
                here, there = module.split("."), imported.split(".")
                if here[0] == there[0] == package and len(here) > 1 and len(there) > 1 and here[1] != there[1]:
                    arrows[f"{package}.{here[1]}"].add(f"{package}.{there[1]}")
        try:
            TopologicalSorter(arrows).prepare()
        except CycleError as error:
            circles.append(" -> ".join(reversed(error.args[1])))
    return circles


def duplicates(files: Iterable[Module]) -> list[str]:
    """Lists the pairs of places that share six or more lines of code to the letter."""
    first: dict[tuple[str, ...], tuple[str, int]] = {}
    pairs: dict[tuple[str, str], tuple[int, int]] = {}
    for file in files:
        lines = list(_code_lines(file))
        for i in range(len(lines) - DUPLICATE_LINES + 1):
            window = tuple(text for _, text in lines[i : i + DUPLICATE_LINES])
            if sum(len(text) > 3 for text in window) < DUPLICATE_LINES - 1:
                continue
            name, line = first.setdefault(window, (file.name, lines[i][0]))
            if (name, line) != (file.name, lines[i][0]):
                pairs.setdefault((name, file.name), (line, lines[i][0]))
    return [f"{a}:{line_a} ~ {b}:{line_b}" for (a, b), (line_a, line_b) in sorted(pairs.items())]


def _code_lines(file: Module) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file.lines, 1):
        text = line.strip()
        if text and not text.startswith(("#", "import ", "from ", '"""')) and text not in (")", "]", "}"):
            yield number, text


def main() -> None:
    """Prints the table, a column per package, and what it complains about."""
    columns = {name: modules(name) for name in PACKAGES}
    columns["bot without simulator"] = [
        file for file in columns["bot"] if not file.name.startswith("bot/simulator/")
    ]
    columns["all"] = modules(*PACKAGES)
    table = Table("", *columns, title="The shape of the code", title_justify="left")
    rows: dict[str, list[str]] = {label: [] for label in _figures(columns["agent"])}
    for files in columns.values():
        for label, figure in _figures(files).items():
            rows[label].append(figure)
    for label, figures in rows.items():
        table.add_row(label, *figures)
    console = Console(width=130) if not sys.stdout.isatty() else Console()
    console.print(table)
    for title, lines in _complaints(columns["all"]).items():
        console.print(f"{title}: {len(lines) or 'none'}", *lines, sep="\n  ", markup=False, highlight=False)


def _figures(files: Sequence[Module]) -> dict[str, str]:
    n_lines = [len(file.lines) for file in files]
    bodies = [function.n_lines for file in files for function in file.functions]
    thousand = sum(n_lines) / 1000
    folder, n_things = folder_sizes(files).most_common(1)[0]
    public = [f for file in files for f in file.functions if not f.name.startswith("_")]
    n_docstrings = sum(len(file.docstrings) for file in files)
    n_examples = sum(bool(re.search(r">>>|::\n", text)) for file in files for text in file.docstrings)
    n_ignores = sum(file.source.count("type: ignore") for file in files)
    return {
        "files / lines": f"{len(files)} / {sum(n_lines):,}",
        "lines per file: median, p90, max": _spread(n_lines),
        "lines per function: median, p90, max": _spread(bodies),
        "functions over 25 / over 40 lines": f"{_share(bodies, 25):.1%} / {_share(bodies, 40):.1%}",
        "fullest folder": f"{n_things} {folder}",
        "public functions with a docstring": f"{sum(bool(f.docstring) for f in public) / len(public):.0%}",
        "functions' docstrings, verb first": f"{verb_first_share(files):.0%}",
        "docstrings with an example": f"{n_examples} of {n_docstrings:,}",
        "Any per 1,000 lines": f"{any_per_thousand_lines(files):.1f}",
        "broad except per 1,000 lines": f"{sum(file.n_broad_excepts for file in files) / thousand:.2f}",
        "type: ignore per 1,000 lines": f"{n_ignores / thousand:.2f}",
    }


def _spread(numbers: Sequence[int]) -> str:
    return f"{median(numbers):.0f}, {quantiles(numbers, n=10)[-1]:.0f}, {max(numbers)}"


def _share(numbers: Sequence[int], limit: int) -> float:
    return sum(number > limit for number in numbers) / len(numbers)


def _complaints(files: Sequence[Module]) -> dict[str, list[str]]:
    repeated = repeated_class_names(files)
    return {
        "class names defined twice": [f"{name}: {', '.join(places)}" for name, places in repeated.items()],
        "folders of more than 15 things": [f"{n} {folder}" for folder, n in folder_sizes(files).items() if n > 15],
        "circles across rooms": room_circles(),
        "duplicates of six lines": duplicates(files),
    }


if __name__ == "__main__":
    main()
