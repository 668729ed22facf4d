"""Raw documents to documents, in a child process: the parent's side. The parent itself parses nothing foreign.

Promises that a document which hangs, crashes, or eats memory harms itself only: the child has 30 seconds of a
processor, two minutes in all, and 1.5 GB for it, and is replaced when it dies. It is started when the first
document comes, reused while it behaves, and ended with the sync. It is a new interpreter, no fork (LanceDB's
threads), is handed no secrets in its environment, writes no files, and answers in JSON. It is no sandbox: it runs
as the same user, with the network, so a parser that was taken over can do what this user can.

Why a library for each format and not one for all: on 30 sample files, words of those that at least two readers
find, seconds with the import, and memory at its peak.

============  ================  ==================  ==================  ==================================
Files         These libraries   markitdown 0.1.9    kreuzberg 4.10.4    Remarks
============  ================  ==================  ==================  ==================================
15 PDF        98 %  0.9 s 44 M  100 %  7.0 s 162 M  100 %  0.4 s  72 M  98: page numbers, halves of words
5 DOCX        99 %  1.8 s 58 M   99 %  4.0 s 173 M  100 %  0.2 s  45 M  99: LaTeX commands
PPTX         100 %  0.6 s 32 M  100 %  2.4 s 156 M   94 %  0.2 s  45 M
XLS, CSV     100 %  0.4 s 34 M  100 %  1.7 s 157 M  100 %  0.2 s  43 M
2 HTML        65 %  0.6 s 40 M   99 %  2.4 s 159 M   99 %  0.3 s  49 M  65: without the menus
IPYNB, MSG    94 %  0.4 s 39 M   88 %  2.4 s 155 M   96 %  0.3 s  43 M
installed     69 MB, 21         366 MB, 39          97 MB, 1 package    unstructured: 720 MB, 87 packages
============  ================  ==================  ==================  ==================================

None of the others keeps what answers need: markitdown knows no pages and no headings of PDFs; kreuzberg is the
fastest, but makes headings of table rows, loses tables, reads "*right*" as "righttt", and gives slides no numbers;
its licence went from MIT to Elastic and back. Both show what is hidden in a Word file. unstructured loads models
from the network. Structure, which PDFs lack, is made in :mod:`ingest.documents.readers.pdf.layout`.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache

import psutil
from pydantic import TypeAdapter, ValidationError

from ingest.documents.blocks import Document
from ingest.documents.raw import FetchProblem, RawDocument

CHILD = (sys.executable, "-s", "-m", "ingest.documents.readers.child")
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")  # what an interpreter may need
_LOOK_SECONDS = 0.05  # between two looks at the child's memory
_NEAR_LIMIT = 0.8  # of the memory: a child that ended itself here had no more, as PDFium does
_BYTES_PER_CHAR = 8  # of an answer, markup counted in


@dataclass(frozen=True)
class ReaderLimits:
    """What one document may take.

    The memory is all address space of the child where the system holds it to that (Linux), ~0.2 GB without a
    document; elsewhere what it has in use. The processor's time depends on the document alone, so one that
    reaches this limit is not tried again before it changes; ``seconds`` is for what waits, or a busy machine.
    """

    seconds: float = 120.0
    cpu_seconds: int = 30
    memory_bytes: int = 1_500_000_000
    max_chars: int = 20_000_000  # of text


@dataclass(frozen=True)
class _Answer:
    """The child's, with a document or the kind of failure."""

    failure: str = ""
    cause: str = ""
    advice: str = ""
    document: Document | None = None


class ConversionBug(Exception):
    """A parser failed in a way nobody thought of; the message says where, and quotes nothing of the document."""


def once(raw: RawDocument) -> Document:
    """Reads one document in a child of its own; see :meth:`Converter.read`."""
    with Converter() as converter:
        return converter.read(raw)


class Converter:
    """One child, started when first needed; not for several threads. Use it as a context manager."""

    def __init__(self, limits: ReaderLimits | None = None, *, child: Sequence[str] = CHILD) -> None:
        self._limits = limits or ReaderLimits()
        self._child = child
        self._running: subprocess.Popen[bytes] | None = None
        self._watch: _Watch | None = None

    def __enter__(self) -> "Converter":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def read(self, raw: RawDocument) -> Document:
        """The document; raises :class:`FetchProblem` when it is none, holds no text, or reached a limit (which
        may pass), and :class:`ConversionBug` where its reader does not know."""
        child, watch = self._started()
        answer: _Answer | None = None
        watch.begin(self._limits)
        try:
            answer = self._asked(child, raw)
        finally:
            watch.end()
            if answer is None or watch.failure or answer.failure in {"memory", "output"}:
                self._end()
        if answer is None:
            answer = _Answer(watch.failure or watch.told_by(child.returncode))
        if answer.document is None:
            raise self._problem(answer)
        return answer.document

    def _started(self) -> "tuple[subprocess.Popen[bytes], _Watch]":
        if self._running is None or self._watch is None or self._running.poll() is not None:
            self._end()
            self._running = subprocess.Popen(
                [*self._child, json.dumps(asdict(self._limits))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,  # a Ctrl-C is the parent's, which then ends the child
            )
            self._watch = _Watch(self._running)
        return self._running, self._watch

    def _end(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._running is not None:
            self._running.kill()
            with (
                suppress(BrokenPipeError),
                self._running,
            ):  # closes the pipes, with what was left in them, and waits
                pass
            self._running = None

    def _asked(self, child: subprocess.Popen[bytes], raw: RawDocument) -> _Answer | None:
        """The child's answer, or None when it ended before one; blocks no longer than the child lives."""
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(_request(raw))
            child.stdin.write(raw.content)
            child.stdin.flush()
        except BrokenPipeError:
            return None
        head = child.stdout.read(8)
        n_bytes = int.from_bytes(head)
        if n_bytes > _BYTES_PER_CHAR * self._limits.max_chars:
            return _Answer("output")
        body = child.stdout.read(n_bytes)
        return _answer(body) if len(head) == 8 and len(body) == n_bytes else None

    def _problem(self, answer: _Answer) -> Exception:
        split = "split it into smaller documents"
        match answer.failure:
            case "problem":
                return FetchProblem(answer.cause, answer.advice)
            case "time":
                return FetchProblem(f"could not be read within {self._limits.seconds:g} s", split, may_pass=True)
            case "cpu":
                return FetchProblem(
                    f"needs more than {self._limits.cpu_seconds} s of a processor to be read", split
                )
            case "memory":
                limit = f"{self._limits.memory_bytes / 1e9:.1f} GB"
                return FetchProblem(f"needs more than {limit} of memory to be read", split, may_pass=True)
            case "output":
                return FetchProblem(f"holds more than {self._limits.max_chars:,} characters", split)
            case "crash":
                advice = "open it, save it again, and report a bug if that does not help"
                return FetchProblem("made its reader crash", advice, may_pass=True)
            case _:
                return ConversionBug(answer.cause)


class _Watch:
    """Kills the child when a document takes too long or too much memory; a thread, so that the parent may wait.

    One for the child's whole life that looks now and then, not one for each document: of a sync of small documents
    two fifths of what py-spy saw running was the starting and ending of threads.
    """

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        self._limits = ReaderLimits()
        self._deadline: float | None = None  # of the document that is being read
        self._peak_bytes = 0  # of address space
        self._changing = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self.failure: str | None = None
        self._thread.start()

    def begin(self, limits: ReaderLimits) -> None:
        """A document is being read within these limits."""
        with self._changing:
            self._limits, self._peak_bytes = limits, 0
            self._deadline = time.monotonic() + limits.seconds

    def end(self) -> None:
        """It is read; from now on nothing is killed for its sake."""
        with self._changing:
            self._deadline = None

    def close(self) -> None:
        """The child is no longer needed."""
        self._is_over.set()
        self._thread.join()

    def told_by(self, code: int | None) -> str:
        """Why a child ended that was not killed here."""
        if code == -signal.SIGXCPU:
            return "cpu"
        is_abort = code in {-signal.SIGABRT, -signal.SIGTRAP, -signal.SIGILL, -signal.SIGSEGV}
        return "memory" if is_abort and self._peak_bytes >= _NEAR_LIMIT * self._limits.memory_bytes else "crash"

    def _look(self) -> None:
        while self.failure is None and not self._is_over.wait(_LOOK_SECONDS):
            deadline = self._deadline
            if deadline is None:
                continue
            if time.monotonic() > deadline:
                self._kill("time", deadline)
            elif self._memory_bytes() > self._limits.memory_bytes:
                self._kill("memory", deadline)

    def _memory_bytes(self) -> int:
        """What the child has in use; 0 when it is gone."""
        with suppress(psutil.Error):
            memory = psutil.Process(self._child.pid).memory_info()
            if sys.platform == "linux":  # elsewhere address space says nothing
                self._peak_bytes = max(self._peak_bytes, memory.vms)
            return int(memory.rss)
        return 0

    def _kill(self, failure: str, deadline: float) -> None:
        """Unless another document has begun meanwhile."""
        with self._changing:
            if self._deadline == deadline:
                self.failure = failure
                self._child.kill()


def _environment() -> dict[str, str]:
    """No secrets: the child needs none."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return {**kept, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1"}


def _request(raw: RawDocument) -> bytes:
    updated_at = raw.updated_at.isoformat() if raw.updated_at else None
    head = {"format": raw.format, "title": raw.title, "updated_at": updated_at, "n_bytes": len(raw.content)}
    return json.dumps(head).encode() + b"\n"


@cache
def _answers() -> TypeAdapter[_Answer]:
    return TypeAdapter(_Answer)


def _answer(body: bytes) -> _Answer:
    """Believes nothing: the child may speak for what took it over."""
    try:
        return _answers().validate_json(body)
    except ValidationError as error:
        return _Answer("bug", f"an answer with {error.error_count()} errors")
