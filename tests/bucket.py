"""A bucket on loopback: moto's S3, behind a counter of requests that can be slow, refuse, or go away."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from obstore.store import S3Store
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.proxy import Proxy

BUCKET = "bucket"
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class S3Bucket:
    """Serves ``s3://bucket/…``, and counts requests by kind: ``LIST``, ``GET``, ``HEAD``, ``PUT``, ``DELETE``."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.delay_seconds = 0.0  # added to every request
        self.n_throttled = 0  # so many requests are refused, as by a bucket that has too many of them
        self.change: Callable[[str, bytes], bytes] = lambda path, content: content  # what a GET answers
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self._direct = f"http://127.0.0.1:{self._server.server_port}"
        httpx.post(f"{self._direct}/moto-api/reset")
        httpx.put(f"{self._direct}/{BUCKET}").raise_for_status()
        self.proxy = Proxy(self._direct)

    @property
    def n_requests(self) -> int:
        return sum(self.requests.values())

    def environment(self) -> dict[str, str]:
        """The variables with which LanceDB and Docent find it."""
        return {
            "AWS_ENDPOINT": self.proxy.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }

    def keys(self, prefix: str = "") -> list[str]:
        """Lists all objects, past the counter."""
        listing = httpx.get(f"{self._direct}/{BUCKET}", params={"prefix": prefix, "max-keys": 100_000})
        return re.findall(r"<Key>([^<]*)</Key>", listing.raise_for_status().text)

    def delete(self, key: str) -> None:
        """Deletes an object, past the counter."""
        S3Store.from_url(
            f"s3://{BUCKET}",
            endpoint=self._direct,
            client_options={"allow_http": True},
            access_key_id="test",
            secret_access_key="test",
        ).delete(key)

    def close(self) -> None:
        self.proxy.close()
        self._server.shutdown()
        self._thread.join()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if not path.startswith("/moto-api"):
            is_listing = method == "GET" and "list-type" in environ["QUERY_STRING"]
            self.requests["LIST" if is_listing else method] += 1
            time.sleep(self.delay_seconds)
            if self.n_throttled:
                self.n_throttled -= 1
                start_response("503 Slow Down", [("Content-Length", str(len(SLOW_DOWN)))])
                return [SLOW_DOWN]
        if method != "GET":
            return self._app(environ, start_response)  # type: ignore[no-any-return]
        held: list[Any] = []
        content = b"".join(self._app(environ, lambda *answer: held.append(answer)))
        start_response(*held[0])
        return [self.change(path, content)]


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *args: object) -> None:
        pass


@contextmanager
def serve() -> Iterator[S3Bucket]:
    """Serves an empty bucket until the ``with`` ends."""
    bucket = S3Bucket()
    try:
        yield bucket
    finally:
        bucket.close()
