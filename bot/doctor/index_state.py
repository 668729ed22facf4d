"""Checks whose the index is, whether it is kept in order, and what each machine has of one in a bucket."""

from collections.abc import Iterator

from agent.clock import now
from agent.errors import UserError
from agent.text import format_bytes
from bot import output
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, FindingState
from ingest.index.mirror import machines
from ingest.index.mirror.machines import MachineCopy
from ingest.index.mirror.mirror_folder import MirrorFolder
from ingest.index.storage import object_store
from ingest.tables import IndexStateRow

MANY_FAILURES = 3  # in a row: an index that is not optimized grows with every sync


def index_state(context: CheckContext) -> Iterator[Finding]:
    """Checks the index's owner, its optimizing, and the copies of it on machines."""
    if not context.database or not context.documents or not context.documents.n_chunks:
        return
    from ingest.index.table import TABLE

    address = context.library.index_address
    with context.database.transaction() as transaction:
        row = transaction.get(IndexStateRow, address)
        n_failures, problem = (row.n_optimize_failures, row.optimize_problem) if row else (0, None)
        version, table = (row.version, row.table_name) if row else (None, TABLE)
        copies = machines.load(transaction, address)
    yield from _check_owner(context, address)
    if n_failures:
        state = FindingState.PROBLEM if n_failures >= MANY_FAILURES else FindingState.WARNING
        times = "once" if n_failures == 1 else f"{n_failures} times in a row"
        text = f"Optimizing the index failed {times}: {problem} Searches find everything, but get slower."
        advice = "The next sync tries again. If that fails too, 'docent reindex --again' makes the index anew."
        yield Finding("index", state, text, advice)
    if object_store.is_bucket(address) and context.library.mirror_gb:
        yield from _check_copies(copies or _find_copy(context, table), version)


def _check_owner(context: CheckContext, address: str) -> Iterator[Finding]:
    from ingest.index.ownership.index_writer import IndexWriter

    assert context.database
    writer = IndexWriter(context.database, address)
    try:
        record = writer.lock.read()
        if record is not None:
            record.require(str(writer.deployment()), address)
    except UserError as error:
        yield Finding("index", FindingState.PROBLEM, str(error))


def _find_copy(context: CheckContext, table: str) -> tuple[MachineCopy, ...]:
    """Finds the copy on this machine, where no worker says what it has."""
    folder = MirrorFolder(context.library.home.expanduser().absolute(), context.library.index_address)
    copied = folder.load(table)
    if copied is None:
        return ()
    copied_at = machines.from_unix(copied.copied_at)
    return (MachineCopy("this machine", copied.version, folder.n_bytes(), copied_at, None, False, now()),)


def _check_copies(copies: tuple[MachineCopy, ...], version: int | None) -> Iterator[Finding]:
    if not copies:
        text = "no machine has a copy of the index yet: the first search makes one"
        yield Finding("index copy", FindingState.SKIPPED, text)
    for copy in copies:
        has = f"version {copy.version}, {format_bytes(copy.n_bytes)}, copied {output.format_age(copy.copied_at)}"
        has = f"{copy.host}: {has}" if copy.version is not None else f"{copy.host}: no copy yet"
        if copy.problem:
            yield Finding("index copy", FindingState.WARNING, f"{has}. {copy.problem}")
        elif version is not None and (copy.version or 0) < version:
            yield Finding("index copy", FindingState.OK, f"{has}; version {version} is on its way")
        else:
            yield Finding("index copy", FindingState.OK, has)
