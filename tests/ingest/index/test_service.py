"""An index at a LanceDB service (``db://``): what it is asked, as far as that shows without the service itself."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import ingest.settings
from agent.errors import SettingsError, UserError
from ingest.index.active_index import open_mirror
from ingest.index.ownership.index_writer import make_lock
from ingest.index.ownership.no_lock import NoLock
from ingest.index.table import Index
from ingest.settings import IngestSettings
from tests.ingest.index.test_table import EVERYONE, READERS

ADDRESS = "db://handbook"
TEXTS = ("chunk_id", "document_id", "source", "url", "title", "heading_path", "text", "search_text")
FIELDS = [
    *({"name": name, "type": {"type": "string"}, "nullable": False} for name in TEXTS),
    {"name": "position", "type": {"type": "int32"}, "nullable": True},
    {
        "name": "vector",
        "type": {
            "type": "fixed_size_list",
            "fields": [{"name": "item", "type": {"type": "float"}, "nullable": True}],
            "length": 256,
        },
        "nullable": True,
    },
]
ROW = {
    "chunk_id": ["a-00000"], "document_id": ["a"], "source": ["s"], "url": [""], "title": ["Leave"],
    "heading_path": [""], "text": ["apples"], "position": [0], "search_text": ["apples"],
    "updated_at": pa.array([None], pa.timestamp("us", tz="UTC")), "_rowid": pa.array([1], pa.uint64()),
    "_score": pa.array([2.0], pa.float32()),
    "vector": pa.array([[0.0] * 255 + [1.0]], pa.list_(pa.float32(), 256)),
}  # fmt: skip


class Service(ThreadingHTTPServer):
    """Answers like the service, of one table with one row; stores what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.asked: list[tuple[str, Any]] = []
        self.key = "secret"


class _Request(BaseHTTPRequestHandler):
    server: Service

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0].rstrip("/").rpartition("/")[2]
        body = json.loads(content) if content[:1] == b"{" else None
        self.server.asked.append((path, body))
        if self.headers.get("x-api-key") != self.server.key:
            self._send(401, b'{"error": "invalid API key"}')
        elif path == "query":
            wanted = body["columns"] if body else [*ROW]
            self._send(200, _as_arrow({name: ROW[name] for name in wanted if name in ROW}))
        else:
            self._send(200, json.dumps(_answer(path)).encode())

    do_GET = do_POST

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _answer(path: str) -> object:
    schema = {"fields": FIELDS, "metadata": {"docent.embedding_model": "static"}}
    return {
        "list": {"tables": ["chunks"]},
        "describe": {"table": "chunks", "version": 7, "schema": schema},
        "count_rows": 1,
        "delete": {"version": 8},
        "update": {"version": 8, "rows_updated": 1},
    }.get(path, {})


def _as_arrow(columns: dict[str, Any]) -> bytes:
    table, file = pa.table(columns), io.BytesIO()
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("DOCENT_INDEX_URI", ADDRESS)
        monkeypatch.setenv("DOCENT_INDEX_KEY", "secret")
        monkeypatch.setenv("DOCENT_INDEX_HOST", f"http://127.0.0.1:{service.server_port}")
        ingest.settings.load.cache_clear()
        yield service
        service.shutdown()
        thread.join()
    ingest.settings.load.cache_clear()


def test_a_search_filters_by_access_in_the_service(service: Service) -> None:
    index = Index(ADDRESS, embedding_model="static")
    (candidate,) = index.candidates_by_words("apples", scope=EVERYONE, limit=5)
    assert (candidate.text, candidate.bm25) == ("apples", 2.0)
    (query, *_) = [body for path, body in service.asked if path == "query"]
    assert query["filter"] == f"access_id IN ('{READERS}')"
    assert query["prefilter"] is True
    assert (index.version(), index.n_chunks()) == ("7", 1)


def test_documents_are_removed_and_their_readers_changed(service: Service) -> None:
    index = Index(ADDRESS, embedding_model="static")
    index.remove(["a"])
    index.set_access(["a"], "x" * 64)
    asked = dict(service.asked)
    assert asked["delete"]["predicate"] == "document_id IN ('a')"
    assert asked["update"]["predicate"] == "document_id IN ('a')"


def test_the_service_optimizes_and_keeps_no_copy_here(service: Service, tmp_path: Path) -> None:
    Index(ADDRESS, embedding_model="static").optimize()
    assert service.asked == []
    settings = IngestSettings(home=tmp_path)
    assert settings.index_address == ADDRESS
    assert open_mirror(settings) is None
    assert isinstance(make_lock(ADDRESS), NoLock)


def test_a_key_that_is_refused_and_a_service_that_is_away_are_told(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.key = "another"
    with pytest.raises(UserError, match="Check DOCENT_INDEX_KEY"):
        Index(ADDRESS, embedding_model="static").version()
    monkeypatch.setenv("DOCENT_INDEX_HOST", "http://127.0.0.1:1")
    ingest.settings.load.cache_clear()
    with pytest.raises(UserError, match="Check DOCENT_INDEX_HOST"):
        Index(ADDRESS, embedding_model="static").version()


def test_an_address_is_checked_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCENT_INDEX_URI", ADDRESS)
    ingest.settings.load.cache_clear()
    with pytest.raises(SettingsError, match="DOCENT_INDEX_KEY"):
        ingest.settings.load()
    monkeypatch.setenv("DOCENT_INDEX_URI", "ftp://host/index")
    with pytest.raises(SettingsError, match="begins with ftp://"):
        ingest.settings.load()
    monkeypatch.undo()
    ingest.settings.load.cache_clear()
