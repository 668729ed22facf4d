"""The tree of errors in agent/errors.py names every error of the code."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

import agent
import bot
import ingest
import tools
from agent import errors
from agent.errors import DocentError

PACKAGES = (agent, tools, ingest, bot)
TREE, _, OTHERS = (errors.__doc__ or "").partition("Not below DocentError")


def test_the_tree_has_every_docent_error_below_its_parent() -> None:
    tree = {cls.__name__: cls.__bases__[0].__name__ for cls in _errors() if issubclass(cls, DocentError)}
    assert _drawn() == tree


def test_every_other_error_is_listed_with_its_module() -> None:
    for cls in _errors():
        if not issubclass(cls, DocentError):
            assert re.search(rf"\b{cls.__name__}\b[^:]*\({re.escape(cls.__module__)}\)", OTHERS), cls


def _drawn() -> dict[str, str]:
    """Returns each error of the drawing with its parent."""
    parents = {"DocentError": "Exception"}
    above: list[str] = ["DocentError"]
    for indent, name in re.findall(r"^([│ ]*)[├└]── (\w+)", TREE, re.MULTILINE):
        depth = len(indent) // 4 + 1
        parents[name] = above[depth - 1]
        above[depth:] = [name]
    return parents


def _errors() -> Iterator[type[Exception]]:
    for package in PACKAGES:
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.endswith("__main__") or ".sample.tools" in found.name:
                continue
            yield from _of(importlib.import_module(found.name))


def _of(module: ModuleType) -> Iterator[type[Exception]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module.__name__:
            yield value
