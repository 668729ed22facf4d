"""Trains the weights and writes them. Needs ``DOCENT_EVAL_DIR``; takes half an hour the first time.

Prints first what weights chosen on all other collections reach on each: those are the figures to state. The
weights that are written were chosen on all of them.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from ingest.search import ranking
from ingest.search.regression import read_regression
from tests.training import collections, left_out, parts
from tests.training.collections import HANDBOOKS
from tests.training.parts import Example
from tools.extractive import grounds, relevance

ROOT = Path(__file__).parents[2]
VERSION = 1  # of what the features mean: goes up when one of them changes
PASSAGES = ROOT / "ingest" / "search" / "weights.json"
STATEMENTS = ROOT / "tools" / "extractive" / "weights.json"
FOLDER = Path(os.environ.get("DOCENT_TRAINING_FOLDER", ROOT / ".docent" / "training"))

Numbers = NDArray[np.float64]


def main() -> None:
    """Trains on all but one collection, measures on that one, for each; then on all."""
    if "DOCENT_EVAL_DIR" not in os.environ:
        sys.exit("Set DOCENT_EVAL_DIR to the folder of the collections.")
    opened = collections.open_all(FOLDER)
    examples = [example for collection in opened for example in parts.make_examples(collection)]
    report = left_out.Report()
    for name in HANDBOOKS:
        with _trained([example for example in examples if example.collection.name != name]):
            for collection in opened:
                if collection.name == name:
                    report.add(collection)
    report.show()
    with _trained(examples) as trained:
        written = dict(trained)
    for path, content in written.items():
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        print(f"Written: {path.relative_to(ROOT)}")


@contextmanager
def _trained(examples: Sequence[Example]) -> Iterator[Mapping[Path, object]]:
    """Trains one part after the other, each on what the one before finds; the product uses them meanwhile."""
    of_handbooks = [one for one in examples if one.collection.name in HANDBOOKS]
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(ranking, "WEIGHTS_FILE", Path(folder) / "passages.json"),
        patch.object(relevance, "WEIGHTS_FILE", Path(folder) / "statements.json"),
    ):
        passage = _describe(ranking.FEATURES, *parts.train_passages(examples))
        _use(ranking.WEIGHTS_FILE, passage)
        found = [one for one in map(parts.find, of_handbooks) if one]
        statement = _describe(relevance.FEATURES, *parts.train_statements(found))
        _use(relevance.WEIGHTS_FILE, {"statement": statement})
        ground = _describe(grounds.FEATURES, *parts.train_grounds(found))
        _use(relevance.WEIGHTS_FILE, {"statement": statement, "grounds": ground})
        yield {
            PASSAGES: {"version": VERSION, **passage},
            STATEMENTS: {"version": VERSION, **_both(statement, ground)},
        }
    _forget()


def _both(statement: Mapping[str, object], ground: Mapping[str, object]) -> dict[str, object]:
    return {"statement": statement, "grounds": ground}


def _use(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
    _forget()


def _forget() -> None:
    for cached in (read_regression, relevance.score):
        cached.cache_clear()


def _describe(names: Sequence[str], weights: Numbers, constant: float) -> dict[str, object]:
    rounded = {name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True)}
    return {"weights": rounded, "constant": round(constant, 4)}


if __name__ == "__main__":
    main()
