"""Finds the tools: every module of this folder that holds one. There is no list to edit."""

import pkgutil
from importlib import import_module

import tools
from agent.tools import Tool


def found() -> dict[str, Tool]:
    """Every tool by name, sorted, so that prompts are byte-identical."""
    modules = (import_module(f"tools.{module.name}") for module in pkgutil.iter_modules(tools.__path__))
    every = {value.name: value for module in modules for value in vars(module).values() if isinstance(value, Tool)}
    return dict(sorted(every.items()))
