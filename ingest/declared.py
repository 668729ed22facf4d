"""The sources that ``docent.toml`` declares, as they stand there: read without loading what reads them.

A source is a table ``[sources.NAME]``; :mod:`ingest.source` knows what may stand in it.
"""

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.errors import UserError
from ingest.durations import NEVER, duration

DEFAULT_EVERY = timedelta(hours=1)
EXAMPLE = """[sources.handbook]
location = "path/to/documents"
link = "https://handbook.example/{path}" """.strip()


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
        raise UserError(f"{path}: a source is a table. Example:\n{EXAMPLE}")
    return {name: _placed(one, path) | {"name": name} for name, one in declared.items()}


def where(path: Path, name: str) -> str:
    """What a complaint about a source begins with."""
    return f"{path} [sources.{name}]"


def every(given: Mapping[str, Any]) -> timedelta | None:
    """How often the clock syncs the source, or None for never; an unusable value is for a command to complain of."""
    try:
        wanted = duration(given.get("every", DEFAULT_EVERY))
    except ValueError:
        return None
    return wanted if isinstance(wanted, timedelta) and wanted > NEVER else None


def _placed(given: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """A relative path in the file is relative to the file, wherever a process was started."""
    location = given.get("location")
    is_path = isinstance(location, str) and location and "://" not in location and "@" not in location
    if not is_path or given.get("type", "folder") not in {"folder", "git"}:
        return dict(given)
    path = Path(str(location)).expanduser()
    return {**given, "location": str(path if path.is_absolute() else file.absolute().parent / path)}
