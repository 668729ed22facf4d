"""Streaming chat calls to models.

Promises: foreign errors leave as :class:`ModelError`; a transient error before any output is retried here, all
other errors are the caller's; a stream that stalls is cut, and one that ends without saying why has broken off;
the parameters that were really sent are reported. The text of prompts and answers is not logged.
"""

import math
import socket
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from agent import observability
from agent.errors import DeadlineExceeded, DocentError, ModelError
from agent.llm import local_provider, models
from agent.llm.answers import provider_stream
from agent.llm.answers.answer import AnswerReader
from agent.llm.circuit_breaker import Breaker, LocalBreaker
from agent.llm.litellm_setup import Chunk, Response, litellm
from agent.llm.model_names import is_local
from agent.llm.provider_errors import translate
from agent.llm.request import PENDING, Completion, Pending, Request, Retracted
from agent.llm.threaded_iterator import ThreadedIterator
from agent.retry import Retries, RetryPolicy
from agent.types import Message

WAIT_SECONDS = 0.25  # how late a cancellation or a deadline is noticed while the model is silent
FIRST_WAIT_SECONDS = 0.05  # until it is said that the model takes its time: others may compute meanwhile
BACKOFF_SECONDS = 0.5  # doubled with every attempt, with jitter
RETRY_AFTER_LIMIT_SECONDS = 20  # for a longer pause the next model is asked instead
SILENT_SECONDS = 10  # a model that sent nothing for so long is down, however little time the call had
SOCKET_GRACE_SECONDS = 1  # the socket's own timeout comes after ours, which gives the better error
MAX_ADAPTATIONS = 4  # parameters a model may refuse one after the other


@dataclass(frozen=True)
class CallPolicy:
    """Limits of one call: how long it may take in all, how long it may be silent, and its retries."""

    n_retries: int = 2
    timeout_seconds: float = 60
    stall_seconds: float = 30

    def retries(self) -> RetryPolicy:
        """Returns the policy for attempts at this call."""
        return RetryPolicy(
            n_attempts=1 + self.n_retries,
            backoff_seconds=BACKOFF_SECONDS,
            jitter=1.0,
            max_pause_seconds=RETRY_AFTER_LIMIT_SECONDS,
        )


def stream(
    request: Request,
    completion: Completion,
    *,
    deadline: float,
    policy: CallPolicy,
    breaker: Breaker | None = None,
    check: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str | Pending | Retracted]:
    """Yields the text as it arrives, without reasoning, and fills ``completion``.

    ``deadline`` is in ``time.monotonic()`` seconds. ``check`` runs with every chunk, and a few times a second
    while none comes; it may raise, to cancel. Raises :class:`DeadlineExceeded`; and :class:`ModelError` when
    attempts are used up, or at once when an answer broke off that had begun, because it may have to be paid
    for and another attempt needs money of its own.

    Example::

        completion = Completion()
        for piece in stream(request, completion, deadline=time.monotonic() + 60, policy=CallPolicy()):
            if isinstance(piece, str):
                print(piece, end="")
        print(completion.usage.cost_usd)
    """
    completion.started_at = time.monotonic()
    breaker = breaker or LocalBreaker()
    retries = Retries(policy.retries(), deadline=deadline, sleep=sleep)
    n_adapted = 0
    while True:
        completion.n_tries += 1
        completion.sent = models.describe_params(request)
        try:
            with observability.span("gen_ai.chat", f"chat {request.model.name}"):
                if is_local(request.model.name):
                    yield from _answer_locally(request, completion, deadline, check)
                else:
                    yield from _attempt(request, completion, deadline, policy, check)
            completion.latency_ms = _ms_since(completion.started_at)
            breaker.record_success(request.model.key)
            return
        except ModelError as error:
            completion.latency_ms = _ms_since(completion.started_at)
            if n_adapted < MAX_ADAPTATIONS and _adapt(request, error):
                n_adapted += 1
                continue
            _report(error, request, completion, breaker, deadline)
            if time.monotonic() >= deadline:
                raise DeadlineExceeded("the turn's time ended in a model call") from error
            pause_seconds = _next_pause(retries, error)
            if pause_seconds is None or not breaker.allows(request.model.key):
                raise
        for _ in retries.slices(pause_seconds, check):
            yield PENDING


def _adapt(request: Request, error: ModelError) -> bool:
    """Remembers the parameters that the model refused; returns whether a call without them is new."""
    if not error.refused or not models.learn(request.model, error.refused):
        return False
    observability.log.info("parameters_refused", model=request.model.name, names=sorted(error.refused))
    return True


def _next_pause(retries: Retries, error: ModelError) -> float | None:
    if error.has_begun or not error.is_transient:
        return None
    return retries.next_pause(error.retry_after_seconds)


def _report(
    error: ModelError, request: Request, completion: Completion, breaker: Breaker, deadline: float
) -> None:
    """Tells the breaker of failures that another call would meet too.

    A call that only lacked time says nothing about its model, and a provider that refuses a request is up. One
    timeout opens the breaker only where nothing had come, or nothing came any more: a long answer, still being
    written when its time ended, is one person's and counts as one failure.
    """
    key = request.model.key
    is_silent = not completion.has_begun and completion.latency_ms >= SILENT_SECONDS * 1000
    is_out_of_time = error.is_timeout and time.monotonic() >= deadline and not (error.is_stall or is_silent)
    if is_local(request.model.name) or is_out_of_time:
        return
    if error.is_transient:
        opens = error.is_timeout and (error.is_stall or not completion.has_begun)
        breaker.record_failure(key, opens=opens, seconds=error.retry_after_seconds or None)
    else:
        breaker.record_success(key)


def _attempt(
    request: Request,
    completion: Completion,
    deadline: float,
    policy: CallPolicy,
    check: Callable[[], None],
) -> Iterator[str | Pending | Retracted]:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise DeadlineExceeded("no time left for a model call")
    heard_at = time.monotonic()
    until = min(deadline, heard_at + policy.timeout_seconds)
    # Whole seconds: litellm keeps a client, and its connections, for each timeout it is given.
    stream = _ChunkStream(request, math.ceil(min(remaining, policy.stall_seconds)) + SOCKET_GRACE_SECONDS)
    answer = AnswerReader(request)
    pieces = stream.read()
    try:
        for chunk in pieces:
            check()
            now_ = time.monotonic()
            if isinstance(chunk, Pending):  # only now is it the model that takes its time, and not our reader
                if now_ > until:
                    raise _time_out("the model did not finish in time", completion)
                if now_ - heard_at > policy.stall_seconds:
                    raise _time_out("the model fell silent", completion, is_stall=True)
                yield from answer.release()
                yield chunk
                continue
            if now_ > deadline:
                raise _time_out("the turn's time is over", completion)
            completion.has_begun = True
            ready = answer.feed(chunk)
            if answer.has_text:
                completion.first_token_ms = completion.first_token_ms or _ms_since(completion.started_at)
            yield from ready
            heard_at = time.monotonic()  # our reader may have taken long
    except DocentError:
        raise
    except Exception as error:  # litellm raises its own tree and its providers' errors
        if not stream.has_ended():  # else the answer was whole before it
            raise translate(error, request, has_begun=completion.has_begun) from error
    finally:
        pieces.close()
    yield from answer.finish(stream.response, completion)


def _answer_locally(
    request: Request, completion: Completion, deadline: float, check: Callable[[], None]
) -> Iterator[str]:
    if time.monotonic() >= deadline:
        raise DeadlineExceeded("no time left for a model call")
    try:
        for text in local_provider.stream(request, completion):
            check()
            if time.monotonic() > deadline:
                raise _time_out("the turn's time is over", completion)
            completion.has_begun = True
            completion.first_token_ms = completion.first_token_ms or _ms_since(completion.started_at)
            yield text
    except DocentError:
        raise
    except Exception as error:  # a bug of ours; the provider's words do not fit it
        name = type(error).__name__
        raise ModelError(f"{request.model.name} failed: {name}", has_begun=completion.has_begun) from error


def _time_out(message: str, completion: Completion, *, is_stall: bool = False) -> ModelError:
    return ModelError(
        message, is_transient=True, is_timeout=True, is_stall=is_stall, has_begun=completion.has_begun
    )


class _ChunkStream:
    """The chunks of one call. ``response`` is LiteLLM's, once it is there."""

    def __init__(self, request: Request, timeout_seconds: float) -> None:
        self._request, self._timeout_seconds = request, timeout_seconds
        self.response: Response | None = None

    def has_ended(self) -> bool:
        """Returns whether the provider said that the answer is whole."""
        return bool(getattr(self.response, "received_finish_reason", None))

    def read(self) -> Generator[Chunk | Pending, None, None]:
        """Yields the provider's chunks, and PENDING while none comes."""
        chunks = ThreadedIterator[Chunk](self._open, _close)
        is_over, wait_seconds = False, FIRST_WAIT_SECONDS
        try:
            while True:
                try:
                    chunk = chunks.next(wait_seconds)
                except TimeoutError:
                    chunk, wait_seconds = PENDING, WAIT_SECONDS
                except StopIteration:
                    is_over = True
                    return
                yield chunk
        finally:
            if not is_over:
                chunks.cancel()
                _hang_up(chunks.opened)

    def _open(self) -> Response:
        self.response = provider_stream.attach(_open(self._request, self._timeout_seconds))
        return self.response


def _open(request: Request, timeout_seconds: float) -> Response:
    has_tools = bool(request.tools) and models.takes_tools(request.model)
    return litellm().completion(
        model=request.model.name,
        messages=_mark_cache_breakpoints(request),
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


def _mark_cache_breakpoints(request: Request) -> list[Message]:
    """Returns the messages, marked where the provider shall cache the prompt up to there."""
    breakpoints = models.choose_cache_breakpoints(request)
    return [
        cast(Message, {**message, "cache_control": {"type": "ephemeral"}}) if i in breakpoints else message
        for i, message in enumerate(request.messages)
    ]


def _close(response: Response) -> None:
    """Closes the connection of a stream that may not have been read to its end."""
    close = getattr(getattr(response, "completion_stream", None), "close", None)
    if close:
        with suppress(Exception):  # the call is over either way
            close()


def _hang_up(response: Response) -> None:
    """Ends a stream that another thread may be reading, so that the provider stops writing.

    Does nothing for providers whose streams expose no socket; those end with the next byte or the stall
    timeout.
    """
    http = getattr(getattr(response, "completion_stream", None), "response", None)
    network = getattr(http, "extensions", {}).get("network_stream")
    connection = network.get_extra_info("socket") if network else None
    if connection:
        with suppress(OSError):  # ended already
            connection.shutdown(socket.SHUT_RDWR)


def _ms_since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
