"""How fast documents are read in, what that takes, and how fast they are found: the library alone, without Slack.

Texts are made of the sentences of SciFact's abstracts, or of the sample handbook where there are none.
"""

import json
import os
import random
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from agent.types import EVERYONE, Audience
from ingest.access import reader_sets
from ingest.documents.chunking import split_sentences
from ingest.embedding.embedder import Embedder
from ingest.index import lancedb_runtime
from ingest.index.candidates import RowCache, query_nearest
from ingest.index.filters import ChunkFilter
from ingest.index.table import Index
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.bench.figures import Row
from tests.bench.office import DOCENT, Office
from tests.system import ROOT

N_UNCHANGED = 10_000
N_FEW, N_MANY = 1_000, 100_000
N_QUERIES = 200
LOOK_SECONDS = 0.05
LEGAL = "team:legal"


def reading(office: Office) -> Iterator[Row]:
    """A handbook, cold, in a process of its own; and a folder in which nothing has changed."""
    given = os.environ.get("DOCENT_EVAL_DIR")
    pages = Path(given) / "handbook_18f" / "pages" if given else ROOT / "bot" / "sample" / "handbook"
    runs = []
    for n in range(5):
        env = office.env | {"DOCENT_INDEX_URI": str(office.folder / f"index-{n}")}
        runs.append(_ingest(env, pages, f"cold {n}"))
    rate = statistics.median(run["n_chunks"] / run["seconds"] for run in runs)
    seconds = statistics.median(run["seconds"] for run in runs)
    chunks = runs[0]["n_chunks"]
    name = f"read in: {runs[0]['n_added']} pages, {chunks} chunks, median of 5"
    yield Row(name, f"{seconds:.1f} s", "", seconds)
    yield Row("chunks read in per second, cold, end to end", f"{rate:.0f}", "≥ 300")
    folder = office.folder / "unchanged"
    write_documents(folder, N_UNCHANGED, Texts(1))
    _ingest(office.env, folder)
    again = statistics.median(_ingest(office.env, folder)["seconds"] for _ in range(3))
    yield Row(f"a sync of {N_UNCHANGED:,} files of which none changed", f"{again:.1f} s", "≤ 5 s", again)


def searching(office: Office) -> Iterator[Row]:
    """Searches among few chunks."""
    library = Library(office.database, IngestSettings(home=office.folder / "home"))
    p50, p95 = _searched(library, Audience(), "handbook_18f")
    n_chunks = library.status().n_chunks
    name = f"search among {n_chunks:,} chunks with an access filter"
    yield Row(f"{name}, p50", f"{p50 * 1000:.0f} ms", "≤ 0.024 u", p50)
    yield Row(f"{name}, p95", f"{p95 * 1000:.0f} ms", "≤ 0.035 u", p95)


def scale(office: Office) -> Iterator[Row]:
    """A hundred times as many documents, of which a tenth is for some only: memory, searches, and what an
    approximate index misses."""
    texts = Texts(2)
    few, many, legal = (office.folder / name for name in ("few", "many", "legal"))
    write_documents(few, N_FEW, texts)
    write_documents(many, N_MANY - N_MANY // 10, texts)
    write_documents(legal, N_MANY // 10, texts)
    peak_few = _ingest(office.env, few)["peak_mb"]
    run = _ingest(office.env, many)
    _ingest(office.env, legal, "legal", "--reader", LEGAL)
    name = f"memory of a sync of {N_FEW:,} / {N_MANY - N_MANY // 10:,} documents, at most"
    yield Row(name, f"{peak_few:.0f} / {run['peak_mb']:.0f} MB", "flat")
    yield Row("chunks read in per second, of many small documents", f"{run['n_chunks'] / run['seconds']:.0f}")
    library = Library(office.database, IngestSettings(home=office.folder / "home"))
    n_chunks = library.status().n_chunks
    audiences = (
        ("9 of 10", Audience((frozenset({EVERYONE}),))),
        ("1 of 10", Audience((frozenset({LEGAL}),))),
    )
    for share, audience in audiences:
        p50, p95 = _searched(library, audience, "scifact")
        name = f"search among {n_chunks:,} chunks, {share} to be read"
        yield Row(f"{name}, p50", f"{p50 * 1000:.0f} ms", "", p50)
        yield Row(f"{name}, p95", f"{p95 * 1000:.0f} ms", "≤ 0.07 u", p95)
        with office.database.transaction() as transaction:
            scope = ChunkFilter(tuple(reader_sets.readable_access_ids(transaction, audience)))
        recall = _recall(library.active_index.current().index, scope)
        yield Row(f"recall@10 of the approximate index, {share} to be read", f"{recall:.3f}", "≥ 0.95")


class Texts:
    """Documents of random sentences, the same with every run."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        given = os.environ.get("DOCENT_EVAL_DIR")
        if given:
            lines = (Path(given) / "scifact" / "docs.jsonl").read_text().splitlines()
            texts = [json.loads(line)["text"] for line in lines]
        else:
            texts = [page.read_text() for page in (ROOT / "bot" / "sample" / "handbook").rglob("*.md")]
        self.sentences = [sentence for text in texts for sentence in split_sentences(text) if len(sentence) > 40]

    def document(self, n: int) -> str:
        chosen = self._random.choices(self.sentences, k=4)
        return f"# Report {n}: {chosen[0][:60]}\n\n{' '.join(chosen[1:])}\n"


def write_documents(folder: Path, n: int, texts: Texts) -> None:
    for i in range(n):
        path = folder / f"{i // 1000:03d}" / f"{i:06d}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts.document(i))


def _ingest(env: dict[str, str], folder: Path, name: str = "", *more: str) -> dict[str, Any]:
    """The command's report, and the most memory it had in use with its children, in MB."""
    command: list[str | Path] = [DOCENT, "ingest", folder, "--json", *(["--name", name] if name else []), *more]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _used_mb(process.pid))
            time.sleep(LOOK_SECONDS)
        assert process.stdout
        report: dict[str, Any] = json.loads(process.stdout.read())
    return report | {"peak_mb": peak}


def _used_mb(pid: int) -> float:
    """Of a process and its children; servers it has started are none of them."""
    total = 0.0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.Error:
        pass
    return total / 1e6


def _searched(library: Library, audience: Audience, of: str) -> tuple[float, float]:
    """Median and 95th percentile in seconds; the first of them are not counted."""
    queries = list_queries(of)
    took = []
    for n, query in enumerate((*queries[:20], *queries)):
        started = time.perf_counter()
        library.search(query, audience=audience)
        if n >= 20:
            took.append(time.perf_counter() - started)
    took.sort()
    return statistics.median(took), took[int(len(took) * 0.95)]


def list_queries(of: str) -> Sequence[str]:
    """Questions to what is searched: ``handbook_18f`` has questions, ``scifact`` claims."""
    given = os.environ.get("DOCENT_EVAL_DIR")
    files = {"handbook_18f": "questions.jsonl", "scifact": "queries.jsonl"}
    path = Path(given) / of / files[of] if given else ROOT / "tests" / "sample_questions.jsonl"
    asked = [json.loads(line)["question"] for line in path.read_text().splitlines()]
    return [asked[i % len(asked)] for i in range(N_QUERIES)]


def _recall(index: Index, scope: ChunkFilter) -> float:
    """Share of the ten nearest chunks of an exact scan that the approximate index finds too."""
    embedder = Embedder()
    found = []
    for query in list_queries("scifact")[:100]:
        (vector,) = embedder.embed_question(query).vectors
        exact = lancedb_runtime.run(_nearest(index, scope, vector, is_exact=True))
        quick = lancedb_runtime.run(_nearest(index, scope, vector, is_exact=False))
        found.append(len(exact & quick) / max(len(exact), 1))
    return float(np.mean(found))


async def _nearest(index: Index, scope: ChunkFilter, vector: Any, *, is_exact: bool) -> set[str]:
    table = await lancedb_runtime.open_table(index.address, index.table)
    query = await query_nearest(table, vector, scope, 10, RowCache())
    if is_exact:
        query = query.bypass_vector_index()
    return {row["chunk_id"] for row in (await query.select(["chunk_id"]).to_arrow()).to_pylist()}
