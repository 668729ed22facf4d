"""Checks the documents, the index on this machine, and the embedding model."""

import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from agent.errors import DocentError
from bot import output
from bot.doctor import stores
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, FindingState
from ingest.documents import ocr
from ingest.settings import LOCAL_EMBEDDING_MODELS, SENTENCE_EMBEDDING_MODEL, OcrUse
from ingest.sync import reports

LOST = (
    "If it was lost, or the database restored from a backup without it, 'docent sync' (or 'docent ingest' again) "
    "makes it anew. Else the documents were ingested into another index."
)
SHARE = "Set DOCENT_INDEX_URI=s3://bucket/index on every machine, and run 'docent ingest' again."


def documents(context: CheckContext) -> Iterator[Finding]:
    """Counts the documents that Postgres knows."""
    if not context.database:
        yield Finding("documents", FindingState.SKIPPED, "no database")
        return
    try:
        context.documents = counts = reports.load_stats(context.database)
    except SQLAlchemyError as error:
        yield Finding("documents", FindingState.PROBLEM, f"cannot be counted ({type(error).__name__})")
        return
    if not counts.n_documents:
        yield Finding(
            "documents", FindingState.WARNING, "No documents have been ingested yet.", "Run 'docent ingest PATH'."
        )
        return
    last = f"; last {output.format_age(counts.synced_at)}" if counts.synced_at else ""
    yield Finding("documents", FindingState.OK, f"{counts.n_documents} ingested, {counts.n_chunks} chunks{last}")
    if "ocr" in context.library.model_fields_set and context.library.ocr != OcrUse.OFF and not ocr.is_installed():
        text = f"DOCENT_OCR is '{context.library.ocr}', but the extra for text recognition is not installed here."
        yield Finding(
            "documents", FindingState.WARNING, text, f"Install it wherever documents are read: {ocr.EXTRA}"
        )
    if counts.n_problems:
        yield Finding(
            "documents",
            FindingState.WARNING,
            f"{counts.n_problems} of them have a problem.",
            "'docent documents --problems' lists each with its cause and what to do.",
        )


def index(context: CheckContext) -> Iterator[Finding]:
    """Checks that this machine has the index that the database describes, and that other machines can reach it."""
    address, documents = context.library.index_address, context.documents
    if not context.database or documents is None:
        yield Finding("index", FindingState.SKIPPED, "no database")
        return
    if not documents.n_chunks:
        yield Finding("index", FindingState.SKIPPED, "nothing has been ingested yet")
        return
    if "://" not in address and not Path(address).exists():
        text = f"There is no index at {address}, but the database knows {documents.n_chunks} chunks."
        yield Finding("index", FindingState.PROBLEM, text, f"{LOST} {SHARE}")
        return
    from ingest.library import Library

    status = Library(context.database, context.library).status()
    if status.problem:
        yield Finding("index", FindingState.PROBLEM, status.problem)
        return
    contents = f"{status.n_chunks} chunks, embedded by '{status.embedding_model}'"
    if status.n_chunks != documents.n_chunks:
        text = f"{address} has {contents}; the database knows {documents.n_chunks}."
        advice = f"'docent check --repair' says which and mends it. If other machines ingest too: {SHARE}"
        yield Finding("index", FindingState.WARNING, text, advice)
    else:
        yield Finding("index", FindingState.OK, f"{address}: {contents}")
    if status.embedding_model != context.library.embedding_model:
        text = (
            f"DOCENT_EMBEDDING_MODEL is '{context.library.embedding_model}', but the index was built with "
            f"'{status.embedding_model}'."
        )
        yield Finding(
            "index", FindingState.WARNING, text, "'docent reindex' rebuilds it, and first says what that costs."
        )
    if "://" not in address and context.database_url and stores.is_remote(context.database_url):
        others = f" Workers run on {', '.join(context.worker_hosts)}." if context.worker_hosts else ""
        text = f"The index is a folder on this machine; the database is on another.{others}"
        advice = f"Every machine with a worker needs the same index. More than one machine? {SHARE}"
        yield Finding("index", FindingState.WARNING, text, advice)


def embeddings(context: CheckContext) -> Iterator[Finding]:
    """Embeds one sentence, unless that costs money and was not allowed."""
    model = context.library.embedding_model
    if model not in LOCAL_EMBEDDING_MODELS and not context.may_call:
        hint = (
            "" if context.may_call is False else " 'docent doctor --model-call' tries it (a fraction of a cent)."
        )
        yield Finding("embeddings", FindingState.SKIPPED, f"{model} was not called.{hint}")
        return
    from agent.llm import failures
    from ingest.embedding import sentence_model
    from ingest.embedding.embedder import Embedder

    if model == SENTENCE_EMBEDDING_MODEL and sentence_model.is_installed() and not sentence_model.is_unpacked():
        yield Finding("embeddings", FindingState.OK, f"{model}: installed; unpacked with the first documents")
        return

    started = time.monotonic()
    try:
        (vector,) = Embedder(model).embed_question("Is anybody there?").vectors
    except DocentError as error:
        why, advice = failures.explain(error, model)
        yield Finding("embeddings", FindingState.PROBLEM, f"{model}: {why}.", advice)
        return
    detail = f"{time.monotonic() - started:.1f} s" if model not in LOCAL_EMBEDDING_MODELS else "no network"
    yield Finding("embeddings", FindingState.OK, f"{model}: {len(vector)} dimensions; {detail}")
