"""Defines what a source of documents is, and finds the types of sources there are.

Owns the options that every source has, and their checks. A source lists and fetches; it knows nothing of chunks or
the index. Listing and fetching may happen in two processes, even on two machines.
"""

import hashlib
import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import pathspec
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
)

from agent.errors import UserError
from ingest import sources
from ingest.access import principals, reader_sets
from ingest.access.declaration import ALL, Declaration
from ingest.access.patterns import Patterns, ReadersByPattern, as_list, to_pairs
from ingest.documents.anchors import AnchorStyle
from ingest.documents.raw import RawDocument
from ingest.documents.upkeep import SLACK_USER
from ingest.durations import DEFAULT_EVERY, Duration
from ingest.verified import answers

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

UNREAD = "unread folder"  # the fingerprint of a folder that could not be read
WITHDRAWN = "withdrawn"  # the fingerprint that stands for documents which fewer people may read now
REPEATED = "repeated: "  # begins the fingerprint of a document that only repeats others, and is not read
UNNAMED = "unusable name"  # the fingerprint of a document whose name cannot be stored
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_OTHER_WORDS = {  # for options, which people try
    **dict.fromkeys(("path", "url", "uri", "address", "dir", "directory", "repository"), "location"),
    **dict.fromkeys(("interval", "schedule", "frequency"), "every"),
    **dict.fromkeys(("ignore", "skip"), "exclude"),
    **dict.fromkeys(("owner", "contact", "maintainer"), "owner_slack"),
    **dict.fromkeys(("access", "audience", "permissions"), "readers"),
    **dict.fromkeys(("workspace", "team", "teams"), "workspaces"),
}
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_WORKSPACE = re.compile(r"[TE][A-Z0-9]{1,30}|\*")


def _list_workspaces(value: object) -> object:
    """Accepts one id in the place of a list, and "all" for any workspace."""
    listed = as_list(value)
    return [ALL if one == "all" else one for one in listed] if isinstance(listed, list | tuple) else listed


Workspaces = Annotated[tuple[str, ...], BeforeValidator(_list_workspaces)]


class SourceOptions(BaseModel):
    """The options that every source has, in ``docent.toml`` or on the command line; each type adds its own.

    ``include`` and ``exclude`` are patterns as in a ``.gitignore``, of paths within the source. Options hold no
    secret, because they are stored; a type that needs one is given the name of an environment variable, in
    ``token_env`` or ``authorization_env``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))

    type: str
    name: str = ""
    location: str = ""
    include: Patterns = ()
    exclude: Patterns = ()
    link: str | None = Field(default=None, description="A URL with {path} or {file} in it")
    readers: ReadersByPattern | None = Field(default=None, description="A list, or a table of them by pattern")
    front_matter_may_widen: bool = Field(
        default=False, description="Whether the readers a page names stand in the place of these"
    )
    owner_slack: str = Field(default="", description="Who looks after the documents: a Slack id, U0123ABCD")
    every: Duration = Field(default=DEFAULT_EVERY, description="How often the clock syncs it")
    workspaces: Workspaces = Field(
        default=(), description="Where it is read, if many workspaces have installed the app: T…, E…, or all"
    )

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if name and not _NAME.fullmatch(name):
            raise ValueError("a name has up to 100 characters, on one line")
        if name == answers.SOURCE:
            raise ValueError("what experts write has this name; choose another one")
        return name

    @field_validator("workspaces")
    @classmethod
    def _check_workspaces(cls, ids: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if wrong := [id_ for id_ in ids if not _WORKSPACE.fullmatch(id_)]:
            raise ValueError(f"'{wrong[0]}' is not the id of a workspace (T0123) or an organisation (E0123)")
        readers: Mapping[str, Sequence[str]] = info.data.get("readers") or {}
        named = principals.find_of_one_workspace({name for names in readers.values() for name in names})
        if named and (len(ids) > 1 or ALL in ids):
            raise ValueError(
                f"{named[0]} is of one workspace, and these are several. Declare the source once for each "
                "workspace, with its own readers"
            )
        return ids

    @field_validator("owner_slack")
    @classmethod
    def _check_owner(cls, owner: str) -> str:
        if owner and not SLACK_USER.fullmatch(owner):
            raise ValueError("write the person's id in Slack (profile, ⋮, Copy member ID): U0123ABCD")
        return owner

    @field_validator("link")
    @classmethod
    def _check_link(cls, link: str | None) -> str | None:
        if link is not None and "{path}" not in link and "{file}" not in link:
            raise ValueError("it lacks {path}. Example: https://handbook.example/{path}")
        return link

    @field_validator("token_env", "authorization_env", check_fields=False)
    @classmethod
    def _check_variable(cls, name: str) -> str:
        if name and not _VARIABLE.fullmatch(name):
            raise ValueError(
                "write the name of an environment variable, such as WIKI_TOKEN, not the secret itself"
            )
        return name

    @field_serializer("readers")
    def _store_readers(self, readers: ReadersByPattern | None) -> object:
        return to_pairs(readers)

    @property
    def needs_login(self) -> bool:
        """Returns whether only those with a login may read the source, as far as the options tell."""
        return False

    def paths_of(self, uri: str, path: str) -> Sequence[str]:
        """Returns what patterns of readers are matched with: a document's path within the source."""
        return (path or uri,)

    @property
    def declaration(self) -> Declaration:
        """Returns who may read the documents; everyone where nothing is said."""
        rules = tuple((pattern, reader_sets.one_of(names)) for pattern, names in (self.readers or {}).items())
        return Declaration(
            rules or ((ALL, reader_sets.DEFAULT_READERS),),
            self.front_matter_may_widen,
            self.paths_of,
            frozenset(self.workspaces),
        )

    def takes(self, path: str) -> bool:
        """Returns whether a path within the source, with forward slashes, is one of its documents."""
        return (not self.include or self._included.match_file(path)) and not self._excluded.match_file(path)

    @cached_property
    def _included(self) -> "pathspec.PathSpec[pathspec.Pattern]":
        return pathspec.PathSpec.from_lines("gitignore", self.include)

    @cached_property
    def _excluded(self) -> "pathspec.PathSpec[pathspec.Pattern]":
        return pathspec.PathSpec.from_lines("gitignore", self.exclude)


@dataclass(frozen=True)
class ListedDocument:
    """A document as a source lists it. ``uri`` is its stable name there; ``url`` is what a person clicks.

    Equal fingerprints promise equal content, also across documents, so that a renamed one is recognised.
    ``readers`` are the principals whom the source itself lets read it, of whom those that are declared read it;
    None where it does not know. ``anchors`` must be those of the raw document. Patterns of readers match ``path``,
    where it is not the uri. What is ``hidden_because`` of a login (a cause; and what to do) stays as it was read
    last, for nobody. What ``keeps_hidden`` could not be looked at now: if it was hidden, it stays so.
    """

    uri: str
    url: str
    fingerprint: str
    readers: frozenset[str] | None = None
    anchors: AnchorStyle = AnchorStyle.IDS
    path: str = ""
    hidden_because: str = ""
    keeps_hidden: bool = False


class Source(Protocol):
    """A place with documents. ``name`` tells its documents from those of every other source."""

    @property
    def name(self) -> str: ...

    def list(self, known: Mapping[str, str]) -> "Iterable[ListedDocument]":
        """Lists every document once, in any order; raises :class:`UserError` when the source cannot be read.

        ``known`` maps uris to the fingerprints of the last sync, for a source that can ask for news only. A folder
        that cannot be read now is listed itself, with a uri that ends in a slash and the fingerprint
        :data:`UNREAD`: :meth:`fetch` then says why, and the documents below it do not count as removed.

        Known documents that are not listed, and that only some may read now, are listed by what their uris begin
        with, their ``readers`` and the fingerprint :data:`WITHDRAWN`: they change even if an error follows.
        """
        ...

    def fetch(self, uri: str) -> RawDocument:
        """Reads one document, whether or not this object listed it; raises :class:`FetchProblem`."""
        ...


class SourceModule(Protocol):
    """What every module in ``ingest/sources/`` offers: one type of source.

    A new file in that folder is a new type, named after the file. For example, ``ingest/sources/notes.py``::

        class NotesOptions(connector.SourceOptions):
            token_env: str = "NOTES_TOKEN"

        OPTIONS = NotesOptions

        def matches(location: str) -> bool:
            return location.startswith("notes://")

        def open_source(options: NotesOptions, *, cache_folder: Path) -> NotesSource:
            return NotesSource(options)  # has name, list and fetch, see Source
    """

    OPTIONS: type[SourceOptions]

    def matches(self, location: str) -> bool:
        """Returns whether this module reads a location such as a path or an address."""
        ...

    def open_source(self, options: Any, *, cache_folder: Path) -> Source:
        """Opens a source with options of the type :attr:`OPTIONS`; raises :class:`UserError` when it cannot.

        ``cache_folder`` need not exist yet; what is stored there between two syncs may vanish at any time.
        """
        ...


@cache
def source_modules() -> dict[str, SourceModule]:
    """Imports every module of a type of source, and returns them by name, sorted."""
    modules = pkgutil.iter_modules(sources.__path__)
    names = sorted(module.name for module in modules if not module.ispkg and module.name != "connector")
    return {name: import_module(f"{sources.__name__}.{name}") for name in names}


def validate_options(values: Mapping[str, object], *, where: str) -> SourceOptions:
    """Checks the options of a source; without ``type`` the location decides which type it is.

    Raises :class:`UserError` with one line per problem, each beginning with ``where``.

    >>> validate_options({"location": "docs", "every": "2w"}, where="docent.toml").type
    'folder'
    """
    try:
        kind = _type_of(values, where)
    except UserError as error:
        known = {name for module in source_modules().values() for name in module.OPTIONS.model_fields}
        unknown = [_explain_unknown(name, where, sorted(known)) for name in values if name not in known]
        raise UserError("\n".join([str(error), *unknown])) from None
    return _validate(source_modules()[kind].OPTIONS, {**values, "type": kind}, where)


def validate_readers(values: Mapping[str, object], *, where: str) -> Declaration:
    """Checks only who may read a source, whatever else is wrong with its options."""
    kind = _type_of(values, where)
    options = source_modules()[kind].OPTIONS
    about_readers = ("readers", "front_matter_may_widen", "location", "workspaces")
    said = {name: values[name] for name in about_readers if name in values}
    return _validate(options, {**said, "type": kind}, where).declaration


def require_readers(options: SourceOptions, *, where: str) -> None:
    """Raises :class:`UserError` where a source needs a login and nobody has said who may read it here."""
    if options.needs_login and options.readers is None:
        raise UserError(
            f"{where}: this source needs a login, so perhaps not everybody may read it. Say who may: readers = "
            '["everyone"], or for example ["channel:C0123"] (with \'docent ingest\': --reader everyone).'
        )


def _validate(model: type[SourceOptions], values: Mapping[str, object], where: str) -> SourceOptions:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        names = [*model.model_fields]
        raise UserError("\n".join(_explain(problem, where, names) for problem in error.errors())) from None


def open_source(options: SourceOptions, *, home: Path) -> Source:
    """Opens the source that options describe; what it caches is stored below ``home``."""
    name = options.name or options.location or options.type
    return source_modules()[options.type].open_source(options, cache_folder=cache_folder(home, name))


def cache_folder(home: Path, name: str) -> Path:
    """Returns the folder where a source of this name stores what it can do without."""
    return home / "sources" / _folder_name(name)


def _folder_name(name: str) -> str:
    """Returns the name where a folder can have it, else one that no other source's folder has."""
    plain = re.sub(r"[^\w.-]", "_", name)[:100].lstrip(".")
    return plain if plain and plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _type_of(values: Mapping[str, object], where: str) -> str:
    """Returns the type that is given, else the one that reads the location; raises :class:`UserError`."""
    location, kind = str(values.get("location", "")), str(values.get("type") or "")
    if kind in source_modules():
        return kind
    if kind:
        meant = next(iter(get_close_matches(kind.lower(), source_modules(), n=1)), None)
        hint = f"Did you mean '{meant}'?" if meant else f"There are: {', '.join(source_modules())}."
        raise UserError(f"{where}: there is no source type '{kind}'. {hint}")
    if not location:
        raise UserError(
            f"{where}: give a location (a folder, an address) or a type ({', '.join(source_modules())})."
        )
    for name, module in source_modules().items():
        if module.matches(location):
            return name
    raise UserError(
        f"{where}: Docent cannot tell what '{location}' is. Give the path of a folder, or set the type "
        f"({', '.join(source_modules())})."
    )


def _explain(problem: "ErrorDetails", where: str, names: Sequence[str]) -> str:
    field = ".".join(str(part) for part in problem["loc"])
    if field.startswith("readers."):
        pattern = problem["loc"][1]
        field = "readers" if pattern == ALL or problem["loc"][-1] == "[key]" else f'readers of "{pattern}"'
    if problem["type"] == "extra_forbidden":
        return _explain_unknown(field, where, names)
    if problem["type"] == "missing":
        return f"{where}: {field} is missing."
    rule = problem["msg"].removeprefix("Value error, ")
    value = "" if _may_be_secret(field, problem["input"]) else f" = {problem['input']!r}"
    return f"{where}: {field}{value} is not usable: {rule[:1].lower()}{rule[1:]}."


def _explain_unknown(field: str, where: str, names: Sequence[str]) -> str:
    """Says that there is no such option among ``names``, and which one was meant, or which types have it."""
    if kinds := [kind for kind, module in source_modules().items() if field in module.OPTIONS.model_fields]:
        return f"{where}: '{field}' is an option of the type {' or '.join(kinds)} only."
    meant = _OTHER_WORDS.get(field) or next(iter(get_close_matches(field.lower(), names, n=1)), None)
    return f"{where}: there is no option '{field}'." + (f" Did you mean '{meant}'?" if meant else "")


def _may_be_secret(field: str, value: object) -> bool:
    """Recognises a value in the place of a variable's name, and an address with a name or password in it."""
    return field.endswith("_env") or "@" in str(value)
