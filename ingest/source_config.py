"""Reads the sources that ``docent.toml`` declares, without loading the modules that read documents.

A source is a table ``[sources.NAME]``. Its options are not checked here but when it is opened, by
:func:`ingest.sources.connector.validate_options`.
"""

import json
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from agent.errors import UserError
from ingest.durations import DEFAULT_EVERY, NEVER, duration

EXAMPLE = 'sources.handbook.location = "path/to/documents"'

SourceTable = dict[str, object]  # a table of docent.toml with its name; JSON


def sources(path: Path) -> dict[str, SourceTable]:
    """Reads the sources by name, in the file's order; relative folders become relative to the file.

    Returns nothing where there is no such file; raises :class:`UserError` where it cannot be used. For example, of
    ``/srv/docent.toml`` with these lines::

        [sources.handbook]
        location = "docs"
        every = "15m"

    it returns ``{"handbook": {"location": "/srv/docs", "every": "15m", "name": "handbook"}}``.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from None
    unknown = content.keys() - {"sources"}
    if unknown:
        raise UserError(f"{path}: there is nothing called '{min(unknown)}'. Sources are tables: [sources.NAME].")
    tables = content.get("sources", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise UserError(f"{path}: a source is a table, such as: {EXAMPLE}")
    if not all(name.strip() for name in tables):
        raise UserError(f"{path}: a source has no name. Write one, such as: {EXAMPLE}")
    folder = path.absolute().parent
    return {
        name: resolve_location(table, folder) | {"name": name} for name, table in _to_json(tables, path).items()
    }


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
    location, kind = table.get("location"), table.get("type")
    is_address = not isinstance(location, str) or "://" in location or "@" in location or location in {"", "slack"}
    if (is_address and kind != "folder") or not location or kind not in {None, "folder", "git"}:
        return dict(table)
    path = Path(str(location)).expanduser()
    return {**table, "location": str(path if path.is_absolute() else folder / path)}


def _to_json(tables: Mapping[str, SourceTable], path: Path) -> dict[str, SourceTable]:
    """Converts values to those that a sync can store in Postgres: dates become text."""
    try:
        encoded = json.dumps(tables, default=str, allow_nan=False)
    except ValueError:
        raise UserError(f"{path}: nan and inf are no values of options. Write a number.") from None
    if "\\u0000" in encoded:
        raise UserError(f"{path}: a name or value contains the character NUL. Remove it.")
    return dict(json.loads(encoded))
