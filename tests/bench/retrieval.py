"""What is found, and what is answered without a language model, on other people's questions: ``docent eval``."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.figures import Row
from tests.bench.office import DOCENT, Office


def retrieval(office: Office) -> Iterator[Row]:
    """Needs ``DOCENT_EVAL_DIR``: a handbook's pages and questions, and SciFact's claims and abstracts."""
    if not (given := os.environ.get("DOCENT_EVAL_DIR")):
        yield Row("what is found", "not measured: DOCENT_EVAL_DIR is not set", "")
        return
    env = office.env | {"DOCENT_MODEL": "local/extractive"}
    told = _evaluated(env, Path(given) / "handbook_18f", "--answers")  # whose pages the office has read
    yield Row("18F: all files in the first five", f"{told['hits_at_5']} of {told['n_answerable']}", "≥ 46")
    yield Row("18F: answers with all facts", f"{told['n_facts_complete']} of {told['n_answerable']}", "≥ 26")
    refused = f"{told['n_right_refusals']} of {told['n_unanswerable']}, {told['n_wrong_refusals']} wrongly"
    yield Row("18F: refused", refused, "≥ 7, ≤ 3")
    yield Row("18F: search, p50 / p95", f"{told['search_p50_ms']:.0f} / {told['search_p95_ms']:.0f} ms", "")
    for name, aim in (("queries", "≥ 0.70"), ("queries_train", "")):
        told = _evaluated(env, Path(given) / "scifact" / f"{name}.jsonl")
        found = f"{told['ndcg_at_10']:.4f} / {told['recall_at_10']:.4f}"
        yield Row(f"SciFact, {told['n_questions']} claims: nDCG@10 / recall@10", found, aim)
    yield Row("documents of SciFact read in per second", f"{told['documents']['per_second']:.0f}", "")


def _evaluated(env: dict[str, str], path: Path, *more: str) -> dict[str, Any]:
    done = subprocess.run([DOCENT, "eval", path, "--json", *more], env=env, check=True, capture_output=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told
