"""Finds documents that say nearly the same, by what the index holds of them.

Each document is reduced to a MinHash of its runs of five words (Broder 1997): the share of equal numbers in two of
them estimates the share of runs that both documents have, within 0.1 either way. Memory does not grow with the
length of documents: 0.5 kB for each. Documents that are nothing but a few words are not compared.
"""

import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.index.table import Index, NoIndex

SIMILARITY = 0.8  # from which on two documents are reported
N_RUN = 5  # words; shorter runs are alike in any two documents about one matter
MIN_RUNS = 15
_N_HASHES = 128
_N_BANDS = 32  # of four numbers: two documents that are alike to 0.8 share one with a probability of 0.99999
_MAX_COMPARED = 30  # documents of one band that are all compared with each other; of more, each with the first
_PRIME = np.uint64((1 << 31) - 1)
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")  # a letter where no space is

Hashes = npt.NDArray[np.uint64]
Sketches = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class DuplicateGroup:
    """Documents, by id, each alike to another of them; ``similarity`` is the least of those that were compared."""

    document_ids: tuple[str, ...]
    similarity: float


def find_duplicates(index: Index, *, without: str = "", similarity: float = SIMILARITY) -> list[DuplicateGroup]:
    """Finds the groups of near duplicates among the documents of all sources, except the one named ``without``."""
    ids, sketches = _sketch_all(index, without)
    if len(ids) < 2:
        return []
    firsts = [*range(len(ids))]  # of each document, an earlier one of its group, or itself
    shares: dict[tuple[int, int], float] = {}
    for pair in _candidates(sketches):
        share = float((sketches[pair[0]] == sketches[pair[1]]).mean())
        if share >= similarity:
            shares[pair] = share
            low, high = sorted(_find_first(firsts, at) for at in pair)
            firsts[high] = low
    members: defaultdict[int, set[int]] = defaultdict(set)
    least: dict[int, float] = {}
    for pair, share in shares.items():
        first = _find_first(firsts, pair[0])
        members[first].update(pair)
        least[first] = min(share, least.get(first, 1.0))
    return [DuplicateGroup(tuple(ids[at] for at in sorted(of)), least[first]) for first, of in members.items()]


def _find_first(firsts: Sequence[int], at: int) -> int:
    while firsts[at] != at:
        at = firsts[at]
    return at


def _sketch_all(index: Index, without: str) -> tuple[list[str], Sketches]:
    """Returns the documents that have enough text, and the MinHash of each: uint32 ``(n_documents, 128)``."""
    sketches: dict[str, Sketches] = {}
    n_runs: dict[str, int] = {}

    async def read(table: Any) -> None:
        query = table.query().select(["document_id", "source", "text"])
        async for batch in await query.to_batches():
            columns = (batch[name].to_pylist() for name in ("document_id", "source", "text"))
            for document_id, source, text in zip(*columns, strict=True):
                if source == without:
                    continue
                runs = _hash_runs(text)
                n_runs[document_id] = n_runs.get(document_id, 0) + len(runs)
                sketch = _sketch(runs)
                known = sketches.get(document_id)
                sketches[document_id] = sketch if known is None else np.minimum(known, sketch)

    try:
        index.read(read)
    except NoIndex:
        return [], np.zeros((0, _N_HASHES), np.uint32)
    ids = sorted(id_ for id_, n in n_runs.items() if n >= MIN_RUNS)
    return ids, np.stack([sketches[id_] for id_ in ids]) if ids else np.zeros((0, _N_HASHES), np.uint32)


def _hash_runs(text: str) -> Hashes:
    """Returns a number of 31 bits for each run of words in a text, whatever their case."""
    words = np.fromiter((zlib.crc32(word.encode()) for word in _WORD.findall(text.lower())), np.uint64)
    n_runs = len(words) - N_RUN + 1
    if n_runs < 1:
        return np.zeros(0, np.uint64)
    runs = np.zeros(n_runs, np.uint64)
    for at in range(N_RUN):
        runs = (runs * np.uint64(1_000_003) + words[at : at + n_runs]) % _PRIME
    return np.unique(runs)


@cache
def _functions() -> Hashes:
    """Returns the factors and the summands of the hash functions, which are the same in each run."""
    return np.random.default_rng(1).integers(1, int(_PRIME), (2, _N_HASHES), dtype=np.uint64)


def _sketch(runs: Hashes) -> Sketches:
    if not len(runs):
        return np.full(_N_HASHES, np.iinfo(np.uint32).max, np.uint32)
    factors, summands = _functions()
    numbers: Hashes = (runs[:, None] * factors + summands) % _PRIME
    return np.asarray(numbers.min(axis=0), np.uint32)


def _candidates(sketches: Sketches) -> Iterator[tuple[int, int]]:
    """Yields pairs of documents that share a band of their numbers, each pair once."""
    seen: set[tuple[int, int]] = set()
    width = _N_HASHES // _N_BANDS
    for band in range(0, _N_HASHES, width):
        buckets: defaultdict[bytes, list[int]] = defaultdict(list)
        for at, numbers in enumerate(sketches[:, band : band + width]):
            buckets[numbers.tobytes()].append(at)
        for bucket in buckets.values():
            for pair in _pairs(bucket):
                if pair not in seen:
                    seen.add(pair)
                    yield pair


def _pairs(bucket: Sequence[int]) -> Iterator[tuple[int, int]]:
    if len(bucket) <= _MAX_COMPARED:
        yield from combinations(bucket, 2)
    else:
        yield from ((bucket[0], other) for other in bucket[1:])
