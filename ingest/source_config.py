"""The sources that ``docent.toml`` declares, as they stand there: read without loading what reads them.

A source is a table ``[sources.NAME]``; :mod:`ingest.sources.connector` knows what may stand in it.
"""

import json
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.errors import UserError
from ingest.durations import DEFAULT_EVERY, NEVER, duration

EXAMPLE = 'sources.handbook.location = "path/to/documents"'


def sources(path: Path) -> dict[str, dict[str, Any]]:
    """What is said of each source, by name, in the file's order; folders as they are seen from the file.

    Empty where there is no such file; raises :class:`UserError` where it cannot be used.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from None
    unknown = given.keys() - {"sources"}
    if unknown:
        raise UserError(f"{path}: there is nothing called '{min(unknown)}'. Sources are tables: [sources.NAME].")
    declared = given.get("sources", {})
    if not isinstance(declared, dict) or not all(isinstance(one, dict) for one in declared.values()):
        raise UserError(f"{path}: a source is a table, such as: {EXAMPLE}")
    if not all(name.strip() for name in declared):
        raise UserError(f"{path}: a source has no name. Write one, such as: {EXAMPLE}")
    folder = path.absolute().parent
    return {name: placed(one, folder) | {"name": name} for name, one in _plain(declared, path).items()}


def where(path: Path, name: str) -> str:
    """What a complaint about a source begins with."""
    return f"{path} [sources.{name}]"


def every(given: Mapping[str, Any]) -> timedelta | None:
    """How often the clock syncs the source, or None for never, and where the value is unusable."""
    try:
        wanted = duration(given.get("every", DEFAULT_EVERY))
    except ValueError:
        return None
    return wanted if wanted > NEVER else None


def placed(given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A relative path in the file is relative to the file's folder, wherever a process was started."""
    location, kind = given.get("location"), given.get("type")
    is_address = not isinstance(location, str) or "://" in location or "@" in location or location in {"", "slack"}
    if (is_address and kind != "folder") or not location or kind not in {None, "folder", "git"}:
        return dict(given)
    path = Path(str(location)).expanduser()
    return {**given, "location": str(path if path.is_absolute() else folder / path)}


def _plain(declared: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """As a sync keeps it: dates as text, and nothing that Postgres would not take."""
    try:
        written = json.dumps(declared, default=str, allow_nan=False)
    except ValueError:
        raise UserError(f"{path}: nan and inf mean nothing here. Write a number.") from None
    if "\\u0000" in written:
        raise UserError(f"{path}: a name or value holds the character NUL. Remove it.")
    return dict(json.loads(written))
