"""Every embedding goes through :func:`embed`: the static model inside the wheel, or one LiteLLM names.

The static model is WordLlama (MIT): token vectors averaged, 256 dimensions, 16 MB, no network, ~0.05 ms a
question; loaded once per process, when first asked.
"""

import logging
import threading
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ingest.settings import STATIC_EMBEDDING_MODEL

if TYPE_CHECKING:
    from wordllama.inference import WordLlamaInference

Matrix = NDArray[np.float32]

_loading = threading.Lock()


def embed(texts: Sequence[str], *, model: str = STATIC_EMBEDDING_MODEL) -> Matrix:
    """Vectors as float32 ``(n_texts, dim)``, of unit length (a text without words: all zero).

    Raises :class:`agent.errors.ModelError` when a foreign model cannot be reached.
    """
    if model == STATIC_EMBEDDING_MODEL:
        return _unit(_embed_static(list(texts)))
    from agent import llm

    return _unit(np.asarray(llm.embed(model, texts), dtype=np.float32))


def warm_up() -> None:
    """Loads the static model (~60 MB) now, so that processes forked later share it."""
    _static()


def _embed_static(texts: list[str]) -> Matrix:
    """By length, because a batch is padded to its longest text: a third of the time for mixed texts."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    by_length = _static().embed([texts[i] for i in order])
    vectors: Matrix = np.empty_like(by_length)
    vectors[order] = by_length
    return vectors


def _unit(vectors: Any) -> Matrix:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)


def _static() -> "WordLlamaInference":
    with _loading:  # functools.cache alone would load twice when two threads ask first
        return _loaded()


@cache
def _loaded() -> "WordLlamaInference":
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    from wordllama import WordLlama

    root.handlers[:], root.level = handlers, level  # importing it calls logging.basicConfig
    spec = find_spec("wordllama")
    folder = Path(str(spec.origin)).parent if spec else Path()
    return WordLlama.load(cache_dir=folder, disable_download=True)
