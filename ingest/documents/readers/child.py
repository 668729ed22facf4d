"""The child of :mod:`ingest.documents.converter`: parses documents one by one, within limits, and answers in JSON.

Imports a format's library with the first document of that format. Limits its own memory, the processor time of
each document and, in case nobody is left to stop it, its real time. Writes no file.
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
from typing import BinaryIO, cast

from ingest.documents.blocks import Block, Document, Scans
from ingest.documents.exchange import (
    DocumentMessage,
    ExchangedBlock,
    Failure,
    GapMessage,
    LimitsMessage,
    ReaderReply,
    RequestHead,
    ScansMessage,
)
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers import reader

Read = Callable[[RawDocument, int], Document]


def read(raw: RawDocument, max_chars: int) -> Document:
    """Parses a document; raises :class:`FetchProblem`."""
    return reader.read_document(raw, max_chars=max_chars)


def serve(limits: LimitsMessage, *, read: Read = read) -> None:
    """Answers requests until the input ends; discards other output, so that a library cannot corrupt an answer."""
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    _limit_resources(limits["memory_bytes"])
    while line := requests.readline():
        head = cast(RequestHead, json.loads(line))
        raw = _parse_request(head, requests.read(head["n_bytes"]))
        _limit_cpu(limits["cpu_seconds"])
        signal.alarm(int(limits["seconds"]) + 5)  # the parent's limit comes first, while there is a parent
        reply = _reply(read, raw, limits["max_chars"])
        signal.alarm(0)
        _send(replies, reply)
        if reply.get("failure") == Failure.MEMORY:
            return  # ends with all that could not be freed


def _parse_request(head: RequestHead, content: bytes) -> RawDocument:
    updated_at = datetime.fromisoformat(head["updated_at"]) if head["updated_at"] else None
    return RawDocument(content, Format(head["format"]), head["title"], updated_at, page=head["page"])


def _reply(read: Read, raw: RawDocument, max_chars: int) -> ReaderReply:
    try:
        document = read(raw, max_chars)
        if sum(len(block.text) + sum(map(len, block.lines)) for block in document.blocks) > max_chars:
            return {"failure": Failure.OUTPUT}
        return {"document": _document_message(document)}
    except FetchProblem as problem:
        reply: ReaderReply = {"failure": Failure.PROBLEM, "cause": problem.cause, "advice": problem.advice}
        return {**reply, "scans": _scans_message(problem.scans)} if problem.scans else reply
    except MemoryError:
        return {"failure": Failure.MEMORY}
    except Exception as error:  # noqa: BLE001 - ends one document; no message, because it may quote the document
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
        return {"failure": Failure.BUG, "cause": f"{type(error).__name__} in {where}"}


def _document_message(document: Document) -> DocumentMessage:
    return {
        "title": document.title,
        "blocks": [_block_message(block) for block in document.blocks],
        "updated_at": document.updated_at.isoformat() if document.updated_at else None,
        "keywords": document.keywords,
        "readers": None if document.readers is None else list(document.readers),
        "upkeep": document.upkeep.as_json() or {},
        "language": document.language,
        "scans": _scans_message(document.scans) if document.scans else None,
        "gap": GapMessage(cause=document.gap.cause, advice=document.gap.advice) if document.gap else None,
    }


def _scans_message(scans: Scans) -> ScansMessage:
    return {"pages": list(scans.pages), "n_stamped": scans.n_stamped, "n_unchecked": scans.n_unchecked}


def _block_message(block: Block) -> ExchangedBlock:
    return cast(ExchangedBlock, {name: value for name, value in vars(block).items() if value})


def _send(replies: BinaryIO, reply: ReaderReply) -> None:
    body = json.dumps(reply, ensure_ascii=False).encode(errors="replace")
    replies.write(len(body).to_bytes(8) + body)
    replies.flush()


def _limit_cpu(seconds: int) -> None:
    """Limits processor time from now on; the signal at the limit ends the process and tells the parent why."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime) + seconds
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (limit if hard < 0 else min(limit, hard), hard))


def _limit_resources(memory_bytes: int) -> None:
    """Limits memory and forbids files and core dumps. macOS does not enforce the memory; there the parent does."""
    for kind, limit in [
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ]:
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (limit, limit))


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
