"""Parses raw documents in a child process: the parent's side. The parent itself never parses foreign data.

Promises that a document which hangs, crashes or exhausts memory affects only itself: the child has 30 seconds of
processor time, two minutes of real time and 1.5 GB for it, and is replaced when it dies. It is started with the
first document, reused while it behaves, and ended with the sync. It is a new interpreter, not a fork (LanceDB runs
threads), gets no secrets in its environment, writes no files, and answers in JSON.

Does not isolate the child beyond that: it runs as the same user and has the network, so a parser under an
attacker's control can do what this user can. Why there is one library per format, with measurements, is in
``docs/decisions/``.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache

from pydantic import TypeAdapter, ValidationError

from ingest.documents.blocks import Document, Scans
from ingest.documents.exchange import Failure, RequestHead
from ingest.documents.process_watch import ProcessWatch
from ingest.documents.raw import FetchProblem, RawDocument

CHILD = (sys.executable, "-s", "-m", "ingest.documents.readers.child")
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")  # what an interpreter may need
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # each takes address space, and is no faster
_BYTES_PER_CHAR = 8  # of an answer, markup included


@dataclass(frozen=True)
class ReaderLimits:
    """What one document may use.

    The memory is the child's whole address space where the system enforces such a limit (Linux), ~0.2 GB without a
    document; elsewhere it is the memory in use. Processor time depends on the document alone, so a document that
    reaches this limit is not tried again before it changes; ``seconds`` is for waiting and for a busy machine.
    """

    seconds: float = 120.0
    cpu_seconds: int = 30
    memory_bytes: int = 1_500_000_000
    max_chars: int = 20_000_000  # of text


@dataclass(frozen=True)
class _Answer:
    """The child's reply: a document, or the kind of failure."""

    failure: Failure | None = None
    cause: str = ""
    advice: str = ""
    scans: Scans | None = None
    document: Document | None = None


class ConversionBug(Exception):
    """A parser failed in an unforeseen way. The message says where, and quotes nothing of the document."""


class Converter:
    """Parses documents in one child process, which is started when first needed. Not thread-safe.

    >>> with Converter() as converter:
    ...     converter.read(RawDocument(b"The gate opens at six.", Format.TEXT, "Gate")).blocks
    (Block(kind=<BlockKind.PARAGRAPH: 'paragraph'>, text='The gate opens at six.', ...),)

    New ``limits`` apply to the next document, except those that a running child has set for itself (memory and
    processor time).
    """

    def __init__(self, limits: ReaderLimits | None = None, *, child: Sequence[str] = CHILD) -> None:
        self.limits = limits or ReaderLimits()
        self._command = child
        self._child: subprocess.Popen[bytes] | None = None
        self._watch: ProcessWatch | None = None

    def __enter__(self) -> "Converter":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def pid(self) -> int | None:
        """The child's process id; None when there is no child."""
        return self._child.pid if self._child else None

    def read(self, raw: RawDocument) -> Document:
        """Parses a document.

        Raises :class:`FetchProblem` when it is damaged, contains no text or reaches a limit (which may pass), and
        :class:`ConversionBug` for a failure that its reader did not foresee.
        """
        child, watch = self._start()
        answer: _Answer | None = None
        watch.begin(seconds=self.limits.seconds, memory_bytes=self.limits.memory_bytes)
        try:
            answer = self._ask(child, raw)
        finally:
            watch.end()
            if answer is None or watch.failure or answer.failure in {Failure.MEMORY, Failure.OUTPUT}:
                self._end()
        if answer is None:
            answer = _Answer(watch.failure or watch.explain_exit(child.returncode))
        if answer.document is None:
            raise self._to_error(answer)
        return answer.document

    def _start(self) -> tuple[subprocess.Popen[bytes], ProcessWatch]:
        if self._child is None or self._watch is None or self._child.poll() is not None:
            self._end()
            self._child = subprocess.Popen(
                [*self._command, json.dumps(asdict(self.limits))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,  # Ctrl-C goes to the parent, which then ends the child
            )
            self._watch = ProcessWatch(self._child)
        return self._child, self._watch

    def _end(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._child is not None:
            self._child.kill()
            with suppress(BrokenPipeError), self._child:  # closes the pipes, with what was left in them, and waits
                pass
            self._child = None

    def _ask(self, child: subprocess.Popen[bytes], raw: RawDocument) -> _Answer | None:
        """Returns the child's answer, or None when it ended before one; blocks no longer than the child lives."""
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(_format_request(raw))
            child.stdin.write(raw.content)
            child.stdin.flush()
        except BrokenPipeError:
            return None
        head = child.stdout.read(8)
        n_bytes = int.from_bytes(head)
        if n_bytes > _BYTES_PER_CHAR * self.limits.max_chars:
            return _Answer(Failure.OUTPUT)
        body = child.stdout.read(n_bytes)
        return _parse_answer(body) if len(head) == 8 and len(body) == n_bytes else None

    def _to_error(self, answer: _Answer) -> Exception:
        limits, split = self.limits, "split it into smaller documents"
        match answer.failure:
            case Failure.PROBLEM:
                return FetchProblem(answer.cause, answer.advice, scans=answer.scans)
            case Failure.TIME:
                return FetchProblem(f"could not be read within {limits.seconds:g} s", split, may_pass=True)
            case Failure.CPU:
                return FetchProblem(f"needs more than {limits.cpu_seconds} s of processor time to be read", split)
            case Failure.MEMORY:
                cause = f"needs more than {limits.memory_bytes / 1e9:.1f} GB of memory to be read"
                return FetchProblem(cause, split, may_pass=True)
            case Failure.OUTPUT:
                return FetchProblem(f"contains more than {limits.max_chars:,} characters", split)
            case Failure.CRASH:
                advice = "open it, save it again, and report a bug if that does not help"
                return FetchProblem("made its reader crash", advice, may_pass=True)
            case _:
                return ConversionBug(answer.cause)


def _environment() -> dict[str, str]:
    """Returns the child's environment, without secrets."""
    inherited = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return {**inherited, **_ONE_THREAD, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1"}


def _format_request(raw: RawDocument) -> bytes:
    updated_at = raw.updated_at.isoformat() if raw.updated_at else None
    head = RequestHead(
        format=raw.format, title=raw.title, updated_at=updated_at, n_bytes=len(raw.content), page=raw.page
    )
    return json.dumps(head).encode() + b"\n"


@cache
def _answer_type() -> TypeAdapter[_Answer]:
    return TypeAdapter(_Answer)


def _parse_answer(body: bytes) -> _Answer:
    """Validates the child's answer: a parser under an attacker's control may send anything."""
    try:
        return _answer_type().validate_json(body)
    except ValidationError as error:
        return _Answer(Failure.BUG, f"an answer with {error.error_count()} errors")
