"""``docent ingest`` killed at any moment: what is found meanwhile is whole, and the next run goes on."""

import random
import re
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

import ingest.settings
from agent.store.database import Database
from agent.types import Audience
from ingest.index import scan
from ingest.library import Library
from tests.scripted_embeddings import ScriptedEmbeddings
from tests.system import ForkServer

N_DOCUMENTS = 300
N_MANY = 200  # more than are read ahead of the first batch
N_SECTIONS = 3
_VERSION = re.compile(r"version (\d+) of document (\d+) ")


@pytest.mark.parametrize(
    "n_kills", [pytest.param(5, id="a few"), pytest.param(60, id="many", marks=pytest.mark.soak)]
)
def test_whenever_it_is_killed_documents_are_whole_and_in_the_end_all_are_there_once(
    n_kills: int, zygote: ForkServer, database: Database, database_url: str, tmp_path: Path
) -> None:
    chance = random.Random(n_kills)
    documents = tmp_path / "handbook"
    documents.mkdir()
    index = tmp_path / "index"
    library = Library(database, ingest.settings.IngestSettings(index_uri=str(index)))
    env = {"DATABASE_URL": database_url, "DOCENT_HOME": str(tmp_path / "home"), "DOCENT_INDEX_URI": str(index)}

    def run() -> psutil.Process:
        log = str(tmp_path / "ingest.log")
        return zygote.fork(env=env, log=log, arguments=["ingest", str(documents), "--json"])

    versions = dict.fromkeys(range(N_DOCUMENTS), 0)
    for n in versions:
        write(documents, n, 0)
    moments: Counter[str] = Counter()
    for version in range(1, n_kills + 1):
        process = run()
        time.sleep(chance.uniform(0.0, 1.5))
        with suppress(psutil.NoSuchProcess):  # it was quicker
            process.kill()
        process.wait(120)
        moments[status(database)] += 1
        for n, found in held(library).items():
            assert len(found) == N_SECTIONS, f"document {n} is there by half"
            assert len(set(found)) == 1, f"document {n} is there in two versions"
        if library.status().n_chunks:
            assert library.search("which version of the document", audience=Audience()).passages
        for n in chance.sample(range(N_DOCUMENTS), 200):
            versions[n] = version
            write(documents, n, version)
    print(f"killed while: {dict(moments)}")

    process = run()
    process.wait(120)
    assert status(database) == "completed", (tmp_path / "ingest.log").read_text()
    assert held(library) == {n: [version] * N_SECTIONS for n, version in versions.items()}
    with database.transaction() as transaction:
        rows = transaction.connection().exec_driver_sql(
            "SELECT count(*), sum(n_chunks), count(problem) FROM documents"
        )
        assert tuple(rows.one()) == (N_DOCUMENTS, N_DOCUMENTS * N_SECTIONS, 0)


def write(folder: Path, n: int, version: int) -> None:
    body = "\n\n".join(f"## Part {i}\n\nThis is version {version} of document {n} in part {i}." for i in range(3))
    (folder / f"{n}.md").write_text(f"# Document {n}\n\n{body}\n")


def held(library: Library) -> dict[int, list[int]]:
    """The versions of each document's chunks, as the index holds them."""
    index = library.active_index.current().index
    found: dict[int, list[int]] = {}
    editions = scan.document_versions(index)
    for chunk in scan.read_chunks(index, [*editions]) if editions else ():
        version, n = map(int, _VERSION.findall(chunk.text)[0])
        found.setdefault(n, []).append(version)
    return found


def status(database: Database) -> str:
    with database.transaction() as transaction:
        found = transaction.connection().exec_driver_sql(
            "SELECT status FROM syncs ORDER BY started_at DESC LIMIT 1"
        )
        return str(found.scalar() or "not begun")


def test_ctrl_c_ends_it_and_the_next_run_goes_on(
    zygote: ForkServer, database: Database, database_url: str, tmp_path: Path
) -> None:
    documents = tmp_path / "handbook"
    documents.mkdir()
    for n in range(N_MANY):
        write(documents, n, 0)
    index, code, log = tmp_path / "index", tmp_path / "code", tmp_path / "ingest.log"
    is_asked, may_answer = threading.Event(), threading.Event()

    def hold_back(answer: dict[str, Any]) -> dict[str, Any]:
        is_asked.set()
        assert may_answer.wait(120)
        return answer

    with ScriptedEmbeddings() as model:
        model.change = hold_back
        env = {
            "DATABASE_URL": database_url,
            "DOCENT_HOME": str(tmp_path / "home"),
            "DOCENT_INDEX_URI": str(index),
            "DOCENT_EMBEDDING_MODEL": model.named("words"),
            "OPENAI_API_KEY": "sk-test",
        }
        order = {"env": env, "log": str(log), "arguments": ["ingest", str(documents)], "code": str(code)}
        process = zygote.fork(**order)
        assert is_asked.wait(120), log.read_text()
        process.send_signal(signal.SIGINT)  # while the first batch cannot be written, so that there is a middle
        process.wait(120)
        may_answer.set()
        assert (status(database), code.read_text()) == ("interrupted", "130")
        assert "Traceback" not in log.read_text()

        zygote.fork(**order).wait(120)
        settings = ingest.settings.IngestSettings(index_uri=str(index), embedding_model=model.named("words"))
        assert held(Library(database, settings)) == {n: [0] * N_SECTIONS for n in range(N_MANY)}
