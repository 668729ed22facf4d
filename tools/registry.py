"""Finds the tools: those in the modules of this folder, and a company's own. There is no list to edit."""

import pkgutil
from collections.abc import Container, Mapping, Sequence
from importlib import import_module

import tools
from agent.tools import Tool
from tools import custom_tools


def find_tools(extra: Sequence[str] = ()) -> dict[str, Tool]:
    """Returns every tool by name, sorted, so that prompts are byte-identical.

    ``extra`` are folders and packages; raises :class:`SettingsError`, see :func:`tools.custom_tools.load`.
    """
    modules = (import_module(f"tools.{module.name}") for module in pkgutil.iter_modules(tools.__path__))
    every = {value.name: value for module in modules for value in vars(module).values() if isinstance(value, Tool)}
    return dict(sorted({**every, **custom_tools.load(extra, built_in=every)}.items()))


def select_offered(tools: Mapping[str, Tool], resources: Container[type]) -> dict[str, Tool]:
    """Returns the tools whose ``needs`` are met by the resources there are, and that change nothing.

    A turn reads what strangers wrote before a model is asked, so any call may be one that a document wishes for;
    a tool that changes something waits until the asker can approve its calls.
    """
    return {
        name: tool
        for name, tool in tools.items()
        if tool.is_idempotent and all(kind in resources for kind in tool.needs)
    }
