"""A server on loopback that takes what is posted to it and keeps it: what Sentry and a collector of traces are."""

import gzip
import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ABC):
    """Answers every POST with 200; a subclass says in :meth:`keep` what becomes of its body."""

    def __init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Quiet."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.keep(body)
                self.send_response(200)
                self.end_headers()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @abstractmethod
    def keep(self, body: bytes) -> None:
        """Keeps one body, unpacked."""

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
