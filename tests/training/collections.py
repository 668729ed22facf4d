"""Reads the collections in, once for each embedding model, and searches them as the product does."""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from agent.store.database import Database
from bot.evaluation import questions
from bot.evaluation.isolated_index import JsonLines
from bot.evaluation.questions import EvalQuestion
from bot.processes import environment
from bot.processes.embedded import embedded_servers
from ingest.embedding.embedder import Embedder
from ingest.index.filters import ChunkFilter
from ingest.index.table import Index
from ingest.library import Library
from ingest.search.search import SearchContext
from ingest.settings import LOCAL_EMBEDDING_MODELS, IngestSettings
from ingest.tables import DocumentRow
from tests.library import sync_folder

ROOT = Path(__file__).parents[2]
HANDBOOKS = ("handbook_18f", "handbook_dev", "multilingual_dev", "sample")
ABSTRACTS = "scifact"  # only its passages are trained on: its claims have no facts
MAX_CLAIMS = 300


@dataclass(frozen=True)
class Collection:
    """Documents that were read in with one embedding model, and questions to them.

    ``names`` are the documents' paths in the question set, by id.
    """

    name: str
    model: str
    context: SearchContext
    names: dict[str, str]
    questions: Sequence[EvalQuestion]


def open_all(folder: Path) -> list[Collection]:
    """Opens every collection with every model that runs here; reads in what is not in the folder yet."""
    names = (*HANDBOOKS, ABSTRACTS)
    return [_open(name, model, folder / model / name) for model in LOCAL_EMBEDDING_MODELS for name in names]


def _open(name: str, model: str, folder: Path) -> Collection:
    stored = folder / "documents.json"
    if not stored.is_file():
        _read_in(name, model, folder)
    told = json.loads(stored.read_text(encoding="utf-8"))
    index = Index(str(folder / "index"), embedding_model=model)
    context = SearchContext(index, Embedder(model), ChunkFilter(tuple(told["access_ids"])))
    asked = questions.read(_questions(name)).questions
    return Collection(name, model, context, told["names"], asked[:MAX_CLAIMS] if name == ABSTRACTS else asked)


def _read_in(name: str, model: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as servers_folder,
        embedded_servers.start(Path(servers_folder) / "servers", is_durable=False) as servers,
    ):
        environment.migrate(servers.database_url)
        database = Database(servers.database_url, statement_timeout_seconds=60)
        try:
            settings = IngestSettings(
                home=Path(servers_folder), index_uri=str(folder / "index"), embedding_model=model
            )
            library = Library(database, settings)
            if name == ABSTRACTS:
                library.sync(JsonLines(_questions(name).parent / "docs.jsonl"))
            else:
                sync_folder(library, _pages(name))
            with database.transaction() as transaction:
                rows = transaction.execute(select(DocumentRow.id, DocumentRow.uri, DocumentRow.access_id)).all()
        finally:
            database.close()
    prefix = "" if name in (ABSTRACTS, "sample") else "pages/"
    told = {
        "access_ids": sorted({row.access_id for row in rows}),
        "names": {row.id.hex: prefix + row.uri for row in rows},
    }
    (folder / "documents.json").write_text(json.dumps(told), encoding="utf-8")


def _questions(name: str) -> Path:
    if name == "sample":
        return ROOT / "tests" / "sample_questions.jsonl"
    given = Path(os.environ["DOCENT_EVAL_DIR"])
    return given / name / ("queries_train.jsonl" if name == ABSTRACTS else "questions.jsonl")


def _pages(name: str) -> Path:
    if name == "sample":
        return ROOT / "bot" / "sample" / "handbook"
    return Path(os.environ["DOCENT_EVAL_DIR"]) / name / "pages"
