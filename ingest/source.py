"""What a source of documents is, and which sources there are.

A source is one module in ``ingest/sources/`` with ``matches(location)`` and ``open_source(location, ...)``;
it is found by folder, there is no list to edit. It lists and fetches; it knows nothing of chunks or the index.
"""

import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Literal, Protocol

from agent.errors import UserError
from ingest import sources

Format = Literal["markdown", "text", "html", "pdf", "docx"]


@dataclass(frozen=True)
class Listed:
    """A document of a source. ``uri`` is its stable name there; ``url`` is what a person clicks.

    An equal ``fingerprint`` promises equal content.
    """

    uri: str
    url: str
    fingerprint: str


@dataclass(frozen=True)
class RawDocument:
    """A document as fetched, not yet read."""

    content: bytes
    format: Format
    title: str  # used unless the document has one of its own
    updated_at: datetime | None = None


class FetchProblem(Exception):
    """One document cannot be had. ``cause`` and ``advice`` are shown to the operator.

    One that ``may_pass`` is tried again with every sync, and leaves an earlier version searchable.
    """

    def __init__(self, cause: str, advice: str, *, may_pass: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.advice = advice
        self.may_pass = may_pass


class Source(Protocol):
    """``name`` tells this source's documents from those of every other one."""

    @property
    def name(self) -> str: ...

    def list(self) -> "Iterable[Listed]":
        """Every document, ordered by uri; raises :class:`UserError` when the source cannot be read at all."""
        ...

    def fetch(self, uri: str) -> RawDocument:
        """One document; raises :class:`FetchProblem`."""
        ...


class SourceModule(Protocol):
    """What every module of ``ingest/sources/`` offers."""

    def matches(self, location: str) -> bool:
        """Whether this module is the one for a location such as a path or an address."""
        ...

    def open_source(self, location: str, *, name: str | None, link: str | None) -> Source:
        """The source at the location; ``link`` is a URL pattern such as ``https://docs.example/{path}``."""
        ...


def found() -> dict[str, SourceModule]:
    """Every source module by name, sorted."""
    names = sorted(module.name for module in pkgutil.iter_modules(sources.__path__))
    return {name: import_module(f"{sources.__name__}.{name}") for name in names}


def opened(location: str, *, name: str | None = None, link: str | None = None) -> Source:
    """The source for a location; raises :class:`UserError` when no module knows such locations."""
    for module in found().values():
        if module.matches(location):
            return module.open_source(location, name=name, link=link)
    raise UserError(f"Docent cannot read documents from '{location}'. Give the path of a folder.")
