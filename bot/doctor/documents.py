"""What has been read in, the index on this machine, and the embedding model."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from agent.clock import now
from agent.errors import DocentError
from bot.doctor import stores
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding
from ingest import stats
from ingest.settings import STATIC_EMBEDDING_MODEL

SHARE = "Set DOCENT_INDEX_URI=s3://bucket/index on every machine, and run 'docent ingest' once more."


def documents(who: CheckContext) -> Iterator[Finding]:
    """What Postgres knows of them."""
    if not who.database:
        yield Finding("documents", "skipped", "no database")
        return
    try:
        who.documents = found = stats.read(who.database)
    except SQLAlchemyError as error:
        yield Finding("documents", "problem", f"cannot be counted ({type(error).__name__})")
        return
    if not found.n_documents:
        yield Finding("documents", "warning", "No documents have been read in yet.", "Run 'docent ingest PATH'.")
        return
    read = f"; last {_ago(found.synced_at)}" if found.synced_at else ""
    yield Finding("documents", "ok", f"{found.n_documents} read in, {found.n_chunks} chunks{read}")
    if found.n_problems:
        yield Finding(
            "documents",
            "warning",
            f"{found.n_problems} of them could not be read in as they are.",
            "'docent documents --problems' lists each, with its cause and what to do.",
        )


def index(who: CheckContext) -> Iterator[Finding]:
    """Whether this machine has the index that the database speaks of, and whether others can have it."""
    address, documents = who.library.index_address, who.documents
    if not who.database or documents is None:
        yield Finding("index", "skipped", "no database")
        return
    if not documents.n_chunks:
        yield Finding("index", "skipped", "nothing has been read in yet")
        return
    if "://" not in address and not Path(address).exists():
        text = f"There is no index at {address}, but the database knows {documents.n_chunks} chunks."
        yield Finding("index", "problem", text, f"The documents were read in with another index. {SHARE}")
        return
    from ingest.library import Library

    status = Library(who.database, who.library).status()
    if status.problem:
        yield Finding("index", "problem", status.problem)
        return
    made_of = f"{status.n_chunks} chunks, embedded by '{status.embedding_model}'"
    if status.n_chunks != documents.n_chunks:
        text = f"{address} holds {made_of}; the database knows {documents.n_chunks}."
        advice = f"Run 'docent ingest' for each folder here. If other machines ingest too: {SHARE}"
        yield Finding("index", "warning", text, advice)
    else:
        yield Finding("index", "ok", f"{address}: {made_of}")
    if status.embedding_model != who.library.embedding_model:
        text = (
            f"DOCENT_EMBEDDING_MODEL is '{who.library.embedding_model}', the index of '{status.embedding_model}'."
        )
        yield Finding("index", "warning", text, "'docent reindex' says what going over costs, and does it.")
    if "://" not in address and who.database_url and stores.is_remote(who.database_url):
        others = f" Workers run on {', '.join(who.worker_hosts)}." if who.worker_hosts else ""
        text = f"The index is a folder of this machine, the database is not on it.{others}"
        advice = f"Every machine with a worker needs the same index. More than one machine? {SHARE}"
        yield Finding("index", "warning", text, advice)


def embeddings(who: CheckContext) -> Iterator[Finding]:
    """One embedding."""
    model = who.library.embedding_model
    if model != STATIC_EMBEDDING_MODEL and not who.may_call:
        hint = "" if who.may_call is False else " 'docent doctor --model-call' tries it (a fraction of a cent)."
        yield Finding("embeddings", "skipped", f"{model} was not called.{hint}")
        return
    from bot.doctor.model import in_words
    from ingest.embedding import Embedder

    started = time.monotonic()
    try:
        (vector,) = Embedder(model).question("Is anybody there?").vectors
    except DocentError as error:
        why, advice = in_words(error, model)
        yield Finding("embeddings", "problem", f"{model}: {why}.", advice)
        return
    took = f"{time.monotonic() - started:.1f} s" if model != STATIC_EMBEDDING_MODEL else "no network"
    yield Finding("embeddings", "ok", f"{model}: {len(vector)} dimensions; {took}")


def _ago(then: datetime) -> str:
    minutes = (now() - then).total_seconds() / 60
    if minutes < 2:
        return "just now"
    if minutes < 120:
        return f"{minutes:.0f} minutes ago"
    return f"{minutes / 60:.0f} hours ago" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days ago"
