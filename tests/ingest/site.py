"""A website on loopback: real HTTP, pages that can be changed, and every request on record."""

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

FRAME = "<title>{title} | Acme</title><nav>MENU {n}</nav><main><h1>{title}</h1>{body}</main><footer>{n}</footer>"


@dataclass
class Page:
    """One answer. ``pieces`` instead of a body are sent one by one, ``pause`` seconds apart."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Callable[[], Iterator[bytes]] | None = None
    pause: float = 0.0
    etag: str = ""


class Site:
    """Use it as a context manager. ``pages`` by path with its query; ``otherwise`` answers for all other paths."""

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.pages: dict[str, Page] = {}
        self.otherwise: Callable[[str], Page] = lambda path: Page(b"nothing here", status=404)
        self.asked: list[tuple[str, int]] = []
        self.headers: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer((host, 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.address = f"http://{host}:{self.port}"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def show(
        self,
        path: str,
        body: str = "",
        *,
        title: str = "",
        links: tuple[str, ...] = (),
        head: str = "",
        n: int = 0,
        etag: str = "",
    ) -> None:
        """A page with a menu and a foot around it that hold ``n``."""
        anchors = "".join(f'<p><a href="{link}">to {link}</a>' for link in links)
        html = f"<html><head>{head}" + FRAME.format(title=title or path, n=n, body=f"<p>{body or path}{anchors}")
        self.pages[path] = Page(html.encode(), headers={"Content-Type": "text/html; charset=utf-8"}, etag=etag)

    def counts(self) -> Counter[int]:
        """How often each status was answered, and forgets it."""
        counts = Counter(status for _, status in self.asked)
        self.asked.clear()
        return counts

    def paths(self) -> list[str]:
        """Asked for, but for robots.txt and sitemaps."""
        return [path for path, _ in self.asked if "robots" not in path and "sitemap" not in path]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = (
                -1
            )  # head and body in one packet, else each waits 40 ms for the other side's acknowledgement

            def do_GET(self) -> None:
                page = site.pages.get(self.path) or site.otherwise(self.path)
                is_known = bool(page.etag) and self.headers.get("If-None-Match") == page.etag
                status = 304 if is_known else page.status
                site.asked.append((self.path, status))
                site.headers.append(dict(self.headers))
                self.send_response(status)
                for name, value in page.headers.items():
                    self.send_header(name, value)
                if page.etag:
                    self.send_header("ETag", page.etag)
                if page.pieces is None and not is_known:
                    self.send_header("Content-Length", str(len(page.body)))
                if page.pieces is not None:
                    self.send_header("Connection", "close")
                self.end_headers()
                if not is_known:
                    self._send(page)

            def _send(self, page: Page) -> None:
                try:
                    for piece in page.pieces() if page.pieces else iter([page.body]):
                        self.wfile.write(piece)
                        if page.pieces:
                            self.wfile.flush()
                            time.sleep(page.pause)
                except OSError:  # the other side has heard enough
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler
