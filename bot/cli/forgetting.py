"""Runs ``docent forget``, and says what would bring back what was removed."""

from agent.errors import UserError
from agent.store.database import Database
from agent.text import count
from ingest import source_config
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.sync import reports


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
    declared = name in source_config.sources(settings.config)
    where = (
        f'exclude = ["{uri}"] below [sources.{name}] in {settings.config}' if declared else f"--exclude '{uri}'"
    )
    print(f"The next sync of '{name}' reads it in again, unless it is gone from there or left out: {where}")


def _require_source(database: Database, name: str) -> None:
    with database.transaction() as transaction:
        names = reports.list_sources(transaction)
    if name not in names:
        raise UserError(f"There is no source '{name}'. 'docent documents' lists them.")
