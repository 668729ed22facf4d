"""The checks of documents and index: complete, missing, on another machine, of another model."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

import ingest.settings
from agent.store.database import Database
from bot.doctor import documents, stores
from bot.doctor.context import CheckContext
from ingest.documents import ocr
from ingest.settings import IngestSettings, OcrUse


def test_documents_and_their_index_are_well(read_in: CheckContext) -> None:
    (counted,) = documents.documents(read_in)
    (index,) = documents.index(read_in)
    assert (counted.state, index.state) == ("ok", "ok")
    assert counted.text.startswith("4 ingested, ")
    assert read_in.documents
    assert f"{read_in.documents.n_chunks} chunks, embedded by 'static'" in index.text


@pytest.mark.skipif(ocr.is_installed(), reason="is about a machine without the extra ocr")
def test_recognition_that_is_asked_for_and_not_installed_is_told(read_in: CheckContext) -> None:
    asked = replace(read_in, library=IngestSettings(ocr=OcrUse.SCANS, index_uri=read_in.library.index_uri))
    _, told = documents.documents(asked)
    assert told.text == "DOCENT_OCR is 'scans', but the extra for text recognition is not installed here."
    assert ocr.EXTRA in told.advice


def test_documents_that_could_not_be_read_are_counted(read_in: CheckContext, database: Database) -> None:
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE documents SET problem = 'is empty' WHERE title = 'Leave'"))
    _, warning = documents.documents(read_in)
    assert (warning.state, warning.text[:2]) == ("warning", "1 ")


def test_without_documents_the_next_step_is_named(context: CheckContext, database: Database) -> None:
    list(stores.database(context))
    (finding,) = documents.documents(context)
    assert (finding.state, finding.advice) == ("warning", "Run 'docent ingest PATH'.")
    assert [f.state for f in documents.index(context)] == ["skipped"]


def test_an_index_that_lies_on_another_machine(read_in: CheckContext, tmp_path: Path) -> None:
    list(documents.documents(read_in))
    read_in.library = ingest.settings.IngestSettings(index_uri=str(tmp_path / "elsewhere"))
    (missing,) = documents.index(read_in)
    assert missing.state == "problem"
    assert "DOCENT_INDEX_URI=s3://" in missing.advice
    assert not (tmp_path / "elsewhere").exists()


def test_an_index_that_another_machine_has_gone_past(read_in: CheckContext, database: Database) -> None:
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE documents SET n_chunks = n_chunks + 1"))
    list(documents.documents(read_in))
    (finding,) = documents.index(read_in)
    assert finding.state == "warning"
    assert "the database knows" in finding.text


def test_an_index_of_another_embedding_model(read_in: CheckContext, tmp_path: Path) -> None:
    list(documents.documents(read_in))
    read_in.library = ingest.settings.IngestSettings(
        home=tmp_path, embedding_model="openai/text-embedding-3-small"
    )
    well, warning = documents.index(read_in)
    assert well.state == "ok"
    assert warning.state == "warning"
    assert "docent reindex" in warning.advice


def test_a_shared_database_beside_a_folder_of_one_machine(read_in: CheckContext) -> None:
    list(documents.documents(read_in))
    read_in.database_url = "postgresql://ada@db.internal/docent"
    read_in.worker_hosts = ["attic", "cellar"]
    _, warning = documents.index(read_in)
    assert warning.state == "warning"
    assert "Workers run on attic, cellar." in warning.text
    assert "s3://" in warning.advice
