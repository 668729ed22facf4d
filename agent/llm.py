"""The model: the only importer of litellm. Chat calls stream; embeddings come in batches.

Promises: the price list is the local one and nothing is sent anywhere but to the configured provider; foreign
errors leave as :class:`ModelError`; transient ones are retried here and nowhere else; what was really sent is
reported. Text of prompts and answers is not logged.
"""

import os
import random
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any

from agent import local, observe
from agent.errors import DeadlineExceeded, DocentError, ModelError
from agent.feed import Feed
from agent.prompt import Message
from agent.record import Usage
from agent.settings import EXTRACTIVE_MODEL

STALL_TIMEOUT_SECONDS = 30  # no byte from a stream for this long
WAIT_SECONDS = 0.25  # how late a cancellation or a deadline is noticed while the model is silent
BACKOFF_SECONDS = 0.5  # doubled with every try, with jitter
SEED = 20251

LAZY_IMPORTS = (  # together 60 MB: a tokenizer's table, the OpenAI client's resources
    "litellm.litellm_core_utils.default_encoding",
    "openai.lib.streaming.chat",
    "openai.resources",
)

Complete = Callable[[Sequence[Message], Sequence[Mapping[str, Any]], str | None], Message]


class Restart:
    """Stands in the stream of text where a broken one starts over: forget what came before."""


class Waiting:
    """Stands in the stream of text a few times a second while the model is silent."""


RESTART = Restart()
WAITING = Waiting()


@dataclass(frozen=True)
class Request:
    """One chat call. ``tools`` are schemas; ``tool_choice`` is None for the provider's default."""

    model: str
    messages: Sequence[Message]
    tools: Sequence[Mapping[str, Any]]
    tool_choice: str | None
    max_completion_tokens: int
    api_base: str | None = None

    def params(self) -> dict[str, Any]:
        """What is sent beside messages and tools: only what the model takes."""
        supported = _supported(self.model)
        wanted: dict[str, Any] = {"temperature": 0, "seed": SEED, "max_tokens": self.max_completion_tokens}
        params: dict[str, Any] = {name: value for name, value in wanted.items() if name in supported}
        if self.tools and self.tool_choice and "tool_choice" in supported:
            params["tool_choice"] = self.tool_choice
        return params

    def sent(self) -> dict[str, Any]:
        """The same as the provider gets it: named its way, without what this model refuses. For the record."""
        mapped = _mapped(self.model, self.max_completion_tokens) or self.params()
        return mapped | ({"tool_choice": self.tool_choice} if "tool_choice" in self.params() else {})

    def estimated_tokens(self) -> int:
        """An upper guess of the prompt's tokens: three characters each, no tokenizer needed."""
        return (sum(len(str(m)) for m in self.messages) + len(str(self.tools))) // 3

    def estimated_usd(self) -> Decimal:
        """The price of the estimated prompt and a full completion; 0 where the price is unknown."""
        price = _price(self.model)
        prompt, completion = self.estimated_tokens(), self.max_completion_tokens
        usd = prompt * price.get("input_cost_per_token", 0) + completion * price.get("output_cost_per_token", 0)
        return Decimal(str(usd)).quantize(Decimal("1e-8"))


@dataclass
class Completion:
    """What came of a call; filled while :func:`stream` runs."""

    message: Message = field(default_factory=dict)
    response: Mapping[str, Any] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    finish_reason: str | None = None
    latency_ms: int = 0
    first_token_ms: int | None = None
    n_tries: int = 0


def stream(
    request: Request,
    completion: Completion,
    *,
    deadline: float,
    n_retries: int,
    timeout_seconds: float,
    check: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str | Restart | Waiting]:
    """Yields the text as it arrives and fills ``completion``; ``check`` runs with every piece, and while none
    comes, and may raise.

    ``deadline`` is in ``time.monotonic()`` seconds. Raises :class:`ModelError` when tries are used up, and
    :class:`DeadlineExceeded`.
    """
    started = time.monotonic()
    for number in range(1, n_retries + 2):
        completion.n_tries = number
        has_text = False
        until = min(deadline, time.monotonic() + timeout_seconds)
        try:
            with observe.span("gen_ai.chat", f"chat {request.model}"):
                for piece in _once(request, completion, started, until, check):
                    has_text = has_text or isinstance(piece, str)
                    yield piece
            completion.latency_ms = _ms_since(started)
            return
        except ModelError as error:
            completion.latency_ms = _ms_since(started)
            if time.monotonic() >= deadline:
                raise DeadlineExceeded("the turn's time ended in a model call") from error
            pause = BACKOFF_SECONDS * 2 ** (number - 1) * (1 + random.random())
            if not error.is_transient or number > n_retries or time.monotonic() + pause > deadline:
                raise
            if has_text:
                yield RESTART
            sleep(pause)
            check()


def embed(model: str, texts: Sequence[str], *, n_retries: int = 3) -> list[list[float]]:
    """One vector per text, in order; raises :class:`ModelError`."""
    litellm = _litellm()
    for number in range(1, n_retries + 2):
        try:
            response = litellm.embedding(
                model=model, input=list(texts), num_retries=0, timeout=STALL_TIMEOUT_SECONDS
            )
            rows = sorted(response.data, key=lambda row: row["index"])
            return [row["embedding"] for row in rows]
        except Exception as error:  # litellm raises its own tree and its providers' errors
            failure = _translate(error)
            if not getattr(failure, "is_transient", False) or number > n_retries:
                raise failure from error
            time.sleep(BACKOFF_SECONDS * 2 ** (number - 1))
    raise AssertionError("unreachable")


def register_local(complete: Complete, *, words_per_second: float = 0) -> None:
    """Makes ``complete`` the model ``local/…``: a function from a chat request to an assistant message.

    ``words_per_second`` slows its text down to the pace of a language model; 0 gives it at once.
    """
    litellm = _litellm()

    class Local(litellm.CustomLLM):  # type: ignore[misc, name-defined]
        """LiteLLM's door for models that are Python functions."""

        def streaming(self, *_: Any, **call: Any) -> Iterator[Any]:
            given = call["optional_params"]
            message = complete(call["messages"], given.get("tools") or (), given.get("tool_choice"))
            yield from local.chunks(message, words_per_second)

    litellm.custom_provider_map = [{"provider": "local", "custom_handler": Local()}]
    litellm.utils.custom_llm_setup()


def is_local(model: str) -> bool:
    """Whether the model runs in this process: no network, no price."""
    return model.startswith(EXTRACTIVE_MODEL.split("/", maxsplit=1)[0] + "/")


@dataclass(frozen=True)
class Facts:
    """What litellm says of a model without a call. ``missing`` are environment variables its provider reads."""

    is_known: bool  # litellm knows its provider
    is_priced: bool
    missing: tuple[str, ...] = ()


def facts(model: str, *, api_base: str | None = None) -> Facts:
    """See :class:`Facts`; asks no server."""
    litellm = _litellm()
    try:
        litellm.get_llm_provider(model, api_base=api_base)
    except Exception:  # noqa: BLE001  litellm raises many kinds for a model it does not know
        return Facts(is_known=False, is_priced=False)
    missing = litellm.validate_environment(model, api_base=api_base)["missing_keys"]
    return Facts(is_known=True, is_priced=bool(_price(model)), missing=tuple(missing))


def warm_up() -> None:
    """Imports litellm now (seconds), with what it would import in its first call, so that no question waits
    for it and forked processes share it."""
    _litellm()
    for name in LAZY_IMPORTS:
        import_module(name)


@cache
def _litellm() -> Any:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import fetches a price list
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True  # else each chunk starts an event loop in a thread, for callbacks
    litellm.drop_params = True
    litellm.num_retries = 0
    return litellm


@cache
def _supported(model: str) -> frozenset[str]:
    if is_local(model):
        return frozenset({"tool_choice"})
    try:
        return frozenset(_litellm().get_supported_openai_params(model=model) or ())
    except Exception:  # noqa: BLE001  an unknown model: send what every API takes
        return frozenset({"max_tokens", "tool_choice"})


@cache
def _mapped(model: str, max_completion_tokens: int) -> dict[str, Any]:
    """Empty where litellm cannot tell, as for local models."""
    litellm = _litellm()
    try:
        name, provider, _, _ = litellm.get_llm_provider(model)
        mapped = litellm.utils.get_optional_params(
            model=name,
            custom_llm_provider=provider,
            temperature=0,
            seed=SEED,
            max_tokens=max_completion_tokens,
            drop_params=True,
        )
    except Exception:  # noqa: BLE001  litellm raises many kinds for a model it does not know
        return {}
    return {name: value for name, value in mapped.items() if name not in ("stream", "extra_body")}


@cache
def _price(model: str) -> Mapping[str, Any]:
    try:
        return dict(_litellm().get_model_info(model))
    except Exception:  # noqa: BLE001  litellm raises a bare Exception for a model it does not know
        return {}


def _once(
    request: Request, completion: Completion, started: float, deadline: float, check: Callable[[], None]
) -> Iterator[str | Waiting]:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise DeadlineExceeded("no time left for a model call")
    chunks: list[Any] = []
    pieces = _chunks(request, min(remaining, STALL_TIMEOUT_SECONDS))
    try:
        for chunk in pieces:
            check()
            if time.monotonic() > deadline:
                raise ModelError("the model did not finish in time", is_transient=True)
            if isinstance(chunk, Waiting):
                yield chunk
                continue
            chunks.append(chunk)
            text = chunk.choices[0].delta.content if chunk.choices else None
            if text:
                completion.first_token_ms = completion.first_token_ms or _ms_since(started)
                yield text
    except Exception as error:  # litellm raises its own tree and its providers' errors
        raise _translate(error) from error
    finally:
        pieces.close()
    _assemble(request, completion, chunks)


def _chunks(request: Request, timeout_seconds: float) -> Generator[Any, None, None]:
    """The provider's chunks, and WAITING while none comes. A model of this process needs no thread for it."""
    if is_local(request.model):
        yield from _opened(request, timeout_seconds)
        return
    feed = Feed(lambda: _opened(request, timeout_seconds), _close)
    is_over = False
    try:
        while True:
            try:
                chunk = feed.next(WAIT_SECONDS)
            except TimeoutError:
                chunk = WAITING
            except StopIteration:
                is_over = True
                return
            yield chunk
    finally:
        if not is_over:
            feed.leave()
            _hang_up(feed.opened)


def _opened(request: Request, timeout_seconds: float) -> Any:
    return _litellm().completion(
        model=request.model,
        messages=list(request.messages),
        **({"tools": list(request.tools)} if request.tools else {}),
        **request.params(),
        **({"api_base": request.api_base} if request.api_base else {}),
        stream=True,
        stream_options={"include_usage": True},
        num_retries=0,
        max_retries=0,
        _skip_mcp_handler=True,  # else tools make 1.106 import its proxy, and fail without the mcp package
        timeout=timeout_seconds,
    )


def _assemble(request: Request, completion: Completion, chunks: list[Any]) -> None:
    litellm = _litellm()
    whole = litellm.stream_chunk_builder(chunks, messages=list(request.messages)) if chunks else None
    if whole is None or not whole.choices:
        raise ModelError("the model's stream ended without an answer", is_transient=True)
    choice = whole.choices[0]
    message = choice.message.model_dump(exclude_none=True)
    completion.message = {key: value for key, value in message.items() if key != "function_call"}
    completion.message.setdefault("content", None)
    completion.finish_reason = choice.finish_reason
    completion.response = whole.model_dump(mode="json", exclude={"id", "created"}, exclude_none=True)
    completion.usage = _usage(request.model, whole)


def _usage(model: str, whole: Any) -> Usage:
    if is_local(model):
        return Usage()
    usage = whole.usage
    details = getattr(usage, "prompt_tokens_details", None)
    try:
        cost: Decimal | None = Decimal(str(_litellm().completion_cost(completion_response=whole, model=model)))
    except Exception:  # noqa: BLE001  the price list does not know the model: the cost is unknown, not zero
        cost = None
    return Usage(
        prompt_tokens=usage.prompt_tokens or 0,
        cached_tokens=getattr(details, "cached_tokens", None) or 0,
        completion_tokens=usage.completion_tokens or 0,
        cost_usd=cost,
    )


def _translate(error: Exception) -> Exception:
    """Our own errors pass; a provider's error becomes a ModelError that quotes none of its text."""
    if isinstance(error, DocentError):
        return error
    litellm = _litellm()
    e = litellm.exceptions
    transient = (
        e.RateLimitError,
        e.APIConnectionError,
        e.Timeout,
        e.InternalServerError,
        e.ServiceUnavailableError,
        e.BadGatewayError,
    )
    status = getattr(error, "status_code", None)
    is_transient = isinstance(error, transient) or (isinstance(status, int) and status >= 500)
    name = type(error).__name__ + (f" {status}" if status else "")
    return ModelError(f"the model call failed: {name}", is_transient=is_transient)


def _close(response: Any) -> None:
    """Closes the connection of a stream that may not have been read to its end."""
    stream_ = getattr(response, "completion_stream", None)
    close = getattr(stream_, "close", None)
    if close:
        with suppress(Exception):  # it is over either way
            close()


def _hang_up(response: Any) -> None:
    """Ends a stream that another thread may be reading: the provider stops writing what nobody will see.
    A no-op for providers whose streams show no socket; theirs end with the next byte or the stall timeout."""
    http = getattr(getattr(response, "completion_stream", None), "response", None)
    network = getattr(http, "extensions", {}).get("network_stream")
    connection = network.get_extra_info("socket") if network else None
    if connection:
        with suppress(OSError):  # ended already
            connection.shutdown(socket.SHUT_RDWR)


def _ms_since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
