"""Makes an index this deployment's that belongs to another: for a database that was restored or made anew."""

import typer

from agent.store.database import Database
from ingest.index.ownership.index_writer import IndexWriter
from ingest.settings import IngestSettings


def take_over(database: Database, settings: IngestSettings, *, asks: bool) -> None:
    """Asks, unless told not to, and says what to do next."""
    address = settings.index_address
    writer = IndexWriter(database, address)
    if asks:
        typer.confirm(
            f"Take over the index at {address}? If another deployment still uses it, that one can no longer write "
            "there, and what it read in is searched here until it is read in anew.",
            abort=True,
        )
    writer.take_over()
    print(
        f"The index at {address} belongs to this deployment now. Run 'docent sync' (or 'docent ingest' for each "
        "source), which brings it in step with this database."
    )
