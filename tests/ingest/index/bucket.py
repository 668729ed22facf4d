"""A bucket that can only be read: the files of a folder, behind the part of S3 that LanceDB reads with."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

LISTING = "<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
ENTRY = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>e</ETag>"
    "<Size>{size}</Size></Contents>"
)


class Bucket(ThreadingHTTPServer):
    """Serves ``s3://bucket/…`` from a folder, and counts what is asked: ``LIST``, ``GET``, ``HEAD``."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.folder = folder
        self.requests: Counter[str] = Counter()

    def environment(self) -> dict[str, str]:
        """The variables with which LanceDB finds it."""
        return {
            "AWS_ENDPOINT": f"http://127.0.0.1:{self.server_port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }


class _Request(BaseHTTPRequestHandler):
    server: Bucket
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if "list-type" in query:
            self.server.requests["LIST"] += 1
            self._send(200, _list(self.server.folder, query.get("prefix", [""])[0], "delimiter" in query))
            return
        self.server.requests[self.command] += 1
        path = self.server.folder / unquote(url.path).removeprefix("/bucket/")
        if not path.is_file():
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        content, asked = path.read_bytes(), self.headers.get("Range")
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start = int(first) if first else len(content) - int(last)
            end = min(int(last) + 1, len(content)) if first and last else len(content)
            self._send(206, content[start:end], f"bytes {start}-{end - 1}/{len(content)}")
        else:
            self._send(200, content)

    do_HEAD = do_GET

    def _send(self, status: int, body: bytes, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _list(folder: Path, prefix: str, has_delimiter: bool) -> bytes:
    files = {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    entries, folders = [], set()
    for key, size in sorted(files.items()):
        name, is_deeper, _ = key.removeprefix(prefix).partition("/")
        if key.startswith(prefix) and is_deeper and has_delimiter:
            folders.add(f"{prefix}{name}/")
        elif key.startswith(prefix):
            entries.append(ENTRY.format(key=escape(key), size=size))
    entries += [f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in sorted(folders)]
    return LISTING.format(entries="".join(entries)).encode()


@contextmanager
def serve(folder: Path) -> Iterator[Bucket]:
    """Serves the folder until the ``with`` ends."""
    with Bucket(folder) as bucket:
        thread = threading.Thread(target=bucket.serve_forever, daemon=True)
        thread.start()
        yield bucket
        bucket.shutdown()
        thread.join()
