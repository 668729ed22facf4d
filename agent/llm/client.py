"""The model: chat calls that stream.

Promises: foreign errors leave as :class:`ModelError`; transient ones are retried here and nowhere else, others
never; a stream that stalls is cut; what was really sent is reported. Text of prompts and answers is not logged.
"""

import math
import random
import re
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from agent import observability
from agent.clock import now
from agent.errors import DeadlineExceeded, DocentError, ModelError
from agent.llm import models
from agent.llm.circuit_breaker import Breaker, LocalBreaker
from agent.llm.litellm_setup import litellm
from agent.llm.model_names import is_local
from agent.llm.request import PENDING, Completion, Model, Pending, Request
from agent.llm.threaded_iterator import ThreadedIterator
from agent.types import Message, Usage

WAIT_SECONDS = 0.25  # how late a cancellation or a deadline is noticed while the model is silent
BACKOFF_SECONDS = 0.5  # doubled with every try, with jitter
RETRY_AFTER_LIMIT_SECONDS = 20  # a provider that wants a longer pause is left to the next model
SILENT_SECONDS = 10  # a model that says nothing for so long is away, however little time the call had
SOCKET_GRACE_SECONDS = 1  # the socket's own limit comes after ours, which knows what it means
LARGEST_COUNT = 2**31 - 1  # of tokens: the record's columns hold no more
MAX_ADAPTATIONS = 4  # parameters a model may refuse one after the other


_NETWORK = (httpx.TransportError, OSError)


@dataclass(frozen=True)
class CallPolicy:
    """How long one call may take, in seconds, and how often it is tried again."""

    n_retries: int = 2
    timeout_seconds: float = 60
    stall_seconds: float = 30


def stream(
    request: Request,
    completion: Completion,
    *,
    deadline: float,
    policy: CallPolicy,
    breaker: Breaker | None = None,
    check: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str | Pending]:
    """Yields the text as it arrives and fills ``completion``; ``check`` runs with every piece, and while none
    comes, and may raise.

    ``deadline`` is in ``time.monotonic()`` seconds. Raises :class:`DeadlineExceeded`, and :class:`ModelError` when
    tries are used up, or at once when an answer broke off that had begun: it may have to be paid for, and another
    needs money of its own.
    """
    completion.started_at = time.monotonic()
    breaker = breaker or LocalBreaker()
    key = request.model.key
    n_failed = n_adapted = 0
    while True:
        completion.n_tries += 1
        completion.sent = models.describe_params(request)
        try:
            with observability.span("gen_ai.chat", f"chat {request.model.name}"):
                yield from _once(request, completion, deadline, policy, check)
            completion.latency_ms = _ms_since(completion.started_at)
            breaker.record_success(key)
            return
        except ModelError as error:
            completion.latency_ms = _ms_since(completion.started_at)
            if error.refused and n_adapted < MAX_ADAPTATIONS and models.learn(request.model, error.refused):
                observability.log.info("parameters_refused", model=request.model.name, names=sorted(error.refused))
                n_adapted += 1
                continue
            n_failed += 1
            pause = _pause(error, n_failed)
            _tell(breaker, request, completion, error, deadline)
            if time.monotonic() >= deadline:
                raise DeadlineExceeded("the turn's time ended in a model call") from error
            may_try = not completion.has_begun and _may_try_again(error, n_failed, policy, pause, deadline)
            if not may_try or not breaker.allows(key):
                raise
            yield from _waited(pause, check, sleep)


def _pause(error: ModelError, n_failed: int) -> float:
    backoff = BACKOFF_SECONDS * 2 ** (n_failed - 1) * (1 + random.random())
    return max(float(backoff), error.retry_after_seconds)


def _may_try_again(error: ModelError, n_failed: int, policy: CallPolicy, pause: float, deadline: float) -> bool:
    is_soon = pause <= RETRY_AFTER_LIMIT_SECONDS and time.monotonic() + pause < deadline
    return error.is_transient and n_failed <= policy.n_retries and is_soon


def _tell(breaker: Breaker, request: Request, completion: Completion, error: ModelError, deadline: float) -> None:
    """What another call would meet too counts; a call that only lacked time says nothing of its model. A provider
    that refuses is not away."""
    key = request.model.key
    is_silent = not completion.has_begun and completion.latency_ms >= SILENT_SECONDS * 1000
    is_out_of_time = error.is_timeout and time.monotonic() >= deadline and not (error.is_stall or is_silent)
    if is_local(request.model.name) or is_out_of_time:
        return
    if error.is_transient:
        breaker.record_failure(key, opens=error.is_timeout, seconds=error.retry_after_seconds or None)
    else:
        breaker.record_success(key)


def _waited(seconds: float, check: Callable[[], None], sleep: Callable[[float], None]) -> Iterator[Pending]:
    while seconds > 0:
        sleep(min(WAIT_SECONDS, seconds))
        seconds -= WAIT_SECONDS
        check()
        yield PENDING


def _once(
    request: Request,
    completion: Completion,
    deadline: float,
    policy: CallPolicy,
    check: Callable[[], None],
) -> Iterator[str | Pending]:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise DeadlineExceeded("no time left for a model call")
    chunks: list[Any] = []
    heard = time.monotonic()
    until = min(deadline, heard + policy.timeout_seconds)
    # Whole seconds: litellm keeps a client, and its connections, for each timeout it is given.
    pieces = _chunks(request, math.ceil(min(remaining, policy.stall_seconds)) + SOCKET_GRACE_SECONDS)
    try:
        for chunk in pieces:
            check()
            now_ = time.monotonic()
            if isinstance(chunk, Pending):  # only then is it the model that takes its time
                if now_ > until:
                    raise ModelError("the model did not finish in time", is_transient=True, is_timeout=True)
                if now_ - heard > policy.stall_seconds:
                    raise _stalled()
                yield chunk
                continue
            if now_ > deadline:
                raise ModelError("the turn's time is over", is_transient=True, is_timeout=True)
            completion.has_begun = True
            chunks.append(chunk)
            text = chunk.choices[0].delta.content if chunk.choices else None
            if text:
                completion.first_token_ms = completion.first_token_ms or _ms_since(completion.started_at)
                yield text
            heard = time.monotonic()  # whoever reads may have taken long
    except Exception as error:  # litellm raises its own tree and its providers' errors
        raise translate(error, request) from error
    finally:
        pieces.close()
    _assemble(request, completion, chunks)


def _stalled() -> ModelError:
    return ModelError("the model fell silent", is_transient=True, is_timeout=True, is_stall=True)


def _chunks(request: Request, timeout_seconds: float) -> Generator[Any, None, None]:
    """The provider's chunks, and WAITING while none comes. A model of this process needs no thread for it."""
    if is_local(request.model.name):
        yield from _opened(request, timeout_seconds)
        return
    feed = ThreadedIterator(lambda: _opened(request, timeout_seconds), _close)
    is_over = False
    try:
        while True:
            try:
                chunk = feed.next(WAIT_SECONDS)
            except TimeoutError:
                chunk = PENDING
            except StopIteration:
                is_over = True
                return
            yield chunk
    finally:
        if not is_over:
            feed.cancel()
            _hang_up(feed.opened)


def _opened(request: Request, timeout_seconds: float) -> Any:
    has_tools = bool(request.tools) and models.takes_tools(request.model)
    return litellm().completion(
        model=request.model.name,
        messages=_marked(request),
        **({"tools": list(request.tools)} if has_tools else {}),
        **models.build_params(request),
        **({"api_base": request.model.api_base} if request.model.api_base else {}),
        stream=True,
        stream_options={"include_usage": True},
        num_retries=0,
        max_retries=0,
        _skip_mcp_handler=True,  # else tools make 1.106 import its proxy, and fail without the mcp package
        timeout=timeout_seconds,
    )


def _marked(request: Request) -> list[Message]:
    """The messages, with marks where a provider is asked to keep the prompt."""
    marks = models.choose_cache_breakpoints(request)
    return [
        message | {"cache_control": {"type": "ephemeral"}} if i in marks else message
        for i, message in enumerate(request.messages)
    ]


def _assemble(request: Request, completion: Completion, chunks: list[Any]) -> None:
    whole = litellm().stream_chunk_builder(chunks, messages=list(request.messages)) if chunks else None
    if whole is None or not whole.choices:
        raise ModelError("the model's stream ended without an answer", is_transient=True)
    choice = whole.choices[0]
    message = choice.message.model_dump(exclude_none=True)
    completion.message = {key: value for key, value in message.items() if key != "function_call"}
    completion.message.setdefault("content", None)
    completion.finish_reason = choice.finish_reason
    completion.response = whole.model_dump(mode="json", exclude={"id", "created"}, exclude_none=True)
    completion.usage = _usage(request.model, whole)


def _usage(model: Model, whole: Any) -> Usage:
    if is_local(model.name):
        return Usage()
    usage = whole.usage
    details = getattr(usage, "prompt_tokens_details", None)
    counts = {
        "prompt_tokens": _count(usage.prompt_tokens),
        "cached_tokens": _count(getattr(details, "cached_tokens", None)),
        "completion_tokens": _count(usage.completion_tokens),
    }
    return Usage(
        **counts, cost_usd=model.price.cost(**counts) if model.price.is_flat else _listed_cost(model, whole)
    )


def _count(given: Any) -> int:
    return min(max(int(given or 0), 0), LARGEST_COUNT)


def _listed_cost(model: Model, whole: Any) -> Decimal:
    """The price list's own sum: it knows what keeping a prompt costs, and steps of price by length."""
    try:
        return Decimal(str(litellm().completion_cost(completion_response=whole, model=model.name)))
    except Exception:  # noqa: BLE001  litellm raises a bare Exception where it cannot tell
        usage = whole.usage
        return model.price.cost(
            prompt_tokens=usage.prompt_tokens or 0, cached_tokens=0, completion_tokens=usage.completion_tokens or 0
        )


def translate(error: Exception, request: Request | None = None) -> Exception:
    """Our own errors pass; a provider's error becomes a ModelError that quotes none of its text."""
    if isinstance(error, DocentError):
        return error
    error = getattr(error, "original_exception", None) or error  # of one that came in the middle of a stream
    e = litellm().exceptions
    transient: tuple[type[BaseException], ...] = (
        *_NETWORK,
        e.RateLimitError,
        e.APIConnectionError,
        e.Timeout,
        e.InternalServerError,
        e.ServiceUnavailableError,
        e.BadGatewayError,
    )
    status = getattr(error, "status_code", None)
    status = status if isinstance(status, int) else None
    is_timeout = isinstance(error, e.Timeout | TimeoutError) or "Timeout" in type(error).__name__
    is_answered = status is not None and status < 500 and status != 429
    is_transient = is_timeout or (not is_answered and (isinstance(error, transient) or bool(status)))
    is_ours_to_mend = not is_transient and request is not None and status in (None, 400, 404, 422)
    name = type(error).__name__ + (f" {status}" if status else "")
    return ModelError(
        f"the model call failed: {name}",
        is_transient=is_transient,
        is_timeout=is_timeout,
        retry_after_seconds=_retry_after(error) if is_transient else 0,
        refused=models.find_refused(request, str(error)) if request and is_ours_to_mend else frozenset(),
    )


def _retry_after(error: Exception) -> float:
    """Seconds the provider asks to wait, from its ``Retry-After`` header (seconds, or a date); else 0."""
    value = next((found for headers in _headers(error) if (found := str(headers.get("retry-after") or ""))), "")
    if re.fullmatch(r"\d{1,6}(\.\d+)?", value):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now()).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _headers(error: BaseException | None) -> Iterator[Mapping[str, str]]:
    """Of the provider's answer: litellm keeps them beside its own error, or with the error it made it of."""
    while error:
        for headers in (getattr(error, "litellm_response_headers", None), _of_response(error)):
            if headers:
                yield headers
        error = error.__cause__ or error.__context__


def _of_response(error: BaseException) -> Mapping[str, str] | None:
    found: Mapping[str, str] | None = getattr(getattr(error, "response", None), "headers", None)
    return found


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
