"""The child of :mod:`ingest.documents.sandbox`: reads one document after another, within limits, and answers in
JSON.

Imports the library of a format when the first document of it comes. Sets limits to its own memory, to the
processor's time of each document and, for the case that nobody is left to stop it, to all its time. Writes no
file.
"""

import json
import math
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, BinaryIO

from ingest.documents.blocks import Document
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers import reader

Json = dict[str, Any]
Read = Callable[[RawDocument, int], Document]


def document(raw: RawDocument, max_chars: int) -> Document:
    """Reads a document; raises :class:`FetchProblem`."""
    return reader.read_document(raw, max_chars=max_chars)


def serve(limits: Json, *, read: Read = document) -> None:
    """Answers until its input ends; its own output goes nowhere, so that a library cannot spoil an answer."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    _limit(limits["memory_bytes"])
    while head := requests.readline():
        request = json.loads(head)
        raw = _raw(request, requests.read(request["n_bytes"]))
        _limit_cpu(limits["cpu_seconds"])
        signal.alarm(int(limits["seconds"]) + 5)  # the parent's limit comes first, while there is a parent
        answer = _answer(read, raw, limits["max_chars"])
        signal.alarm(0)
        _send(answers, answer)
        if answer.get("failure") == "memory":
            return  # what it could not free is gone with it


def _raw(request: Json, content: bytes) -> RawDocument:
    updated_at = datetime.fromisoformat(request["updated_at"]) if request["updated_at"] else None
    return RawDocument(content, request["format"], request["title"], updated_at)


def _answer(read: Read, raw: RawDocument, max_chars: int) -> Json:
    try:
        document = read(raw, max_chars)
        if sum(len(block.text) + sum(map(len, block.lines)) for block in document.blocks) > max_chars:
            return {"failure": "output"}
        return {"document": _json(document)}
    except FetchProblem as problem:
        return {"failure": "problem", "cause": problem.cause, "advice": problem.advice}
    except MemoryError:
        return {"failure": "memory"}
    except Exception as error:  # noqa: BLE001 - one document's end; its text may stand in the message, so no message
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
        return {"failure": "bug", "cause": f"{type(error).__name__} in {where}"}


def _json(document: Document) -> Json:
    """Without what is empty."""
    return {
        "title": document.title,
        "blocks": [{name: value for name, value in vars(block).items() if value} for block in document.blocks],
        "updated_at": document.updated_at.isoformat() if document.updated_at else None,
        "keywords": document.keywords,
        "gap": vars(document.gap) if document.gap else None,
    }


def _send(answers: BinaryIO, answer: Json) -> None:
    body = json.dumps(answer, ensure_ascii=False).encode(errors="replace")
    answers.write(len(body).to_bytes(8) + body)
    answers.flush()


def _limit_cpu(seconds: int) -> None:
    """From now on; the signal that follows ends the process, and by it the parent knows why."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(used.ru_utime + used.ru_stime) + seconds
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (most if hard < 0 else min(most, hard), hard))


def _limit(memory_bytes: int) -> None:
    """macOS does not hold a process to an amount of memory; the parent does."""
    for kind, limit in [
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ]:
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (limit, limit))


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
