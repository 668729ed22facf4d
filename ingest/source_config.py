"""Reads the sources that ``docent.toml`` declares, without loading the modules that read documents.

A source is a table ``[sources.NAME]``. Its options are not checked here but when it is opened, by
:func:`ingest.sources.connector.validate_options`.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path

from pathspec import PathSpec

from agent.errors import UserError
from ingest.access.patterns import to_pairs
from ingest.durations import DEFAULT_EVERY, NEVER, duration
from ingest.settings import IngestSettings

EXAMPLE = 'sources.handbook.location = "path/to/documents"'

EVERY = "*"  # stands for any workspace

SourceTable = dict[str, object]  # a table of docent.toml with its name; JSON


def sources(path: Path, *, is_required: bool = False) -> dict[str, SourceTable]:
    """Reads the sources by name, in the file's order; relative folders become relative to the file.

    Returns nothing where there is no such file, unless it ``is_required``; raises :class:`UserError`, with a line
    for each mistake, where it cannot be used. For example, of ``/srv/docent.toml`` with these lines::

        [sources.handbook]
        location = "docs"
        every = "15m"

    it returns ``{"handbook": {"location": "/srv/docs", "every": "15m", "name": "handbook"}}``.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        if is_required:
            raise UserError(
                f"There is no file {path.absolute()}, which DOCENT_CONFIG names. Correct its path, or unset it: "
                "then docent.toml is read, in the folder where Docent is started."
            ) from None
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from None
    tables = content.get("sources", {})
    if mistakes := [*_find_mistakes(content, tables, path)]:
        raise UserError("\n".join(mistakes))
    folder = path.absolute().parent
    return {
        name: resolve_location(table, folder) | {"name": name} for name, table in _to_json(tables, path).items()
    }


def choose(settings: IngestSettings, names: Sequence[str]) -> dict[str, SourceTable]:
    """Reads the sources that the settings' file declares, or those of these names; raises :class:`UserError` where
    there are none."""
    declared = sources(settings.config, is_required=settings.is_config_named)
    if not declared:
        raise UserError(f"{settings.config} declares no source. Write one there, such as: {EXAMPLE}")
    for name in names:
        if name not in declared:
            raise UserError(f"{settings.config} declares no source '{name}'. It has: {', '.join(declared)}.")
    return {name: declared[name] for name in names or declared}


def find_overlaps(tables: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Says which sources read the same documents, of tables by the name of their source.

    Sources that divide one place with patterns of their own are left alone.
    """
    places: dict[tuple[str, ...], list[str]] = {}
    for name, table in tables.items():
        if place := _place(table):
            places.setdefault(place, []).append(name)
    divided = {name for name, table in tables.items() if table.get("include") or table.get("exclude")}
    chosen = {name for name, table in tables.items() if table.get("include")}
    shared = [
        f"{' and '.join(map(repr, names))} read the same place, {place[0]}, so each of its documents is found "
        "more than once. Remove all but one, or divide it with include and exclude."
        for place, names in places.items()
        if len(names) > 1 and not divided.issuperset(names)
    ]
    whole = {place: names[0] for place, names in places.items() if names[0] not in chosen}
    return shared + [
        f"{names[0]!r} reads {place[0]}, which {whole[outer]!r} reads too, so its documents are found twice. "
        f'Leave it out of {whole[outer]!r}: exclude = ["{Path(place[0]).relative_to(outer[0]).as_posix()}/"]'
        for place, names in places.items()
        if (outer := next((other for other in whole if _is_below(place, other)), None))
        and not _leaves_out(tables[whole[outer]], Path(place[0]).relative_to(outer[0]))
    ]


def list_workspaces(table: Mapping[str, object]) -> list[str]:
    """Returns the workspaces in which a source is read; none where it names none, ``*`` for any.

    >>> list_workspaces({"workspaces": "T1"}), list_workspaces({"workspaces": "all"}), list_workspaces({})
    (['T1'], ['*'], [])
    """
    named = table.get("workspaces") or []
    return [EVERY if one == "all" else str(one) for one in (named if isinstance(named, list) else [named])]


def error_prefix(path: Path, name: str) -> str:
    """Returns what an error about a source begins with: the file and the table."""
    return f"{path} [sources.{name}]"


def sync_interval(table: Mapping[str, object]) -> timedelta | None:
    """Returns how often the clock syncs the source; None for never, and where the value cannot be used."""
    try:
        interval = duration(table.get("every", DEFAULT_EVERY))
    except ValueError:
        return None
    return interval if interval > NEVER else None


def resolve_location(table: Mapping[str, object], folder: Path) -> SourceTable:
    """Makes a relative path absolute, so that it does not depend on the folder a process was started in."""
    location, kind = table.get("location"), str(table.get("type") or "")
    is_address = not isinstance(location, str) or "://" in location or "@" in location or location in {"", "slack"}
    if (is_address and kind != "folder") or not location or kind not in {"", "folder", "git"}:
        return dict(table)
    try:
        path = Path(str(location)).expanduser()
    except RuntimeError:
        raise UserError(f"{location} names the home of a user whom this machine does not have.") from None
    return {**table, "location": str(path if path.is_absolute() else folder / path)}


def _find_mistakes(content: Mapping[str, object], tables: object, path: Path) -> Iterator[str]:
    for name in sorted(content.keys() - {"sources"}):
        meant = next(iter(get_close_matches(name, ["sources"], cutoff=0.7)), None)
        hint = f" Did you mean '{meant}'?" if meant else ""
        yield f"{path}: there is nothing called '{name}'. Sources are tables: [sources.NAME].{hint}"
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        yield f"{path}: a source is a table, such as: {EXAMPLE}"
    elif not all(name.strip() for name in tables):
        yield f"{path}: a source has no name. Write one, such as: {EXAMPLE}"


def _is_below(place: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    folder = Path(place[0])
    is_for_others = place[-1] != outer[-1]
    return folder.is_absolute() and place != outer and not is_for_others and folder.is_relative_to(outer[0])


def _leaves_out(table: Mapping[str, object], folder: Path) -> bool:
    given = table.get("exclude") or []
    patterns = given if isinstance(given, list) else [given]
    try:
        excluded = PathSpec.from_lines("gitignore", map(str, patterns))
    except ValueError:  # said where the options are checked
        return True
    return excluded.match_file(f"{folder.as_posix()}/x")


def _place(table: Mapping[str, object]) -> tuple[str, ...] | None:
    """Returns what tells a place from others: where it is, of a repository which part of it, and for whom: two
    workspaces may each have a source of their own."""
    location = str(table.get("location") or "")
    if not location or "slack" in {table.get("type"), location}:  # Slack's are told apart by their channels
        return None
    is_address = "://" in location or "@" in location
    where = location.rstrip("/").removesuffix(".git") if is_address else str(Path(location).expanduser().resolve())
    return (
        where,
        str(table.get("branch") or ""),
        str(table.get("folder") or ""),
        str(table.get("workspaces") or ""),
    )


def _to_json(tables: Mapping[str, SourceTable], path: Path) -> dict[str, SourceTable]:
    """Converts values to those that a sync can store in Postgres: dates become text, readers pairs."""
    stored = {
        name: {option: to_pairs(value) if option == "readers" else value for option, value in table.items()}
        for name, table in tables.items()
    }
    try:
        encoded = json.dumps(stored, default=str, allow_nan=False)
    except ValueError:
        raise UserError(f"{path}: nan and inf are no values of options. Write a number.") from None
    if "\\u0000" in encoded:
        raise UserError(f"{path}: a name or value contains the character NUL. Remove it.")
    return dict(json.loads(encoded))
