"""Embeds texts through :class:`Embedder`, with a model inside a wheel or one that LiteLLM names.

The static model is WordLlama (MIT): token vectors averaged, 256 dimensions, 16 MB, no network, ~0.1 ms a
question; loaded when first needed, its vectors once for all processes of the machine.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agent.llm.tokens import CHARS_PER_PROSE_TOKEN, estimate_prose_tokens
from ingest.embedding import sentence_model
from ingest.embedding.neutral_texts import NEUTRAL_TEXTS
from ingest.settings import LOCAL_EMBEDDING_MODELS, SENTENCE_EMBEDDING_MODEL, STATIC_EMBEDDING_MODEL

if TYPE_CHECKING:
    from wordllama.inference import WordLlamaInference

MODEL, DIMENSION = "l2_supercat", 256  # WordLlama's, in the wheel

Matrix = NDArray[np.float32]

MAX_RECURRING = 6_000  # texts: 7 MB; a question and what is found for it are about 200

_loading = threading.Lock()


@dataclass(frozen=True)
class EmbeddedTexts:
    """Vectors, float32 ``(n_texts, dim)`` of unit length, and what they cost."""

    vectors: Matrix
    n_tokens: int = 0
    cost_usd: Decimal = Decimal(0)


class Embedder:
    """An embedding model; may be shared by threads.

    ``price_usd`` is per token, None if unknown; ``tokens_per_minute`` slows documents down, never questions.

    >>> embedded = Embedder().embed_question("Where do I park?")  # the static model
    >>> embedded.vectors.shape
    (1, 256)
    """

    def __init__(
        self,
        model: str = STATIC_EMBEDDING_MODEL,
        *,
        price_usd: Decimal | None = None,
        tokens_per_minute: int | None = None,
    ) -> None:
        self.model = model
        self.price_usd = Decimal(0) if self.is_local else price_usd
        self._pacer = TokenPacer(tokens_per_minute)

    def embed_neutral(self) -> Matrix:
        """Returns vectors of texts about nothing in particular; none where they would cost something."""
        return embed_neutral(self.model) if self.is_local else np.zeros((0, 0), np.float32)

    @property
    def is_local(self) -> bool:
        """Returns whether the model runs in this process, without a price."""
        return self.model in LOCAL_EMBEDDING_MODELS

    def embed_question(self, *texts: str) -> EmbeddedTexts:
        """Returns one vector, or that of each part; raises :class:`agent.errors.ModelError` after seconds."""
        return self._embed(texts, is_question=True)

    def embed_documents(self, texts: Sequence[str]) -> EmbeddedTexts:
        """Returns one vector per text; raises :class:`agent.errors.ModelError` when many tries have failed."""
        return self._embed(texts, is_question=False)

    def estimate(self, n_chars: int) -> tuple[int, Decimal | None]:
        """Estimates the tokens of so many characters, and what they cost in dollars, None if unknown."""
        n_tokens = estimate_prose_tokens(n_chars)
        return n_tokens, None if self.price_usd is None else n_tokens * self.price_usd

    def _embed(self, texts: Sequence[str], *, is_question: bool) -> EmbeddedTexts:
        if self.model == STATIC_EMBEDDING_MODEL:
            return EmbeddedTexts(embed_recurring(texts) if is_question else embed(texts))
        if self.model == SENTENCE_EMBEDDING_MODEL:
            return EmbeddedTexts(sentence_model.load().embed(texts))
        from agent.llm import embeddings

        response = embeddings.embed(
            self.model,
            texts,
            price_usd=self.price_usd,
            policy=embeddings.FOR_A_QUESTION if is_question else embeddings.FOR_DOCUMENTS,
            pace=(lambda n_chars: None) if is_question else self._pacer.wait,
        )
        vectors = _unit(np.asarray(response.vectors, dtype=np.float32).reshape(len(texts), -1))
        return EmbeddedTexts(vectors, response.n_tokens, response.cost_usd or Decimal(0))


def embed(texts: Sequence[str]) -> Matrix:
    """Returns the static model's vectors, float32 ``(n_texts, dim)`` of unit length (zero for a text without
    words)."""
    return _unit(_embed_static(list(texts)))


class VectorCache:
    """The static model's vectors of texts that recur; may be shared by threads."""

    def __init__(self, max_texts: int) -> None:
        self._max_texts = max_texts
        self._by_text: dict[str, Matrix] = {}

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Returns what :func:`embed` returns, and embeds only what is new, at once."""
        known = {text: row for text in texts if (row := self._by_text.get(text)) is not None}  # others clear it
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known |= dict(zip(new, embed(new), strict=True))
            if len(self._by_text) > self._max_texts:
                self._by_text.clear()
            self._by_text.update((text, known[text]) for text in new)
        return np.stack([known[text] for text in texts])


_recurring = VectorCache(MAX_RECURRING)


def embed_recurring(texts: Sequence[str]) -> Matrix:
    """Returns what :func:`embed` returns, from a cache: for a question, which is embedded to search, to judge what
    was found and to answer, and for the sentences of what is found."""
    return _recurring.embed(texts)


@cache
def embed_neutral(model: str) -> Matrix:
    """Returns a local model's vectors of texts about nothing in particular: computed once, half a second for the
    sentence model."""
    return Embedder(model).embed_documents(NEUTRAL_TEXTS).vectors


def warm_up(model: str) -> None:
    """Loads now what processes forked later share: the static model, which also compares words, and the model of
    the index if it runs here."""
    _static_model()
    if model == SENTENCE_EMBEDDING_MODEL:
        sentence_model.load()


class TokenPacer:
    """A limit on tokens per minute: each request waits for the share of those before it."""

    def __init__(
        self,
        tokens_per_minute: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_second = tokens_per_minute / 60 if tokens_per_minute else None
        self._clock = clock
        self._sleep = sleep
        self._free_at = 0.0
        self._reserving = threading.Lock()

    def wait(self, n_chars: int) -> None:
        """Waits for the turn of a request of about so many characters."""
        if self._per_second is None:
            return
        with self._reserving:
            at = max(self._free_at, self._clock())
            self._free_at = at + n_chars / CHARS_PER_PROSE_TOKEN / self._per_second
        self._sleep(max(0.0, at - self._clock()))


def _embed_static(texts: list[str]) -> Matrix:
    """Embeds by length, since a batch is padded to its longest text: a third of the time for mixed texts."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    by_length = _static_model().embed([texts[i] for i in order])
    vectors: Matrix = np.empty_like(by_length)
    vectors[order] = by_length
    return vectors


def _unit(vectors: Matrix) -> Matrix:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)


def _static_model() -> "WordLlamaInference":
    with _loading:  # functools.cache alone would load twice when two threads come first
        return _load_static_model()


@cache
def _load_static_model() -> "WordLlamaInference":
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    from wordllama import WordLlama
    from wordllama.inference import WordLlamaInference

    root.handlers[:], root.level = handlers, level  # importing it calls logging.basicConfig
    spec = find_spec("wordllama")
    folder = Path(str(spec.origin)).parent if spec else Path()
    vectors = _map_vectors(folder / "weights" / f"{MODEL}_{DIMENSION}.safetensors")
    tokenizer = WordLlama.load_tokenizer(folder / "tokenizers" / f"{MODEL}_tokenizer_config.json")
    model = WordLlamaInference(vectors[:0], tokenizer)
    model.embedding = vectors  # its constructor would make a copy with 32 bits a number
    return model


def _map_vectors(path: Path) -> NDArray[np.float16]:
    """Maps the only tensor of a file in the format of safetensors: what is used of it is read, once for all
    processes.

    The format: eight bytes with the length of the header, the header as JSON, the numbers.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    (tensor,) = (tensor for name, tensor in header.items() if name != "__metadata__")
    start = 8 + length + tensor["data_offsets"][0]
    return np.asarray(np.memmap(path, np.float16, "r", offset=start, shape=tuple(tensor["shape"])))
