"""Every setting, from the three classes that read them, under the headings of ``.env.example``."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

import agent.settings
import bot.settings
import ingest.settings
from docs.generate.imports import ROOT

CLASSES: tuple[type[BaseSettings], ...] = (
    agent.settings.AgentSettings,
    bot.settings.BotSettings,
    ingest.settings.IngestSettings,
)
REST = "Further settings"
BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def tables() -> str:
    """Returns a table per heading: name, default, meaning."""
    fields = {
        agent.settings.list_variables(kind, name)[0]: (kind, name)
        for kind in reversed(CLASSES)
        for name in kind.model_fields
    }
    sections: dict[str, list[str]] = {}
    named: set[str] = set()
    for heading, variable in _example():
        if variable in fields and variable not in named:
            named.add(variable)
            sections.setdefault(heading, []).append(variable)
    rest = [variable for variable in fields if variable not in named]
    if rest:
        sections[REST] = sorted(rest)
    return "\n\n".join(_section(heading, variables, fields) for heading, variables in sections.items())


def _example() -> Iterator[tuple[str, str]]:
    """The headings and variables of the example, in order."""
    heading = ""
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"# (.+?) -{3,}", line):
            heading = found[1]
        yield from ((heading, name) for name in re.findall(r"\b([A-Z][A-Z_]+)=", line))


def _section(heading: str, variables: list[str], fields: dict[str, tuple[type[BaseSettings], str]]) -> str:
    rows = [f"### {heading}", "", "| setting | default | meaning |", "|---|---|---|"]
    for variable in variables:
        kind, name = fields[variable]
        field = kind.model_fields[name]
        names = agent.settings.list_variables(kind, name)
        also = f" Also read from {', '.join(f'`{other}`' for other in names[1:])}." if names[1:] else ""
        rows.append(f"| `{variable}` | {_default(field)} | {_sentence(field)}{also} |".replace("  ", " "))
    return "\n".join(rows)


def _default(field: FieldInfo) -> str:
    default: Any = field.default_factory() if field.default_factory else field.default  # type: ignore[call-arg]
    if default is None or default == "":
        return ""
    if isinstance(default, float):
        return f"`{default:g}`"
    return f"`{default.as_posix() if isinstance(default, Path) else default}`"


def _sentence(field: FieldInfo) -> str:
    words = (field.description or "").rstrip(".").replace("|", "\\|")
    rules = [(key, getattr(rule, key)) for rule in field.metadata for key in BOUNDS if hasattr(rule, key)]
    bounds = " and ".join(f"{BOUNDS[key]} {value:,}" for key, value in rules)
    return f"{words}. {bounds.capitalize()}." if bounds else f"{words}."
