"""Translates what LiteLLM and its providers raise into :class:`ModelError`. No text of a provider is quoted: it
may hold parts of a prompt."""

import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

import httpx

from agent.clock import now
from agent.errors import ModelError
from agent.llm import failures, models
from agent.llm.litellm_setup import litellm
from agent.llm.request import Request

_NETWORK = (httpx.TransportError, OSError)
# What an error event in the middle of a stream is called, and the status that it would have had before it.
_EVENTS = (
    (re.compile(r"rate.?limit|too.?many.?requests|throttl", re.IGNORECASE), 429),
    (re.compile(r"overload|server.?error|unavailable|internal|timeout|api.?error", re.IGNORECASE), 503),
    (re.compile(r"authentication|invalid.?api.?key|unauthori[sz]ed", re.IGNORECASE), 401),
    (re.compile(r"quota|billing|credit", re.IGNORECASE), 402),
    (re.compile(r"permission|forbidden", re.IGNORECASE), 403),
    (re.compile(r"not.?found", re.IGNORECASE), 404),
    (
        re.compile(
            r"invalid|bad.?request|context.?length|too.?large|too.?long|unsupported|validation|policy",
            re.IGNORECASE,
        ),
        400,
    ),
)
_STATUSES = range(400, 600)


def translate(error: Exception, request: Request | None = None, *, has_begun: bool = False) -> ModelError:
    """Translates a foreign error; ``request`` is what it answers, where parameters may have been refused."""
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
    status = _read_event_status(error) or getattr(error, "status_code", None)
    status = status if isinstance(status, int) else None
    is_timeout = isinstance(error, e.Timeout | TimeoutError) or "Timeout" in type(error).__name__
    is_answered = status is not None and status < 500 and status != 429
    is_transient = is_timeout or (not is_answered and (isinstance(error, transient) or bool(status)))
    may_be_refused = not is_transient and request is not None and status in (None, 400, 404, 422)
    name = type(error).__name__ + (f" {status}" if status else "")
    return ModelError(
        _describe(error, name, request),
        is_transient=is_transient and not failures.lacks_key(error),
        is_timeout=is_timeout,
        has_begun=has_begun,
        retry_after_seconds=_read_retry_after(error) if is_transient else 0,
        refused=models.find_refused(request, str(error)) if request and may_be_refused else frozenset(),
    )


def _describe(error: Exception, name: str, request: Request | None) -> str:
    """Says what the failure means, where, and the class and status of the provider's error."""
    failure = failures.find(error, request.model.name if request else "")
    if status := _read_event_status(error):
        failure = failures.find_by_status(status)
    elif failure is failures.UNREACHABLE and _find_event(error):
        failure = failures.OUTAGE
    if failure is None:
        return f"the model call failed: {name}"
    base = request.model.api_base if request and failure is failures.UNREACHABLE else None
    return f"{failure.why}{failures.describe_address(base)} ({name})"


def _read_event_status(error: BaseException) -> int | None:
    """Returns the status that an error event in a stream stands for; LiteLLM makes it a 500 whatever it says."""
    body = _find_event(error)
    fields = body if isinstance(body, Mapping) else {"type": body}
    names = [str(fields.get(name) or "") for name in ("code", "status", "type")]
    numbers = [int(name) for name in names if name.isdigit() and int(name) in _STATUSES]
    words = " ".join(name for name in names if not name.isdigit())
    named = [status for pattern, status in _EVENTS if pattern.search(words)]
    return next(iter([*numbers, *named]), None)


def _find_event(error: BaseException) -> Mapping[str, object] | str | None:
    """Returns what the provider said in an error event; an error with a status was none."""
    for cause in _list_causes(error):
        body = getattr(cause, "body", None)
        if body and isinstance(body, Mapping | str) and not isinstance(getattr(cause, "status_code", None), int):
            return body
    return None


def _read_retry_after(error: Exception) -> float:
    """Returns the seconds of the provider's ``Retry-After`` header (seconds, or a date); 0 without one."""
    values = (str(headers.get("retry-after") or "") for headers in _find_headers(error))
    value = next(filter(None, values), "")
    if re.fullmatch(r"\d{1,6}(\.\d+)?", value):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now()).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _find_headers(error: BaseException) -> Iterator[Mapping[str, str]]:
    """Yields the headers of provider responses: LiteLLM keeps them on its own error, or on the error that
    caused it."""
    for cause in _list_causes(error):
        response = getattr(cause, "response", None)
        for headers in (getattr(cause, "litellm_response_headers", None), getattr(response, "headers", None)):
            if headers:
                yield headers


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    """Yields the error and what caused it, each once."""
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
