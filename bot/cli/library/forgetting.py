"""Runs ``docent forget``, and says what would bring back what was removed."""

import json
import re
import shlex
from urllib.parse import urlsplit

from agent.errors import UserError
from agent.store.database import Database
from agent.text import count
from ingest import source_config
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.sync import reports
from ingest.verified import answers

_SPECIAL = re.compile(r"([\\\[\]*?!#]| (?=$))")


def forget_source(database: Database, settings: IngestSettings, name: str) -> None:
    """Removes a source with all its documents."""
    _require_source(database, name)
    n_documents = Library(database, settings).forget(name)
    print(f"{count(n_documents, 'document')} of '{name}' removed.")
    if name in source_config.sources(settings.config):
        print(f"{settings.config} still declares it: remove it there too, or the next sync reads it in again.")


def forget_document(database: Database, settings: IngestSettings, name: str, document: str) -> None:
    """Removes one document, named by its path in the source, its link or its title."""
    _require_source(database, name)
    uri = Library(database, settings).forget_document(name, document)
    if uri is None:
        raise UserError(
            f"The source '{name}' has no document '{document}'. 'docent documents \"{name}\"' lists them."
        )
    print(f"'{uri}' of '{name}' removed.")
    pattern = _make_pattern(uri)
    where = f"--exclude {shlex.quote(pattern)}"
    if name in source_config.sources(settings.config):
        where = (
            f"exclude = [{json.dumps(pattern, ensure_ascii=False)}] below [sources.{name}] in {settings.config}"
        )
    print(f"The next sync of '{name}' reads it in again, unless it is gone from there or left out: {where}")


def _make_pattern(uri: str) -> str:
    """Returns the pattern of a ``.gitignore`` that fits this document of a source alone.

    >>> _make_pattern("teams/#1 [draft].md"), _make_pattern("https://wiki.example/leave")
    ('/teams/\\\\#1 \\\\[draft\\\\].md', '/leave')
    """
    path = urlsplit(uri).path if "://" in uri else uri
    return "/" + _SPECIAL.sub(r"\\\1", path.lstrip("/"))


def _require_source(database: Database, name: str) -> None:
    if name == answers.SOURCE:
        raise UserError(
            "Verified answers are withdrawn one by one: docent verified list, docent verified withdraw ID."
        )
    with database.transaction() as transaction:
        names = reports.list_sources(transaction)
    if name not in names:
        raise UserError(f"There is no source '{name}'. 'docent documents' lists them.")
