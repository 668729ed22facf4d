"""An embedding and a rerank model on loopback: a real HTTP server that speaks OpenAI's and Cohere's API.

A text's vector is of the words it holds, so that equal words are near; what else a request gets a test may say.
"""

import gc
import hashlib
import json
import math
import re
import threading
import warnings
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.scripted_model import Fail, _close_clients

DIMENSION = 32
Request = dict[str, Any]


class ScriptedEmbeddings:
    """``fail`` may give a failure for the n-th request, from 1, instead of an answer; ``texts`` are all that were
    embedded, by request. One text is one token for each word."""

    def __init__(self, *, dimension: int = DIMENSION, host: str = "127.0.0.1") -> None:
        self.dimension = dimension
        self.requests: list[Request] = []
        self.clients: list[str] = []  # the address that each request came from
        self.fail: Callable[[int], Fail | None] = lambda n: None
        self.change: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: answer
        self._counting = threading.Lock()
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                """Quiet."""

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with model._counting:
                    model.requests.append(request)
                    model.clients.append(self.client_address[0])
                    failure = model.fail(len(model.requests))
                if failure:
                    self._send(failure.status, {"error": {"message": failure.message}}, failure.headers)
                elif self.path.endswith("/embeddings"):
                    self._send(200, model.change(model._embedded(request)), {})
                else:
                    self._send(200, model.change(_reranked(request)), {})

            def _send(self, status: int, answer: dict[str, Any], headers: dict[str, str]) -> None:
                body = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> "ScriptedEmbeddings":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        _close_clients()
        with warnings.catch_warnings():  # two threads make two clients at first, and litellm keeps one of them
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    @property
    def texts(self) -> list[list[str]]:
        return [request["input"] for request in self.requests if "input" in request]

    def named(self, name: str) -> str:
        """As a setting names it."""
        return f"openai/{name}@{self.address}/v1"

    def _embedded(self, request: Request) -> dict[str, Any]:
        rows = [
            {"object": "embedding", "index": i, "embedding": vector(text, self.dimension)}
            for i, text in enumerate(request["input"])
        ]
        n_tokens = sum(len(text.split()) for text in request["input"])
        usage = {"prompt_tokens": n_tokens, "total_tokens": n_tokens}
        return {"object": "list", "model": request["model"], "data": rows[::-1], "usage": usage}


def vector(text: str, dimension: int = DIMENSION) -> list[float]:
    """Not of unit length."""
    found = [0.0] * dimension
    for word in re.findall(r"\w+", text.lower()):
        found[int(hashlib.sha256(word.encode()).hexdigest(), 16) % dimension] += 1.0
    return found if any(found) else [math.pi] * dimension


def _reranked(request: Request) -> dict[str, Any]:
    """The more of the question's words, the better; the one that says so is the best of all."""
    words = set(re.findall(r"\w+", request["query"].lower()))
    results = [
        {
            "index": i,
            "relevance_score": 0.99 if "best of all" in text else 0.01 * len(words & set(text.lower().split())),
        }
        for i, text in enumerate(request["documents"])
    ]
    results.sort(key=lambda one: -float(one["relevance_score"]))
    return {"id": "r", "results": results, "meta": {"billed_units": {"search_units": 1}}}
