"""Log lines on standard error: logfmt, or JSON, one object a line. Secrets are masked in all of them.

Our own lines come from structlog, those of other libraries from ``logging``; as JSON both have the same form:
``time``, ``level``, ``event``, ``logger`` for those of others, the fields, and the ids of the context.
"""

import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO, cast

import structlog

from agent import secrets

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

OURS = "docent"  # our loggers begin with it
NOISY = ("LiteLLM", "slack_bolt", "slack_sdk", "rq", "httpx")

log: structlog.stdlib.BoundLogger = structlog.get_logger(OURS)


def set_up(level: str, *, is_json: bool = False) -> None:
    """Configures the lines of this process; those of other libraries from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_make_foreign_formatter(is_json=is_json))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger(OURS).setLevel(level)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.CRITICAL if noisy == "LiteLLM" else logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time" if is_json else "timestamp"),
            _mask_fields,
            *_list_renderers(is_json=is_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Stderr())),
    )


def _list_renderers(*, is_json: bool) -> "list[Processor]":
    if is_json:
        return [_make_json_renderer()]
    if sys.stderr.isatty():
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]
    return [structlog.processors.LogfmtRenderer()]


def _make_json_renderer() -> structlog.processors.JSONRenderer:
    return structlog.processors.JSONRenderer(ensure_ascii=False, default=str)


def _make_foreign_formatter(*, is_json: bool) -> logging.Formatter:
    """Returns what writes the lines of other libraries, and tracebacks."""
    if not is_json:
        return _MaskedFormatter("%(levelname)s %(name)s %(message)s")
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _mask_fields,
            _make_json_renderer(),
        ],
    )


class _MaskedFormatter(logging.Formatter):
    """Masks secrets in the lines of all libraries, and in their tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return secrets.redact(super().format(record))


def _mask_fields(logger: "WrappedLogger", method: str, fields: "EventDict") -> "EventDict":
    """Masks secrets in the fields of a line."""
    return {name: secrets.redact(value) if isinstance(value, str) else value for name, value in fields.items()}


class _Stderr:
    """Standard error as it is at the moment; one that is closed, or whose reader is gone, ends nothing."""

    def write(self, text: str) -> None:
        with suppress(ValueError, OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(ValueError, OSError):
            sys.stderr.flush()
