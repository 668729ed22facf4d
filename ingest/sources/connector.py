"""What a source of documents is, and which kinds of sources there are.

A kind is one module in ``ingest/sources/`` with ``SourceOptions``, ``matches`` and ``open_source``; it is found by
folder, there is no list to edit. A source lists and fetches; it knows nothing of chunks or the
index. What lists and what fetches may be two processes, even on two machines.
"""

import hashlib
import pkgutil
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Protocol

import pathspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from agent.errors import UserError
from agent.types import EVERYONE
from ingest import sources
from ingest.documents.raw import RawDocument
from ingest.durations import DEFAULT_EVERY, Duration

UNREAD = "unread folder"  # the fingerprint of a folder that could not be read
UNNAMED = "unusable name"  # of a document whose name cannot be kept
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
READER = re.compile(rf"{EVERYONE}|(?:team|channel|user|group):\S+")


def _several(value: object) -> object:
    """One alone needs no brackets."""
    return [value] if isinstance(value, str) else value


def _patterns(given: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in given:
        try:
            pathspec.PathSpec.from_lines("gitignore", [pattern])
        except ValueError:
            raise ValueError(
                f"'{pattern}' is no pattern of a .gitignore. Write one such as docs/** or *.md"
            ) from None
    return given


Patterns = Annotated[tuple[str, ...], BeforeValidator(_several), AfterValidator(_patterns)]


class SourceOptions(BaseModel):
    """What may be said of any source, in ``docent.toml`` or on the command line; a kind adds its own.

    ``include`` and ``exclude`` are patterns as in a ``.gitignore``, of paths within the source. Options hold no
    secret: they are stored; a kind that needs one is told the name of an environment variable, in ``token_env``
    or ``authorization_env``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))

    type: str
    name: str = ""
    location: str = ""
    include: Patterns = ()
    exclude: Patterns = ()
    link: str | None = Field(default=None, description="A URL with {path} or {file} in it")
    readers: Annotated[frozenset[str], BeforeValidator(_several)] = frozenset({EVERYONE})
    every: Duration = Field(default=DEFAULT_EVERY, description="How often the clock syncs it")

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if name and not _NAME.fullmatch(name):
            raise ValueError("a name has up to 100 characters, on one line")
        return name

    @field_validator("link")
    @classmethod
    def _has_a_place(cls, link: str | None) -> str | None:
        if link is not None and "{path}" not in link and "{file}" not in link:
            raise ValueError("it lacks {path}. Example: https://handbook.example/{path}")
        return link

    @field_validator("readers")
    @classmethod
    def _are_principals(cls, readers: frozenset[str]) -> frozenset[str]:
        if not readers:
            raise ValueError("somebody must be able to read it. Write everyone, or leave it out")
        for reader in readers:
            if not READER.fullmatch(reader):
                raise ValueError(f"'{reader}' is no reader. Write everyone, team:T, channel:C, user:U or group:S")
        return readers

    @field_validator("token_env", "authorization_env", check_fields=False)
    @classmethod
    def _is_a_variable(cls, name: str) -> str:
        if name and not _VARIABLE.fullmatch(name):
            raise ValueError(
                "write the name of an environment variable, such as WIKI_TOKEN, not the secret itself"
            )
        return name

    def takes(self, path: str) -> bool:
        """Whether a path within the source, with forward slashes, is one of its documents."""
        return (not self.include or self._included.match_file(path)) and not self._excluded.match_file(path)

    @cached_property
    def _included(self) -> pathspec.PathSpec[Any]:
        return pathspec.PathSpec.from_lines("gitignore", self.include)

    @cached_property
    def _excluded(self) -> pathspec.PathSpec[Any]:
        return pathspec.PathSpec.from_lines("gitignore", self.exclude)


@dataclass(frozen=True)
class Listed:
    """A document of a source. ``uri`` is its stable name there; ``url`` is what a person clicks.

    An equal ``fingerprint`` promises equal content; of two documents too, so that a renamed one is known again.
    ``readers`` are its own where it has any, else those of the source.
    """

    uri: str
    url: str
    fingerprint: str
    readers: frozenset[str] | None = None


class Source(Protocol):
    """``name`` tells this source's documents from those of every other one."""

    @property
    def name(self) -> str: ...

    def list(self, known: Mapping[str, str]) -> "Iterable[Listed]":
        """Every document once, in any order, one after the other; raises :class:`UserError` when the source
        cannot be read.

        ``known`` are the fingerprints by uri of what was read in the last time, for a source that can ask only
        for what is new. A folder that could not be read this time is listed itself, its uri ending in a slash and
        :data:`UNREAD` its fingerprint: :meth:`fetch` says why, and what is below it is not taken for removed.
        """
        ...

    def fetch(self, uri: str) -> RawDocument:
        """One document, whether or not this object listed it; raises :class:`FetchProblem`."""
        ...


class SourceModule(Protocol):
    """What every module of ``ingest/sources/`` offers."""

    OPTIONS: type[SourceOptions]

    def matches(self, location: str) -> bool:
        """Whether this module is the one for a location such as a path or an address."""
        ...

    def open_source(self, options: Any, *, place: Path) -> Source:
        """The source; raises :class:`UserError` when there is none.

        ``place`` is a folder, not yet made, for what it may want to keep between two syncs and can do without.
        """
        ...


@cache
def found() -> dict[str, SourceModule]:
    """Every source module by name, sorted."""
    modules = pkgutil.iter_modules(sources.__path__)
    names = sorted(module.name for module in modules if not module.ispkg and module.name != "connector")
    return {name: import_module(f"{sources.__name__}.{name}") for name in names}


def described(given: Mapping[str, Any], *, where: str) -> SourceOptions:
    """Checked options; the ``type`` may be left out where the location tells.

    Raises :class:`UserError` with one line per problem; ``where`` is what they stand in.
    """
    kind = str(given.get("type") or _kind_of(str(given.get("location", "")), where))
    if kind not in found():
        raise UserError(f"{where}: there is no source type '{kind}'. There are: {', '.join(found())}.")
    try:
        return found()[kind].OPTIONS.model_validate({**given, "type": kind})
    except ValidationError as error:
        raise UserError("\n".join(_in_words(problem, where) for problem in error.errors())) from None


def opened(options: SourceOptions, *, home: Path) -> Source:
    """The source that was described; what it keeps lies below ``home``."""
    name = options.name or options.location or options.type
    return found()[options.type].open_source(options, place=place(home, name))


def place(home: Path, name: str) -> Path:
    """Where a source of this name keeps what it can do without."""
    return home / "sources" / _folder(name)


def _folder(name: str) -> str:
    """The name where that can be a folder's, else one that no other source has."""
    plain = re.sub(r"[^\w.-]", "_", name)[:100].lstrip(".")
    return plain if plain and plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _kind_of(location: str, where: str) -> str:
    if not location:
        raise UserError(f"{where}: give a location (a folder, an address) or a type ({', '.join(found())}).")
    for name, module in found().items():
        if module.matches(location):
            return name
    raise UserError(f"{where}: '{location}' is nothing Docent can read. Give a folder, or a type.")


def _in_words(problem: Any, where: str) -> str:
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{where}: there is no option '{field}'."
    if problem["type"] == "missing":
        return f"{where}: {field} is missing."
    rule = problem["msg"].removeprefix("Value error, ")
    given = "" if _may_be_secret(field, problem["input"]) else f" = {problem['input']!r}"
    return f"{where}: {field}{given} is not usable: {rule[:1].lower()}{rule[1:]}."


def _may_be_secret(field: str, given: object) -> bool:
    """What was put where a variable's name belongs, and an address with a name or password in it."""
    return field.endswith("_env") or "@" in str(given)
